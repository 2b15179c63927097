package console

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
)

// auc is the champion's AUC day by day.
func (c *calendar) auc() *picture {
	return c.daily("AUC of the answers, by day (UTC), with 95 % interval", "Daily AUC of the champion", false,
		func(d control.Day) *rondo.Number { return d.AUC })
}

// loss is the champion's loss where there is no AUC.
func (c *calendar) loss() *picture {
	return c.daily("Mean loss of the answers, by day (UTC)", "Daily loss of the champion", false, func(d control.Day) *rondo.Number {
		if d.Labelled == 0 {
			return nil
		}
		return point(d.Loss)
	})
}

// excess is loss minus what the model expected of itself: what the alarm looks at.
func (c *calendar) excess() *picture {
	return c.daily("Loss minus the loss the model expected, by day (UTC); above 0 is worse than expected", "Loss minus expected loss", true,
		func(d control.Day) *rondo.Number {
			if d.Labelled == 0 || d.Expected == nil {
				return nil
			}
			return point(d.Loss - *d.Expected)
		})
}

func point(v float64) *rondo.Number { return &rondo.Number{Value: v, Low: v, High: v} }

// trialPicture is one trial: its log evidence where that is known, else what champion and challenger lost each day.
func trialPicture(t control.Trial) *picture {
	if len(t.Days) == 0 {
		return nil
	}
	from, to := t.Days[0].Day.Day, t.Days[len(t.Days)-1].Day.Day.Add(24*time.Hour)
	if t.Counted() {
		return evidencePicture(t, from, to)
	}
	var x, gain, mean []float64
	sum, rows := 0.0, 0.0
	for _, d := range t.Days {
		if d.Labelled == 0 {
			continue
		}
		g := d.Loss - *d.Challenger
		sum, rows = sum+g*float64(d.Labelled), rows+float64(d.Labelled)
		x, gain, mean = append(x, noon(d)), append(gain, g), append(mean, sum/rows)
	}
	if len(x) == 0 {
		return nil
	}
	margin := fact(t.Began, "margin")
	words := fmt.Sprintf("Loss of the champion minus loss of %s on the same rows: %d days from %s to %s, mean so far %.4g; above 0 the challenger is better",
		t.Version, len(x), instant(x[0]), instant(x[len(x)-1]), mean[len(mean)-1])
	p := draw("Loss of the champion minus loss of the challenger on the same rows, by day (UTC)", words, func(width int) *frame {
		low, high := min(slices.Min(gain), 0), max(slices.Max(gain), 0)
		if margin != nil {
			low = min(low, -*margin)
		}
		f := newFrame(width, 220, dates(from, to, width/75), numbers(low, high, 4, decimal))
		f.line(left, f.y.at(0), f.x.End, f.y.at(0), "zero", "")
		if margin != nil && *margin > 0 {
			f.line(left, f.y.at(-*margin), f.x.End, f.y.at(-*margin), "bound", "the margin: not worse means the mean is above this")
		}
		for i := range x {
			f.line(f.x.at(x[i]), f.y.at(0), f.x.at(x[i]), f.y.kept(gain[i]), "stem", "")
			f.circle(f.x.at(x[i]), f.y.kept(gain[i]), 2.6, "dot", fmt.Sprintf("%s: %+.4g", instant(x[i]), gain[i]))
		}
		f.path(x, mean, "week")
		return f
	})
	p.Legend = []sign{{"dot", "a day; above 0 the challenger lost less"}, {"week", "mean of the trial so far, weighted by rows"}}
	if margin != nil && *margin > 0 {
		p.Legend = append(p.Legend, sign{"bound", "margin"})
	}
	return p
}

