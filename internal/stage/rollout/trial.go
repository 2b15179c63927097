// Package rollout answers: may the challenger have more traffic?
//
// Shadow decides quality: a Trial bets once a day on the primary loss of champion and challenger on the same rows
// (RULES S1-S9, stat.Promotion). The canary decides safety: serving picks its keys by the Salt of the cycle. After a promotion a Watch looks for
// harm against the parent, with a new process (S21). Losses are per row and in the unit of evaluate.primary; days are UTC
// and come in order, each once, when its labels are mature. Trial and Watch are JSON values that live between days.
//
// What a row of an unbounded loss says is clipped at a bound that was fixed before the trial (S2, clip.go); a trial whose
// rows are clipped too often is undecided, and begins again with rows to come and a wider bound.
package rollout

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/zeebo/xxh3"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/stat"
)

// Alpha is the probability of a false promotion, and of a false harm.
const Alpha = 0.05

// ErrTooFewDays is returned while there are fewer than stat.MinPast out-of-time days to take a scale from.
var ErrTooFewDays = stat.ErrFewDays

// Verdict is what a day says.
type Verdict string

// The verdicts. TimeUp and Clipped are inconclusive: the champion stays.
const (
	Continue Verdict = "continue"
	Promote  Verdict = "promote"
	Harm     Verdict = "harm"
	TimeUp   Verdict = "time is up"
	Clipped  Verdict = "clipped" // too many rows were: the clipped mean is not the mean
	Passed   Verdict = "passed"
)

// Trial is a challenger in shadow.
type Trial struct {
	Champion   rondo.VersionID `json:"champion"`
	Challenger rondo.VersionID `json:"challenger"`
	Proof      rondo.Proof     `json:"proof"`
	From       time.Time       `json:"from"`   // the first day; earlier days decided the retrain and do not decide again (S20)
	AtMost     time.Time       `json:"atMost"` // no day from here on is asked
	Test       stat.Promotion  `json:"test"`
	Rows       int             `json:"rows"`
	Gain       float64         `json:"gain"` // sum over rows of champion's loss less challenger's
	Loss       float64         `json:"loss"` // sum over rows of the champion's loss
	Clip       *Clip           `json:"clip,omitempty"`
}

// Scale is what a trial is measured in: out-of-time days before it.
type Scale struct {
	Past      []float64 // daily means of d = loss(champion) - loss(challenger), clipped as the trial's
	UsualRows float64   // of a day
	Loss      float64   // the champion's mean loss on them, of which spec.Deploy.Margin is a share
	Bound     *float64  // of |d| on a row; nil for a bounded loss
	Begun     int       // how often the trial was begun, from 1; only a clipped one begins again
}

// AlphaOf is the probability of a false promotion that a trial may spend when it begins for the begun-th time, from 1. Only one
// with a bound may begin again, so only its first spends less than all.
func AlphaOf(bound *float64, begun int) float64 {
	if bound == nil {
		return Alpha
	}
	return stat.HoldoutAlpha(Alpha, begun)
}

// Begin starts a trial. All beginnings of a clipped trial together may promote falsely with probability Alpha.
func Begin(spec *rondo.Spec, proof rondo.Proof, champion, challenger rondo.VersionID, scale Scale, from time.Time) (*Trial, error) {
	margin := 0.0
	if proof == rondo.NotWorse {
		margin = spec.Deploy.Margin * scale.Loss
	}
	test, err := stat.NewPromotion(margin, AlphaOf(scale.Bound, scale.Begun), scale.Past, scale.UsualRows)
	if err != nil {
		return nil, fmt.Errorf("begin the trial of %s: %w", challenger, err)
	}
	from = startOfDay(from)
	return &Trial{Champion: champion, Challenger: challenger, Proof: proof, From: from,
		AtMost: from.Add(spec.Deploy.AtMost), Test: test, Clip: newClip(scale)}, nil
}

