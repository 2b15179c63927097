package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// plot is one picture as static SVG, in pixels of its view box. The template writes it, so texts are escaped there.
type plot struct {
	Width, Height int
	Label         string // the text alternative: what a reader sees, in words
	Shapes        []shape
}

// shape is one mark. Kind is line, path, rect, circle or text; only what the kind needs is set.
type shape struct {
	Kind         string
	X, Y, X2, Y2 px
	D            string
	Class        string
	Anchor       string
	Text         string
	Title        string // shown where a pointer rests

}

// px is a pixel, written with two decimals at most.
type px float64

func (p px) String() string { return strconv.FormatFloat(math.Round(float64(p)*100)/100, 'f', -1, 64) }

// scale maps the values From..To onto the pixels Start..End.
type scale struct{ From, To, Start, End float64 }

func (s scale) at(v float64) float64 {
	if s.To == s.From {
		return (s.Start + s.End) / 2
	}
	return s.Start + (v-s.From)/(s.To-s.From)*(s.End-s.Start)
}

// kept is at, held inside the picture.
func (s scale) kept(v float64) float64 {
	return min(max(s.at(v), min(s.Start, s.End)), max(s.Start, s.End))
}

// axis is a scale with its ticks.
type axis struct {
	scale
	ticks []tick
}

type tick struct {
	at   float64
	text string
}

// numbers is an axis over values, widened to whole steps of 1, 2 or 5; at most about most ticks.
func numbers(low, high float64, most int, write func(float64, float64) string) axis {
	if !(low < high) { // one value, or none
		d := max(math.Abs(low)*0.1, 1e-6)
		low, high = low-d, high+d
	}
	rough := (high - low) / float64(most)
	step := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, by := range []float64{1, 2, 5, 10} {
		if step*by >= rough {
			step *= by
			break
		}
	}
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	a := axis{scale: scale{From: first * step, To: last * step}}
	for n := first; n <= last; n++ {
		a.ticks = append(a.ticks, tick{at: n * step, text: write(n*step, step)})
	}
	return a
}

// decimal writes a tick with as many decimals as its step has.
func decimal(v, step float64) string {
	digits := max(0, int(-math.Floor(math.Log10(step)+1e-9)))
	if digits > 8 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// dollars writes a tick of money.
func dollars(v, step float64) string {
	if v < 0 {
		return "-$" + decimal(-v, step)
	}
	return "$" + decimal(v, step)
}

func percent(v, step float64) string { return decimal(v*100, step*100) + "%" }

// seconds of an instant, as scales take it.
func seconds(t time.Time) float64 { return float64(t.Unix()) }

// dates is an axis over whole days, UTC, with ticks on days, Mondays, months or years.
func dates(from, to time.Time, most int) axis {
	from, to = from.UTC().Truncate(24*time.Hour), to.UTC()
	if !from.Before(to) {
		to = from.Add(24 * time.Hour)
	}
	a := axis{scale: scale{From: seconds(from), To: seconds(to)}}
	days := to.Sub(from).Hours() / 24
	for _, step := range []int{1, 2, 7, 14} {
		if days/float64(step) > float64(most) {
			continue
		}
		start := from
		if step >= 7 { // weeks begin on Mondays
			start = from.AddDate(0, 0, (8-int(from.Weekday()))%7)
		}
		for t := start; !t.After(to); t = t.AddDate(0, 0, step) {
			text := t.Format("2 Jan")
			if len(a.ticks) == 0 {
				text = t.Format("2 Jan 2006")
			}
			a.ticks = append(a.ticks, tick{at: seconds(t), text: text})
		}
		return a
	}
	by := 12
	for _, months := range []int{1, 2, 3, 6} {
		if days/30.4/float64(months) <= float64(most) {
			by = months
			break
		}
	}
	for by >= 12 && days/30.4/float64(by) > float64(most) {
		by += 12
	}
	for t := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); !t.After(to); t = t.AddDate(0, 1, 0) {
		if t.Before(from) || (t.Year()*12+int(t.Month())-1)%by != 0 {
			continue
		}
		text := t.Format("Jan")
		if t.Month() == time.January || len(a.ticks) == 0 {
			text = t.Format("Jan 2006")
		}
		a.ticks = append(a.ticks, tick{at: seconds(t), text: text})
	}
	return a
}