func evidencePicture(t control.Trial, from, to time.Time) *picture {
	x, promote, harm := make([]float64, len(t.Days)), make([]float64, len(t.Days)), make([]float64, len(t.Days))
	for i, d := range t.Days {
		x[i], promote[i], harm[i] = noon(d), d.Evidence.Promote, d.Evidence.Harm
	}
	last := len(x) - 1
	bar := t.Days[last].Evidence.Bar
	words := fmt.Sprintf("Log evidence of the trial of %s after %d days: to promote %.3g, of harm %.3g; %.3g decides", t.Version, len(x),
		promote[last], harm[last], bar)
	title := "Log evidence, by day (UTC); promotion is asked each seventh day, harm each day"
	low := max(min(slices.Min(promote), slices.Min(harm), 0), -2*bar) // what lies far below the bar says no more
	high := max(slices.Max(promote), slices.Max(harm), bar)
	p := draw(title, words, func(width int) *frame {
		f := newFrame(width, 240, dates(from, to, width/75), numbers(low, high, 5, decimal))
		f.line(left, f.y.at(bar), f.x.End, f.y.at(bar), "bound", "")
		f.line(left, f.y.at(0), f.x.End, f.y.at(0), "zero", "")
		f.path(x, promote, "promote")
		f.path(x, harm, "harm")
		for i := range x {
			f.circle(f.x.at(x[i]), f.y.kept(promote[i]), 2.6, "promote", fmt.Sprintf("%s: to promote %.3g", instant(x[i]), promote[i]))
			f.rect(f.x.at(x[i])-2.2, f.y.kept(harm[i])-2.2, f.x.at(x[i])+2.2, f.y.kept(harm[i])+2.2, "harm", fmt.Sprintf("%s: of harm %.3g", instant(x[i]), harm[i]))
		}
		return f
	})
	p.Legend = []sign{{"promote", "to promote the challenger"}, {"harm", "that it does harm"}, {"bound", fmt.Sprintf("ln(1/alpha) = %.3g decides", bar)}}
	return p
}

// fact is a number of a decision; nil where it has none of that name.
func fact(d *rondo.Decision, name string) *float64 {
	for _, f := range d.Numbers {
		if f.Name == name && f.Number != nil && finite(*f.Number) {
			return f.Number
		}
	}
	return nil
}

// regret is what waiting has cost against the price of a new version, at each decision about it.
func (c *calendar) regret(decisions []*rondo.Decision) *picture {
	var x, regret, price []float64
	var titles []string
	for _, d := range decisions {
		r, p := fact(d, "regret, dollars"), fact(d, "price, dollars")
		if r == nil || p == nil || d.At.Before(c.from) {
			continue
		}
		x, regret, price = append(x, seconds(d.At)), append(regret, *r), append(price, *p)
		titles = append(titles, fmt.Sprintf("%s  %s: regret %s, price %s", d.At.UTC().Format(time.DateOnly), d.Outcome, rondo.FromDollars(*r), rondo.FromDollars(*p)))
	}
	if len(x) == 0 {
		return nil
	}
	last := len(x) - 1
	words := fmt.Sprintf("Regret at %d decisions from %s to %s: the newest is %s, the price of a new version %s", len(x), instant(x[0]), instant(x[last]),
		rondo.FromDollars(regret[last]), rondo.FromDollars(price[last]))
	title := "Regret in dollars, at the weekly decisions (UTC); a new version is bought when it reaches its price"
	p := draw(title, words, func(width int) *frame {
		y := numbers(min(slices.Min(regret), 0), max(slices.Max(regret), slices.Max(price)), 5, dollars)
		f := c.frame(width, 230, y)
		f.line(left, f.y.at(0), f.x.End, f.y.at(0), "zero", "")
		f.path(x, price, "bound")
		f.path(x, regret, "series")
		for i := range x {
			f.circle(f.x.kept(x[i]), f.y.kept(regret[i]), 3, "dot", titles[i])
		}
		return f
	})
	p.Legend = append([]sign{{"series", "what the champion cost more than a fresh model"}, {"bound", "price of a new version"}}, c.legend()...)
	return p
}

// bars are named amounts as lying bars.
func bars(title, label string, names, values []string, amounts []float64) *picture {
	if len(amounts) == 0 || !(slices.Max(amounts) > 0) {
		return nil
	}
	var words strings.Builder
	words.WriteString(label + ": ")
	for i := range names {
		if i > 0 {
			words.WriteString(", ")
		}
		words.WriteString(names[i] + " " + values[i])
	}
	return draw(title, cut(words.String(), 2000), func(width int) *frame {
		const row = 22
		f := &frame{plot: plot{Width: width, Height: row*len(names) + 6}}
		margin := float64(width) * 0.3
		longest := int(margin / 7.2)
		s := scale{From: 0, To: slices.Max(amounts), Start: margin, End: float64(width) - 90}
		for i, n := range names {
			y := row * float64(i)
			f.text(margin-6, y+15, "end", "tick", cut(n, longest))
			f.rect(margin, y+3, max(s.at(amounts[i]), margin+1), y+row-3, "bar", n+": "+values[i])
			f.text(max(s.at(amounts[i]), margin+1)+6, y+15, "start", "tick", values[i])
		}
		return f
	})
}

