package metric_test

import (
	"fmt"

	"rondo.dev/rondo/metric"
)

func ExampleAUC() {
	scores := []float64{.1, .4, .35, .8, .2, .7, .6, .3}
	labels := []bool{false, false, true, true, false, true, false, true}
	auc, err := metric.AUC(scores, labels, .95)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f, 95 %% interval %.2f to %.2f, %d rows\n", auc.Value, auc.Low, auc.High, auc.Rows)
	// Output: 0.7500, 95 % interval 0.17 to 0.98, 8 rows
}

// Rows of one day depend on each other: the day is the unit.
func ExampleGroups() {
	scores := []float64{.9, .8, .2, .7, .4, .1, .6, .9, .3, .2}
	labels := []bool{true, true, false, true, true, false, false, true, false, false}
	days := metric.Groups{1, 1, 1, 2, 2, 2, 3, 3, 3, 3}
	accuracy, err := days.Accuracy(scores, labels, .5, metric.OneSided(.95))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f, with 95 %% confidence at least %.2f\n", accuracy.Value, accuracy.Low)
	// Output: 0.8, with 95 % confidence at least 0.36
}