// Margins of a picture with axes, in pixels: room for values on the left, dates below, decisions above.
const (
	left, right, above, below = 56, 12, 20, 24
)

// frame is a plot with two axes, still being drawn.
type frame struct {
	plot
	x, y axis
}

// newFrame draws axes and grid.
func newFrame(width, height int, x, y axis) *frame {
	f := &frame{plot: plot{Width: width, Height: height}, x: x, y: y}
	f.x.Start, f.x.End = left, float64(width-right)
	f.y.Start, f.y.End = float64(height-below), above
	for _, t := range f.y.ticks {
		y := f.y.at(t.at)
		f.line(left, y, f.x.End, y, "grid", "")
		f.text(left-6, y+4, "end", "tick", t.text)
	}
	for _, t := range f.x.ticks {
		x := f.x.at(t.at)
		f.line(x, f.y.Start, x, f.y.Start+4, "axis", "")
		f.text(x, f.y.Start+18, f.anchor(x), "tick", t.text)
	}
	f.line(left, f.y.Start, f.x.End, f.y.Start, "axis", "")
	return f
}

// anchor keeps the text of a tick inside the picture.
func (f *frame) anchor(x float64) string {
	if x > f.x.End-16 {
		return "end"
	}
	return "middle"
}

func (f *frame) add(s shape) { f.Shapes = append(f.Shapes, s) }

func (f *frame) line(x, y, x2, y2 float64, class, title string) {
	f.add(shape{Kind: "line", X: px(x), Y: px(y), X2: px(x2), Y2: px(y2), Class: class, Title: title})
}

func (f *frame) rect(x, y, x2, y2 float64, class, title string) {
	f.add(shape{Kind: "rect", X: px(min(x, x2)), Y: px(min(y, y2)), X2: px(math.Abs(x2 - x)), Y2: px(math.Abs(y2 - y)), Class: class, Title: title})
}

func (f *frame) circle(x, y, r float64, class, title string) {
	f.add(shape{Kind: "circle", X: px(x), Y: px(y), X2: px(r), Class: class, Title: title})
}

func (f *frame) text(x, y float64, anchor, class, text string) {
	f.add(shape{Kind: "text", X: px(x), Y: px(y), Anchor: anchor, Class: class, Text: text})
}

// path draws a line through points; NaN begins a new one.
func (f *frame) path(x, y []float64, class string) {
	var d strings.Builder
	pen := "M"
	for i := range x {
		if math.IsNaN(y[i]) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&d, "%s%s %s", pen, px(f.x.at(x[i])), px(f.y.kept(y[i])))
		pen = "L"
	}
	if d.Len() > 0 {
		f.add(shape{Kind: "path", D: d.String(), Class: class})
	}
}

// mark draws a decision's sign: the form says what the colour says.
func (f *frame) mark(x, y float64, what, title string) {
	const r = 5.5
	d := ""
	switch what {
	case "promoted":
		d = fmt.Sprintf("M%s %sl%s %sh%sZ", px(x), px(y-r), px(r), px(2*r-1), px(-2*r))
	case "back":
		d = fmt.Sprintf("M%s %sl%s %sh%sZ", px(x), px(y+r), px(r), px(1-2*r), px(-2*r))
	case "refused":
		d = fmt.Sprintf("M%s %sl%s %sm0 %sl%s %s", px(x-r+1), px(y-r+1), px(2*r-2), px(2*r-2), px(2-2*r), px(2-2*r), px(2*r-2))
	case "alarmed":
		d = fmt.Sprintf("M%s %sl%s %sl%s %sl%s %sZ", px(x), px(y-r), px(r), px(r), px(-r), px(r), px(-r), px(-r))
	default:
		d = fmt.Sprintf("M%s %sh%sv%sh%sZ", px(x-r+1.5), px(y-r+1.5), px(2*r-3), px(2*r-3), px(3-2*r))
	}
	f.add(shape{Kind: "path", D: d, Class: "mark " + what, Title: title})
}
