package control_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/monitor"
	"rondo.dev/rondo/internal/stage/rollout"
	"rondo.dev/rondo/stat"
)

const timed = "  time: {column: at, zone: UTC}\ndeploy: {rollout: {prove: not-worse, margin: 2%, shadow: {until: decided, atMost: 35d}}}\n"

func TestApplySaysWhenAVerdictIsLikely(t *testing.T) {
	i := install(t)
	asked := func(more string) *control.PlanVerdict {
		t.Helper()
		d := declared("")
		d.Text = []byte(strings.Replace(string(d.Text), "data: {source: penguins.json}\n", "data:\n  source: penguins.json\n"+more, 1))
		plan, err := i.Apply(t.Context(), d, true)
		if err != nil {
			t.Fatal(err)
		}
		return plan.Verdict
	}
	if v := asked(timed); v != nil {
		t.Errorf("nobody answers, and there is %v", v)
	}
	i.versions(t, rondo.Champion)
	if v := asked(""); v != nil {
		t.Errorf("rows have no time, and there is %v", v)
	}
	close := func(from, to int, spread float64, compared bool) {
		i.write(t, func(tx store.Tx) error {
			for n := from; n < to; n++ {
				d := control.Day{Day: monitor.Day{Day: began.AddDate(0, 0, n), Labelled: 1000, Loss: 0.5}}
				if compared {
					other := 0.5 + spread*math.Sin(2.3*float64(n))
					d.Probe = &other
				}
				b, err := json.Marshal(d)
				if err != nil {
					return err
				}
				if err := tx.Values().Put("penguins", "day/"+d.Day.Day.Format(time.DateOnly), b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	tomorrow := began.Truncate(24*time.Hour).AddDate(0, 0, 1)
	close(0, 20, 0, false)
	if v := asked(timed); v == nil || v.Past != 20 || !v.Begins.Equal(tomorrow.AddDate(0, 0, 8)) || !v.AtMost.Equal(v.Begins.AddDate(0, 0, 35)) || v.Days != 0 ||
		!strings.Contains(v.String(), "needs 28 days with outcomes; there are 20") {
		t.Errorf("20 days: %+v", v)
	}
	close(0, 30, 0.004, true)
	v := asked(timed)
	if v == nil || v.Days < 7 || v.Days > 28 || v.Days%7 != 0 || !v.By.Equal(tomorrow.AddDate(0, 0, v.Days)) || !strings.Contains(v.String(), "likely proved not worse by 2 %") {
		t.Errorf("30 compared days: %+v", v)
	}
	close(0, 30, 0.04, true)
	wide := asked(timed)
	if wide == nil || wide.Days <= v.Days || !strings.Contains(wide.String(), "likely undecided") {
		t.Errorf("30 days that differ by more: %+v, after %+v", wide, v)
	}
	i.write(t, func(tx store.Tx) error { // before the newest 28 days the model lost a hundred times as much
		for n := range 2 {
			d := control.Day{Day: monitor.Day{Day: began.AddDate(0, 0, n), Labelled: 1000, Loss: 50}}
			d.Probe = &d.Loss
			b, err := json.Marshal(d)
			if err == nil {
				err = tx.Values().Put("penguins", "day/"+d.Day.Day.Format(time.DateOnly), b)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if old := asked(timed); old == nil || old.Days != wide.Days {
		t.Errorf("days before the newest 28 count: %+v, after %+v", old, wide)
	}
}

// A trial that clips may begin again, so its first beginning spends less than all of alpha and takes longer. Its margin is a
// share of the clipped loss.
func TestAVerdictOnAClippedLossTakesLonger(t *testing.T) {
	plain, clipped := install(t), install(t)
	plain.versions(t, rondo.Champion)
	clipped.versions(t)
	clipped.write(t, func(tx store.Tx) error {
		bound := 3.0
		v := &rondo.Version{Model: "penguins", State: rondo.Candidate, Cycle: "cyc_1", Evaluation: "ev_1", Clip: &bound}
		if err := tx.Versions().Add(v); err != nil {
			return err
		}
		if err := tx.Versions().Move(v.ID, rondo.Champion); err != nil {
			return err
		}
		_, err := tx.Versions().SetRoute(store.Route{Model: "penguins", Champion: v.ID})
		return err
	})
	var days [2]int
	for n, i := range []*installation{plain, clipped} {
		differences := make([]float64, stat.MinPast)
		i.write(t, func(tx store.Tx) error {
			for k := range differences {
				differences[k] = 0.02 * math.Sin(2.3*float64(k))
				d := control.Day{Day: monitor.Day{Day: began.AddDate(0, 0, k), Labelled: 1000, Loss: 0.5}}
				other := d.Loss - differences[k]
				d.Probe = &other
				if n == 1 {
					counted := 0.5
					d.Loss, other, d.Clipped = 5, 5-differences[k], &counted
				}
				b, err := json.Marshal(d)
				if err == nil {
					err = tx.Values().Put("penguins", "day/"+d.Day.Day.Format(time.DateOnly), b)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		d := declared("")
		d.Text = []byte(strings.Replace(string(d.Text), "data: {source: penguins.json}\n", "data:\n  source: penguins.json\n"+timed, 1))
		plan, err := i.Apply(t.Context(), d, true)
		if err != nil {
			t.Fatal(err)
		}
		alpha := []float64{rollout.Alpha, stat.HoldoutAlpha(rollout.Alpha, 1)}[n]
		want, err := stat.PromotionDays(0.02*0.5, 0, alpha, differences)
		if err != nil || plan.Verdict.Days != want {
			t.Errorf("%d days, want %d, %v", plan.Verdict.Days, want, err)
		}
		days[n] = want
	}
	if days[1] <= days[0] {
		t.Errorf("this test cannot fail: %v days", days)
	}
}