// calibration is observed against predicted; the area of a circle is its share of rows.
func calibration(bins []rondo.CalibrationBin) *picture {
	bins = slices.DeleteFunc(slices.Clone(bins), func(b rondo.CalibrationBin) bool {
		return b.Rows <= 0 || !finite(b.Predicted) || !finite(b.Observed)
	})
	if len(bins) == 0 {
		return nil
	}
	most, worst, all := 0, 0.0, 0
	high := 0.0
	low := math.Inf(1)
	for _, b := range bins {
		most, all = max(most, b.Rows), all+b.Rows
		worst = max(worst, math.Abs(b.Predicted-b.Observed))
		low, high = min(low, b.Predicted, b.Observed), max(high, b.Predicted, b.Observed)
	}
	title := "Observed share (upwards) against predicted probability (to the right)"
	p := draw(title, fmt.Sprintf("Calibration over %d bins of %d rows: the largest gap between predicted and observed is %.3g", len(bins), all, worst), func(width int) *frame {
		side := min(width, 460)
		y := numbers(low, high, 5, percent)
		f := newFrame(side, side*9/10, y, y)
		f.line(f.x.Start, f.y.Start, f.x.End, f.y.End, "bound", "")
		for _, b := range bins {
			f.circle(f.x.at(b.Predicted), f.y.at(b.Observed), 2+7*math.Sqrt(float64(b.Rows)/float64(most)), "bubble",
				fmt.Sprintf("predicted %.4g, observed %.4g, %d rows", b.Predicted, b.Observed, b.Rows))
		}
		return f
	})
	p.Legend = []sign{{"bubble", "a bin; the area is its share of rows"}, {"bound", "predicted = observed"}}
	return p
}

// slices of an evaluation: a dot with its interval for each group, worst first; overall is the metric on all rows.
func slicesPicture(metric string, groups []rondo.Slice, overall *rondo.Metric) *picture {
	if len(groups) == 0 {
		return nil
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, g := range groups {
		low, high = min(low, g.Low), max(high, g.High)
	}
	if overall != nil {
		low, high = min(low, overall.Value), max(high, overall.Value)
	}
	if !finite(low) || !finite(high) {
		return nil
	}
	first := groups[0]
	words := fmt.Sprintf("%s by %s in %d groups with 95 %% intervals; the lowest is %s with %.4g (%.4g to %.4g, %d rows)", metric, first.By, len(groups),
		first.Group, first.Value, first.Low, first.High, first.Rows)
	title := fmt.Sprintf("%s by %s, with 95 %% interval; the lowest first", metric, cut(first.By, 60))
	p := draw(title, cut(words, 1000), func(width int) *frame {
		const row = 20
		margin := float64(width) * 0.22
		f := &frame{plot: plot{Width: width, Height: above + row*len(groups) + below}, x: numbers(low, high, width/110, decimal)}
		f.x.Start, f.x.End = margin, float64(width-right)
		bottom := float64(f.Height - below)
		for _, t := range f.x.ticks {
			f.line(f.x.at(t.at), above, f.x.at(t.at), bottom, "grid", "")
			f.text(f.x.at(t.at), bottom+18, f.anchor(f.x.at(t.at)), "tick", t.text)
		}
		if overall != nil {
			f.line(f.x.at(overall.Value), above-6, f.x.at(overall.Value), bottom, "bound", fmt.Sprintf("all rows: %.4g", overall.Value))
		}
		for i, g := range groups {
			y := above + row*(float64(i)+0.5)
			title := fmt.Sprintf("%s: %.4g (%.4g to %.4g), %d rows", g.Group, g.Value, g.Low, g.High, g.Rows)
			f.text(margin-8, y+4, "end", "tick", cut(g.Group, int(margin/7.5)))
			f.line(f.x.at(g.Low), y, f.x.at(g.High), y, "whisker", "")
			f.circle(f.x.at(g.Value), y, 3.4, "dot", title)
		}
		return f
	})
	if overall != nil {
		p.Legend = []sign{{"bound", fmt.Sprintf("all rows: %.4g", overall.Value)}}
	}
	return p
}
