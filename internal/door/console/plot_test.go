package console

import (
	"math"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
)

func TestKnownPointsLandAtKnownPixels(t *testing.T) {
	s := scale{From: 0, To: 10, Start: 100, End: 0}
	for v, want := range map[float64]float64{0: 100, 2.5: 75, 10: 0} {
		if got := s.at(v); got != want {
			t.Errorf("at(%v) = %v, want %v", v, got, want)
		}
	}
	if got := s.kept(12); got != 0 {
		t.Errorf("kept(12) = %v: outside the picture", got)
	}
	if got := s.kept(-3); got != 100 {
		t.Errorf("kept(-3) = %v: outside the picture", got)
	}
	if got := (scale{From: 3, To: 3, Start: 10, End: 20}).at(3); got != 15 {
		t.Errorf("a scale of one value: %v", got)
	}
}

func TestAxesEndOnWholeSteps(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		most      int
		want      string
	}{
		{0.612, 0.787, 5, "0.60 0.65 0.70 0.75 0.80"},
		{-0.013, 0.041, 4, "-0.02 0.00 0.02 0.04 0.06"},
		{0, 487, 5, "0 100 200 300 400 500"},
		{5, 5, 2, "4.5 5.0 5.5"},
	} {
		var got []string
		for _, tick := range numbers(c.low, c.high, c.most, decimal).ticks {
			got = append(got, tick.text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v to %v: %v, want %s", c.low, c.high, got, c.want)
		}
	}
	if got := dollars(-1500, 500); got != "-$1500" {
		t.Errorf("money: %s", got)
	}
}

func TestDatesFitTheirRoom(t *testing.T) {
	from := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	for _, days := range []int{0, 1, 5, 20, 90, 150, 400, 1500, 20_000} {
		for _, most := range []int{3, 5, 13} {
			a := dates(from, from.AddDate(0, 0, days), most)
			if n := len(a.ticks); n > most+1 || n < 1 {
				t.Errorf("%d days in room for %d: %d ticks", days, most, n)
				continue
			}
			for _, tick := range a.ticks {
				if tick.at < a.From || tick.at > a.To {
					t.Errorf("%d days: tick %s outside", days, tick.text)
				}
			}
			if days > 0 && days < 10_000 && !strings.Contains(a.ticks[0].text, "202") {
				t.Errorf("%d days: no year in %q", days, a.ticks[0].text)
			}
		}
	}
}

// measured is a calendar of days with the given AUC; nil is a day without one.
func measured(aucs ...*float64) calendar {
	life := &control.Life{}
	for i, x := range aucs {
		d := control.Day{}
		d.Day.Day, d.Labelled = start.AddDate(0, 0, i), 100
		if x != nil {
			d.AUC = &rondo.Number{Value: *x, Low: *x - 0.1, High: *x + 0.1}
		}
		life.Days = append(life.Days, d)
	}
	life.Now = start.AddDate(0, 0, len(aucs))
	return newCalendar(life)
}

func find(p plot, class string) (out []shape) {
	for _, s := range p.Shapes {
		if s.Class == class {
			out = append(out, s)
		}
	}
	return out
}

func TestADayIsDrawnAtItsNoonAndItsValue(t *testing.T) {
	a, b := 0.6, 0.8
	c := measured(&a, nil, &b, nil)
	p := c.auc()
	dots := find(p.Wide, "dot")
	if len(dots) != 2 {
		t.Fatalf("%d dots for two measured days: a missing value is no point", len(dots))
	}
	// four days on 56..988 px: noon of day 0 is an eighth of the way, of day 2 five eighths
	if x0, x2 := 56+932*0.125, 56+932*0.625; math.Abs(float64(dots[0].X)-x0) > 0.01 || math.Abs(float64(dots[1].X)-x2) > 0.01 {
		t.Errorf("drawn at x %v and %v, want %v and %v", dots[0].X, dots[1].X, x0, x2)
	}
	// values 0.5..0.9 (with intervals) on 216..20 px
	if y0, y2 := 216-196*0.25, 216-196*0.75; math.Abs(float64(dots[0].Y)-y0) > 0.01 || math.Abs(float64(dots[1].Y)-y2) > 0.01 {
		t.Errorf("drawn at y %v and %v, want %v and %v", dots[0].Y, dots[1].Y, y0, y2)
	}
	if w := find(p.Wide, "whisker"); len(w) != 2 || math.Abs(float64(w[0].Y)-216) > 0.01 || math.Abs(float64(w[0].Y2)-(216-98)) > 0.01 {
		t.Errorf("intervals: %+v", w)
	}
	if !strings.Contains(p.Wide.Label, "2 days") || !strings.Contains(p.Wide.Label, "mean of its last seven days 0.7") {
		t.Errorf("text alternative: %s", p.Wide.Label)
	}
	for _, s := range append(p.Wide.Shapes, p.Narrow.Shapes...) {
		if !finite(float64(s.X)) || !finite(float64(s.Y)) || strings.Contains(s.D, "NaN") {
			t.Errorf("a shape that is nowhere: %+v", s)
		}
	}
}

func TestWithoutAMeasuredDayThereIsNoPicture(t *testing.T) {
	c := measured(nil, nil)
	if p := c.auc(); p != nil {
		t.Errorf("a picture of nothing: %+v", p)
	}
	if p := bars("title", "label", nil, nil, nil); p != nil {
		t.Error("bars of nothing")
	}
	if p := calibration([]rondo.CalibrationBin{{Predicted: math.NaN(), Rows: 3}}); p != nil {
		t.Error("a calibration of nothing")
	}
}

func TestBarsAreAsLongAsTheirAmounts(t *testing.T) {
	p := bars("Dollars", "Money", []string{"train", "probe"}, []string{"$4.00", "$1.00"}, []float64{4, 1})
	b := find(p.Wide, "bar")
	if len(b) != 2 || math.Abs(float64(b[0].X2)/float64(b[1].X2)-4) > 1e-9 {
		t.Errorf("bars of 4 and 1 are %v and %v px", b[0].X2, b[1].X2)
	}
	if p.Wide.Label != "Money: train $4.00, probe $1.00" {
		t.Errorf("text alternative: %s", p.Wide.Label)
	}
}

func TestReignsFollowDecisions(t *testing.T) {
	life := &control.Life{Now: start.AddDate(0, 0, 10), Decisions: []*rondo.Decision{
		{At: start, Outcome: rondo.Promoted, Version: "m/1"},
		{At: start.AddDate(0, 0, 4), Outcome: rondo.Promoted, Version: "m/2", Replaced: "m/1"},
		{At: start.AddDate(0, 0, 6), Outcome: rondo.RolledBack, Version: "m/1", Replaced: "m/2"},
	}}
	got := reigns(life, start, life.Now)
	want := []reign{{"m/1", start, start.AddDate(0, 0, 4)}, {"m/2", start.AddDate(0, 0, 4), start.AddDate(0, 0, 6)}, {"m/1", start.AddDate(0, 0, 6), life.Now}}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("reigns %v, want %v", got, want)
	}
	c := calendar{from: start, to: life.Now, reigns: got}
	if b := find(c.answered().Wide, "bar"); len(b) != 3 || b[0].Y != b[2].Y || b[0].Y == b[1].Y {
		t.Errorf("a version that answers twice has one row: %+v", b)
	}
}
