package boost_test

import (
	"context"
	"fmt"
	"math"

	"rondo.dev/rondo/boost"
)

func ExampleTrain() {
	missing := float32(math.NaN())
	d := boost.Data{Features: []string{"hour", "distance"}}
	for i := range 400 {
		distance := float32(i % 20)
		if i%9 == 0 {
			distance = missing
		}
		late := 0.0
		if distance > 12 {
			late = 1
		}
		d.Values = append(d.Values, float32(i%24), distance)
		d.Labels = append(d.Labels, late)
		d.Rows++
	}
	model, err := boost.Train(context.Background(), boost.DefaultParams(boost.Binary), d, nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	p := make([]float64, model.Outputs())
	for _, row := range [][]float32{{8, 15}, {8, 3}, {8, missing}} {
		model.Predict(row, p)
		fmt.Printf("%.2f\n", p[0])
	}
	// Output:
	// 1.00
	// 0.00
	// 0.00
}
