package console

import (
	"fmt"
	"math"
	"slices"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
)

// Sizes of a picture: one for wide windows, one for narrow ones. Both are in the page and the stylesheet shows one, so
// letters stay legible at every width.
var widths = [2]int{1000, 420}

// picture is a plot in both sizes, with what is said below it.
type picture struct {
	Title        string
	Wide, Narrow plot
	Legend       []sign
	Note         string
}

// sign is an entry of a legend: a class of the stylesheet and its meaning.
type sign struct{ Mark, Text string }

// draw makes both sizes with the same words.
func draw(title, label string, one func(width int) *frame) *picture {
	p := &picture{Title: title, Wide: one(widths[0]).plot, Narrow: one(widths[1]).plot}
	p.Wide.Label, p.Narrow.Label = label, label
	return p
}

// mostDays is how many of the newest days are drawn.
const mostDays = 400

// calendar is what the pictures over time share: the same days, the same champions, the same marks.
type calendar struct {
	from, to time.Time
	days     []control.Day
	reigns   []reign
	marks    []event
}

// reign is a stretch of days with one champion.
type reign struct {
	version  rondo.VersionID
	from, to time.Time
}

// event is a decision that is marked in pictures.
type event struct {
	at          time.Time
	what, title string
}

var marked = map[rondo.Outcome]string{rondo.Promoted: "promoted", rondo.RolledBack: "back", rondo.RefusedIt: "refused",
	rondo.Alarmed: "alarmed", rondo.Quarantined: "quarantined"}

var marks = []sign{{"promoted", "promoted"}, {"refused", "refused"}, {"alarmed", "alarm"}, {"back", "rolled back"}, {"quarantined", "feed set aside"}}

// newCalendar reads the time that pictures show: from the first closed day or the first answer to now.
func newCalendar(life *control.Life) calendar {
	c := calendar{days: life.Days, to: life.Now.UTC()}
	if len(c.days) > mostDays {
		c.days = c.days[len(c.days)-mostDays:]
	}
	c.from = c.to
	if len(c.days) > 0 {
		c.from = c.days[0].Day.Day
		if end := c.days[len(c.days)-1].Day.Day.Add(24 * time.Hour); c.to.Before(end) || c.to.Sub(end) > 60*24*time.Hour {
			c.to = end // an installation that slept: the pictures end with its days
		}
	}
	if len(life.Days) <= mostDays {
		for _, d := range life.Decisions {
			if marked[d.Outcome] != "" && d.At.Before(c.from) && c.from.Sub(d.At) < 60*24*time.Hour {
				c.from = d.At.UTC()
			}
		}
	}
	c.from = c.from.Truncate(24 * time.Hour)
	for _, d := range life.Decisions {
		if what := marked[d.Outcome]; what != "" && !d.At.Before(c.from) {
			c.marks = append(c.marks, event{at: d.At, what: what, title: d.At.UTC().Format(time.DateOnly) + "  " + cut(control.Explain(d), 300)})
		}
	}
	c.reigns = reigns(life, c.from, c.to)
	return c
}

// reigns come from the decisions that changed who answers; a version that answered twice reigns twice.
func reigns(life *control.Life, from, to time.Time) []reign {
	var all []reign
	for _, d := range life.Decisions {
		if d.Outcome != rondo.Promoted && d.Outcome != rondo.RolledBack {
			continue
		}
		if n := len(all); n > 0 {
			all[n-1].to = d.At
		}
		all = append(all, reign{version: d.Version, from: d.At, to: to})
	}
	all = slices.DeleteFunc(all, func(r reign) bool { return !r.to.After(from) || r.from.After(to) })
	for i := range all {
		if all[i].from.Before(from) {
			all[i].from = from
		}
	}
	return all
}

func (c *calendar) axis(width int) axis { return dates(c.from, c.to, width/75) }

// noon is where a day is drawn.
func noon(d control.Day) float64 { return seconds(d.Day.Day) + 12*3600 }

// frame draws axes, the champions' stretches behind, and decisions above.
func (c *calendar) frame(width, height int, y axis) *frame {
	f := newFrame(width, height, c.axis(width), y)
	var behind []shape
	for i, r := range c.reigns {
		a, b := f.x.kept(seconds(r.from)), f.x.kept(seconds(r.to))
		if i%2 == 0 {
			behind = append(behind, shape{Kind: "rect", X: px(a), Y: above, X2: px(b - a), Y2: px(f.y.Start - above), Class: "reign"})
		}
		if name := "v" + r.version.Number(); b-a > 12+float64(7*len(name)) {
			f.text(a+4, f.y.Start-6, "start", "faint", name)
		}
	}
	f.Shapes = append(behind, f.Shapes...)
	for _, e := range c.marks {
		x := f.x.kept(seconds(e.at))
		f.line(x, above-6, x, f.y.Start, "event "+e.what, "")
		f.mark(x, above-8, e.what, e.title)
	}
	return f
}

