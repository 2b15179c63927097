package monitor

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/stat"
)

var first = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

func dayOf(i int) time.Time { return first.AddDate(0, 0, i) }

// closed is a day of rows predictions of a model whose probabilities are right at wrong 0. Hard (0 to 1) draws them to
// 1/2, so the day is harder and the model knows it; wrong adds to the true log-odds, and the model does not know it.
func closed(rng *rand.Rand, i, rows int, hard, wrong float64) Day {
	var c Counted
	for range rows {
		odds := (1 - hard) * (2*rng.NormFloat64() - 1)
		p := 1 / (1 + math.Exp(-odds))
		y, loss := 0.0, -math.Log(1-p)
		if rng.Float64() < 1/(1+math.Exp(-odds-wrong)) {
			y, loss = 1, -math.Log(p)
		}
		c.Loss = append(c.Loss, loss)
		c.Expected = append(c.Expected, -p*math.Log(p)-(1-p)*math.Log(1-p))
		c.Targets, c.Scores = append(c.Targets, y), append(c.Scores, p)
	}
	c.Rows = rows
	return Summarise(rondo.Binary, "m/1", dayOf(i), c)
}

func watcher(t *testing.T) *Watcher {
	t.Helper()
	w, err := NewWatcher(&rondo.Spec{Monitor: rondo.Monitor{FalsePerYear: 1}}, "m/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Sixty healthy days, then a shift that costs 0.1 of log loss. 20 models of 500 rows a day: each alarm comes once, within
// ten days, and its since is within five days of the truth.
func TestAlarmOpensOnceAndSoonAfterARealShift(t *testing.T) {
	for k := range 20 {
		rng, w := seed.Seed(k).Rand("shift"), watcher(t)
		opened, alarms := 0, 0
		for i := range 90 {
			wrong := 0.0
			if i >= 65 {
				wrong = 1
			}
			a := w.Add(closed(rng, i, 500, 0, wrong))
			if a == nil {
				continue
			}
			if alarms++; alarms == 1 {
				opened = i
			}
			if off := a.Since.Sub(dayOf(65)); off.Abs() > 5*24*time.Hour {
				t.Errorf("model %d: since %s, truly %s", k, a.Since.Format(time.DateOnly), dayOf(65).Format(time.DateOnly))
			}
			if a.Excess <= a.Reference.Mean || a.Reference.Days < stat.MinPast {
				t.Errorf("model %d: %+v", k, a)
			}
		}
		if alarms != 1 || opened < 65 || opened > 75 {
			t.Errorf("model %d: %d alarms, the first on day %d, shift on 65", k, alarms, opened)
		}
	}
}

// The raw loss of hard days is half as high again; the model expects it.
func TestHarderDaysRaiseNoAlarm(t *testing.T) {
	for k := range 20 {
		rng, w := seed.Seed(k).Rand("harder"), watcher(t)
		var easy, hard float64
		for i := range 150 {
			h := 0.0
			if i >= 65 {
				h = .4 + .4*math.Sin(float64(i)/9)
			}
			d := closed(rng, i, 300, max(0, h), 0)
			if a := w.Add(d); a != nil {
				t.Errorf("model %d: alarm on day %d: %+v", k, i, a)
			}
			if i < 65 {
				easy += d.Loss / 65
			} else {
				hard += d.Loss / 85
			}
		}
		if hard < 1.15*easy {
			t.Errorf("the days were not harder: %v, %v", easy, hard)
		}
		if w.State != stat.Quiet {
			t.Errorf("model %d is %s", k, w.State)
		}
	}
}

func TestNextVersionInheritsTheHealthyReference(t *testing.T) {
	rng, w := seed.Seed(1).Rand("next"), watcher(t)
	spec := &rondo.Spec{Monitor: rondo.Monitor{FalsePerYear: 1}}
	for i := range 100 {
		wrong := 0.0
		if i >= 90 {
			wrong = 1 // found, and never a reference
		}
		w.Add(closed(rng, i, 500, 0, wrong))
	}
	next, err := w.Next(spec, "m/2", nil)
	if err != nil || next.Version != "m/2" || next.Detector.Reference.Days != 71 || next.Detector.Level() != 0 {
		t.Fatalf("%+v, %v", next.Detector.Reference, err)
	}
	if math.Abs(next.Detector.Reference.Mean) > .02 {
		t.Errorf("the fault is in the reference: %+v", next.Detector.Reference)
	}
	alarms := 0
	for i := range 20 {
		if a := next.Add(closed(rng, 100+i, 500, 0, 1)); a != nil {
			alarms++
			if a.Since.Before(dayOf(100)) || a.Since.After(dayOf(105)) {
				t.Errorf("since %s", a.Since)
			}
		}
	}
	if alarms != 1 {
		t.Errorf("%d alarms", alarms)
	}
	young, err := watcher(t).Next(spec, "m/2", nil)
	if err != nil || young.Detector.Reference.Days != 0 {
		t.Errorf("a reference of no days: %+v, %v", young, err)
	}
	same := watcher(t)
	expected := 0.25
	for i := range 100 {
		same.Add(Day{Day: dayOf(i), Labelled: 100, Loss: .25, Expected: &expected})
	}
	if young, err = same.Next(spec, "m/2", nil); err != nil || young.Detector.Reference.Days != 0 {
		t.Errorf("days that are all alike: %+v, %v", young, err)
	}
}

func TestDaysWithoutLabelsOrExpectationSayNothing(t *testing.T) {
	w := watcher(t)
	for i := range 200 {
		d := Day{Day: dayOf(i), Rows: 100}
		if i%2 == 0 {
			d.Labelled, d.Loss = 100, float64(i)
		}
		if w.Add(d) != nil || w.State != stat.NoReference {
			t.Fatalf("day %d: %s", i, w.State)
		}
	}
}

func TestWatcherGoesOnAfterJSON(t *testing.T) {
	a, b := watcher(t), watcher(t)
	rng := seed.Seed(4).Rand("json")
	for i := range 90 {
		d := closed(rng, i, 100, 0, float64(i/70))
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		b = &Watcher{}
		if err := json.Unmarshal(text, b); err != nil {
			t.Fatal(err)
		}
		if x, y := a.Add(d), b.Add(d); !reflect.DeepEqual(x, y) || a.State != b.State {
			t.Fatalf("day %d: %+v, after JSON %+v", i, x, y)
		}
	}
	if a.Detector.Since == 0 {
		t.Error("the days were too tame")
	}
}

func TestAlarmSaysWhenItsPromiseDoesNotHold(t *testing.T) {
	a := &Alarm{Since: first, Excess: .25, Reference: stat.Reference{Days: 40, Mean: .01, Deviation: .02, Correlation: .3}}
	for _, c := range []struct {
		r    float64
		says bool
	}{{.3, false}, {.7, true}} {
		a.Reference.Correlation = c.r
		last := a.Numbers()[len(a.Numbers())-1]
		if strings.Contains(last.Text, "0.70") != c.says {
			t.Errorf("correlation %v: %+v", c.r, last)
		}
	}
}

func TestDayIsTheMeanOfItsLabelledRows(t *testing.T) {
	d := Summarise(rondo.Binary, "m/1", first, Counted{Rows: 9, Outside: 2, Loss: []float64{.5, 1.5}, Expected: []float64{1, 2},
		Targets: []float64{1, 0}, Scores: []float64{.9, .2}, Cost: rondo.Dollar})
	if d.Rows != 9 || d.Labelled != 2 || d.Outside != 2 || d.Loss != 1 || *d.Expected != 1.5 || d.Base != .5 || d.AUC.Value != 1 || d.Cost != rondo.Dollar {
		t.Errorf("%+v", d)
	}
	for name, d := range map[string]Day{
		"no labels": Summarise(rondo.Binary, "m/1", first, Counted{Rows: 9}),
		"one class": Summarise(rondo.Binary, "m/1", first, Counted{Rows: 1, Loss: []float64{1}, Targets: []float64{1}, Scores: []float64{.5}}),
		"numbers":   Summarise(rondo.Regression, "m/1", first, Counted{Rows: 1, Loss: []float64{1}, Targets: []float64{7}}),
		"classes":   Summarise(rondo.Multiclass, "m/1", first, Counted{Rows: 1, Loss: []float64{1}, Targets: []float64{2}}),
	} {
		if d.AUC != nil || d.Expected != nil || name == "classes" && d.Base != 0 || name == "numbers" && d.Base != 7 {
			t.Errorf("%s: %+v", name, d)
		}
		if _, err := json.Marshal(d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
