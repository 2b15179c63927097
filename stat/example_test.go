package stat_test

import (
	"encoding/json"
	"fmt"

	"rondo.dev/rondo/stat"
)

// A challenger gains 0.02 of log loss; days differ by about 0.01. Its state is kept as JSON between days.
func ExamplePromotion() {
	past := make([]float64, 28)
	for i := range past {
		past[i] = 0.01 * float64(i%5-2)
	}
	trial, err := stat.NewPromotion(0.004, 0.05, past, 1000) // not worse by 0.004, error 5 %
	if err != nil {
		fmt.Println(err)
		return
	}
	for day := 1; day <= 14; day++ {
		verdict := trial.Add(stat.Day{Mean: 0.02, Rows: 950, EndsWeek: day%7 == 0})
		if verdict != stat.Continue {
			fmt.Println("day", day, verdict)
			break
		}
		state, err := json.Marshal(trial)
		if err != nil {
			fmt.Println(err)
			return
		}
		trial = stat.Promotion{}
		if err := json.Unmarshal(state, &trial); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output: day 14 promote
}

// The excess loss of a model rises by 0.05 on day 10; day 9 was a little high already.
func ExampleDetector() {
	past := make([]float64, 56)
	for i := range past {
		past[i] = 0.01 * float64(i%5-2)
	}
	monitor, err := stat.NewDetector(0.5, 1, past) // half of a budget of one false alarm a year
	if err != nil {
		fmt.Println(err)
		return
	}
	for day := 1; day <= 20; day++ {
		mean := 0.01 * float64(day%5-2)
		if day >= 10 {
			mean += 0.05
		}
		if monitor.Add(stat.Day{Mean: mean, Rows: 500}) == stat.Alarm {
			fmt.Println("alarm on day", day, "since day", monitor.Since)
		}
	}
	// Output: alarm on day 12 since day 9
}

// A champion that costs 30 a block more than a fresh probe is replaced when that exceeds the price of 100.
func ExampleRegret() {
	regret, err := stat.NewRegret(100, 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	var costs stat.Costs
	for block := 1; block <= 8; block++ {
		costs.Champion = 60
		action := regret.Add(costs)
		if action != stat.Wait {
			fmt.Println("block", block, action)
		}
		if action == stat.Probe { // from now on there is a probe to compare with
			costs = stat.Costs{Compared: true, ChampionCompared: 60, Probe: 30, Twin: 60,
				TwinLessProbe: [8]float64{4, 4, 4, 4, 4, 4, 3, 3}}
		}
		if action == stat.Retrain {
			break
		}
	}
	// Output:
	// block 2 probe
	// block 4 probe
	// block 6 retrain
}