// answered is who answered when: a row a version.
func (c *calendar) answered() *picture {
	if len(c.reigns) == 0 {
		return nil
	}
	var versions []rondo.VersionID
	for _, r := range c.reigns {
		if !slices.Contains(versions, r.version) {
			versions = append(versions, r.version)
		}
	}
	label := "Who answered when: "
	for i, r := range c.reigns {
		if i > 0 {
			label += ", "
		}
		label += fmt.Sprintf("%s from %s to %s", r.version, r.from.UTC().Format(time.DateOnly), r.to.UTC().Format(time.DateOnly))
	}
	const row = 26
	y := axis{scale: scale{From: 0, To: float64(len(versions))}}
	p := draw("Version that answered, by day (UTC)", cut(label, 2000), func(width int) *frame {
		f := newFrame(width, above+row*len(versions)+below, c.axis(width), y)
		for i, v := range versions {
			f.text(left-6, above+row*float64(i)+17, "end", "tick", "v"+v.Number())
		}
		for _, r := range c.reigns {
			i := slices.Index(versions, r.version)
			a, b := f.x.kept(seconds(r.from)), f.x.kept(seconds(r.to))
			when := fmt.Sprintf("%s answered from %s to %s", r.version, r.from.UTC().Format(time.DateTime), r.to.UTC().Format(time.DateTime))
			f.rect(a, above+row*float64(i)+5, max(b, a+2), above+row*float64(i)+row-4, "bar", when)
		}
		for _, e := range c.marks {
			f.mark(f.x.kept(seconds(e.at)), above-8, e.what, e.title)
		}
		return f
	})
	p.Legend = c.legend()
	return p
}

// legend names the marks that were drawn.
func (c *calendar) legend() (out []sign) {
	for _, m := range marks {
		if slices.ContainsFunc(c.marks, func(e event) bool { return e.what == m.Mark }) {
			out = append(out, m)
		}
	}
	return out
}

// series are a day's value with its interval; nil where it was not measured.
type series func(d control.Day) *rondo.Number

// daily draws a series with intervals and its mean of seven days; write says a value in words.
func (c *calendar) daily(title, label string, zero bool, get series) *picture {
	var x, v, smooth, lows, highs []float64
	for i, d := range c.days {
		n := get(d)
		if n == nil || !finite(n.Value) {
			continue
		}
		x, v = append(x, noon(d)), append(v, n.Value)
		lows, highs = append(lows, n.Low), append(highs, n.High)
		smooth = append(smooth, c.week(i, get))
	}
	if len(v) == 0 {
		return nil
	}
	low, high := min(slices.Min(v), quantile(lows, 0.05)), max(slices.Max(v), quantile(highs, 0.95))
	if zero {
		low, high = min(low, 0), max(high, 0)
	}
	last := len(v) - 1
	words := fmt.Sprintf("%s: %d days from %s to %s, lowest %.4g, highest %.4g; the newest is %.4g, and the mean of its last seven days %.4g. %d decisions are marked.",
		label, len(v), instant(x[0]), instant(x[last]), slices.Min(v), slices.Max(v), v[last], smooth[last], len(c.marks))
	p := draw(title, words, func(width int) *frame {
		f := c.frame(width, 240, numbers(low, high, 5, decimal))
		if zero {
			f.line(left, f.y.at(0), f.x.End, f.y.at(0), "zero", "")
		}
		for i := range x {
			text := fmt.Sprintf("%s: %.4g", instant(x[i]), v[i])
			if lows[i] < highs[i] {
				text += fmt.Sprintf(" (95 %% interval %.4g to %.4g)", lows[i], highs[i])
				f.line(f.x.at(x[i]), f.y.kept(lows[i]), f.x.at(x[i]), f.y.kept(highs[i]), "whisker", "")
			}
			f.circle(f.x.at(x[i]), f.y.kept(v[i]), 2.2, "dot", text)
		}
		f.path(x, smooth, "week")
		return f
	})
	p.Legend = append([]sign{{"dot", "a day"}, {"week", "mean of the last 7 days, weighted by rows"}}, c.legend()...)
	return p
}

// week is the mean of a series over the seven days that end with day i, weighted by labelled rows.
func (c *calendar) week(i int, get series) float64 {
	sum, rows := 0.0, 0.0
	for j := i; j >= 0 && c.days[i].Day.Day.Sub(c.days[j].Day.Day) < 7*24*time.Hour; j-- {
		if n := get(c.days[j]); n != nil && finite(n.Value) {
			sum += n.Value * float64(c.days[j].Labelled)
			rows += float64(c.days[j].Labelled)
		}
	}
	if rows == 0 {
		return math.NaN()
	}
	return sum / rows
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func instant(s float64) string { return time.Unix(int64(s), 0).UTC().Format(time.DateOnly) }

// quantile of values that are not sorted; they stay as they are.
func quantile(x []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// cut shortens a text of unknown length.
func cut(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}