func startOfDay(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// Day counts one mature day. A day before the trial says Continue and counts nothing.
func (t *Trial) Day(day time.Time, champion, challenger []float64) Verdict {
	if day.Before(t.From) {
		return Continue
	}
	if !day.Before(t.AtMost) {
		return TimeUp
	}
	gain, loss := sums(champion, challenger)
	t.Rows += len(champion)
	t.Gain += gain
	t.Loss += loss
	if t.Clip != nil {
		gain = t.Clip.add(champion, challenger)
	}
	d := stat.Day{Rows: len(champion), EndsWeek: (int(day.Sub(t.From)/(24*time.Hour))+1)%7 == 0}
	if d.Rows > 0 {
		d.Mean = gain / float64(d.Rows)
	}
	verdict := Continue
	switch t.Test.Add(d) {
	case stat.Promote:
		verdict = Promote
	case stat.Harm:
		verdict = Harm
	default:
		if !day.Add(24 * time.Hour).Before(t.AtMost) {
			verdict = TimeUp
		}
	}
	if (verdict != Continue || d.EndsWeek) && t.Clip != nil && tooMany(t.Clip.Beyond[0], t.Rows) {
		return Clipped
	}
	return verdict
}

func sums(champion, challenger []float64) (gain, loss float64) {
	for i, c := range champion {
		gain += c - challenger[i]
		loss += c
	}
	return gain, loss
}

// Known is the scale that the trial's own days leave to a watch of what it promoted.
func (t *Trial) Known() Scale {
	s := Scale{Past: t.Test.Residuals, UsualRows: t.Test.UsualRows}
	if t.Clip != nil {
		s.Bound, s.Begun = &t.Clip.Bound, t.Clip.Begun
	}
	return s
}

// Numbers are the facts of the trial for its decision.
func (t *Trial) Numbers() []rondo.Fact {
	facts := []rondo.Fact{
		rondo.Numeric("days", float64(t.Test.Days)),
		rondo.Numeric("rows", float64(t.Rows)),
		rondo.Numeric("margin", t.Test.Margin),
		rondo.Numeric("log evidence to promote", t.Test.LogPromote()),
		rondo.Numeric("log evidence of harm", t.Test.LogHarm()),
	}
	if t.Rows > 0 {
		facts = append(facts,
			rondo.Numeric("champion loss", t.Loss/float64(t.Rows)),
			rondo.Numeric("challenger loss", (t.Loss-t.Gain)/float64(t.Rows)))
	}
	return append(facts, t.Clip.numbers(t.Gain, t.Rows)...)
}

// Watch looks for harm of a fresh champion against its parent, which stays in shadow.
type Watch struct {
	Champion rondo.VersionID `json:"champion"`
	Parent   rondo.VersionID `json:"parent"`
	From     time.Time       `json:"from"`
	Until    time.Time       `json:"until"`
	Test     stat.Promotion  `json:"test"`
	Rows     int             `json:"rows"`
	Gain     float64         `json:"gain"` // sum over rows of the parent's loss less the champion's
	Clip     *Clip           `json:"clip,omitempty"`
}

// BeginWatch starts the watch of a promotion at from, for spec.Deploy.Watch, at margin 0.
func BeginWatch(spec *rondo.Spec, champion, parent rondo.VersionID, scale Scale, from time.Time) (*Watch, error) {
	test, err := stat.NewPromotion(0, Alpha, scale.Past, scale.UsualRows)
	if err != nil {
		return nil, fmt.Errorf("begin the watch of %s: %w", champion, err)
	}
	from = startOfDay(from.Add(24*time.Hour - time.Microsecond)) // whole days only
	return &Watch{Champion: champion, Parent: parent, From: from, Until: from.Add(spec.Deploy.Watch), Test: test, Clip: newClip(scale)}, nil
}

// Day counts one mature day: Harm at any, Passed when the watch has lasted. A row that is clipped where the champion lost
// makes harm look smaller, and is no reason to doubt it; gains that are clipped too often are.
func (w *Watch) Day(day time.Time, parent, champion []float64) Verdict {
	if day.Before(w.From) {
		return Continue
	}
	gain, _ := sums(parent, champion)
	d := stat.Day{Rows: len(parent)}
	w.Rows += d.Rows
	w.Gain += gain
	if w.Clip != nil {
		gain = w.Clip.add(parent, champion)
	}
	if d.Rows > 0 {
		d.Mean = gain / float64(d.Rows)
	}
	if w.Test.Add(d) == stat.Harm && !(w.Clip != nil && tooMany(w.Clip.Above, w.Rows)) {
		return Harm
	}
	if !day.Add(24 * time.Hour).Before(w.Until) {
		return Passed
	}
	return Continue
}

// Numbers are the facts of the watch for its decision.
func (w *Watch) Numbers() []rondo.Fact {
	facts := []rondo.Fact{
		rondo.Numeric("days", float64(w.Test.Days)),
		rondo.Numeric("rows", float64(w.Rows)),
		rondo.Numeric("log evidence of harm", w.Test.LogHarm()),
	}
	if w.Rows > 0 {
		facts = append(facts, rondo.Numeric("gain on the parent, a row", w.Gain/float64(w.Rows)))
	}
	return append(facts, w.Clip.numbers(w.Gain, w.Rows)...)
}

// Health is what a canary's answers were: all must be numbers, and none may have failed.
type Health struct {
	Answered int `json:"answered"` // rows the challenger was asked about
	Failed   int `json:"failed"`   // of them, rows without a finite answer
}

// ErrNoAnswers is returned while the canary has not answered.
var ErrNoAnswers = errors.New("the canary has not answered a request yet")

// Check is nil for a healthy canary of at least least answers.
func (h Health) Check(least int) error {
	switch {
	case h.Failed > 0:
		return fmt.Errorf("%d of %d answers failed", h.Failed, h.Answered)
	case h.Answered < least:
		return ErrNoAnswers
	}
	return nil
}

// Salt makes a rollout's salt of its cycle, so that each rollout picks other keys.
func Salt(cycle rondo.CycleID) string {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], xxh3.HashString(string(cycle)))
	return fmt.Sprintf("%x", b)
}
