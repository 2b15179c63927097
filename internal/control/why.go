package control

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// Why is a chain from evidence to outcome, oldest first.
type Why struct {
	Subject string            `json:"subject"`
	Chain   []WhySaid         `json:"chain"`
	Now     string            `json:"now"` // one sentence: who answers, since when
	Model   string            `json:"model"`
	Hidden  int               `json:"hidden,omitempty"` // decisions to wait that are left out
	Bars    []rondo.BarResult `json:"bars,omitempty"`   // of the version asked about
}

// WhySaid is one decision in words and numbers.
type WhySaid struct {
	*rondo.Decision
	Text string `json:"text"`
}

// Why explains a model, a version (MODEL/NUMBER) or a cycle. All waits are in the answer only when all is true.
func (c *Control) Why(ctx context.Context, subject string, all bool) (*Why, error) {
	why := &Why{Subject: subject}
	err := c.store.Read(ctx, func(tx store.Tx) error {
		decisions, err := c.about(tx, subject, why)
		if err != nil {
			return err
		}
		for _, d := range decisions {
			if !all && (d.Outcome == rondo.Waiting || d.Outcome == rondo.Probed) {
				why.Hidden++
				continue
			}
			why.Chain = append(why.Chain, WhySaid{Decision: d, Text: Explain(d)})
		}
		why.Now = now(tx, why.Model)
		return nil
	})
	return why, err
}

func (c *Control) about(tx store.Tx, subject string, why *Why) ([]*rondo.Decision, error) {
	if strings.HasPrefix(subject, "cyc_") {
		cycle, err := tx.Cycles().Get(rondo.CycleID(subject))
		if errors.Is(err, store.ErrNotFound) {
			return nil, rondo.Errorf(rondo.NotFound, "no cycle %s; see: rondo get cycles", subject)
		}
		if err != nil {
			return nil, err
		}
		why.Model = cycle.Model
		return tx.Decisions().ByCycle(cycle.ID)
	}
	if strings.Contains(subject, "/") {
		v, err := tx.Versions().Get(rondo.VersionID(subject))
		if errors.Is(err, store.ErrNotFound) {
			return nil, rondo.Errorf(rondo.NotFound, "no version %s; see: rondo get versions", subject)
		}
		if err != nil {
			return nil, err
		}
		why.Model = v.Model
		ev, err := tx.Records().Evaluation(v.Evaluation)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			why.Bars = ev.Bars
		}
		return concerning(tx, v)
	}
	if _, err := c.model(tx, subject); err != nil {
		return nil, err
	}
	why.Model = subject
	return tx.Decisions().List(subject, 0)
}

// concerning are the decisions of the cycle that made a version, and all others that name it: that it was put aside, that
// its alarm opened, that it came back.
func concerning(tx store.Tx, v *rondo.Version) ([]*rondo.Decision, error) {
	all, err := tx.Decisions().List(v.Model, 0)
	if err != nil {
		return nil, err
	}
	var out []*rondo.Decision
	for _, d := range all {
		if d.Cycle != "" && d.Cycle == v.Cycle || d.Version == v.ID || d.Replaced == v.ID {
			out = append(out, d)
		}
	}
	return out, nil
}

func now(tx store.Tx, model string) string {
	route, err := tx.Versions().Route(model)
	if err != nil {
		return "No version of " + model + " answers."
	}
	if in, err := instead(tx, model); err == nil && in != nil && in.Champion == route.Champion {
		return in.String()
	}
	v, err := tx.Versions().Get(route.Champion)
	if err != nil || v.From == nil {
		return fmt.Sprintf("Version %s answers.", route.Champion)
	}
	return fmt.Sprintf("Version %s answers since %s.", v.ID, v.From.Format(time.DateTime))
}

// Explain renders a decision from its stored numbers: one or two plain sentences, each with a number (D28).
func Explain(d *rondo.Decision) string {
	var s strings.Builder
	switch d.Outcome {
	case rondo.Promoted:
		fmt.Fprintf(&s, "promoted %s", d.Version)
		if d.Replaced != "" {
			fmt.Fprintf(&s, " in place of %s", d.Replaced)
		}
	case rondo.RolledBack:
		fmt.Fprintf(&s, "put %s back in place of %s", d.Version, d.Replaced)
	case rondo.RefusedIt:
		s.WriteString("refused")
		switch {
		case d.Version != "":
			fmt.Fprintf(&s, " %s", d.Version)
		case d.Rule == "batch checks":
			s.WriteString(" the source, all of it")
		default:
			s.WriteString(" the candidate")
		}
	case rondo.Kept:
		fmt.Fprintf(&s, "kept")
		if d.Version != "" && d.Rule == "watch" {
			fmt.Fprintf(&s, " %s: its watch ended well", d.Version)
		} else {
			s.WriteString(" the champion")
		}
	case rondo.Retraining:
		fmt.Fprintf(&s, "decided to retrain %s", d.Version)
	case rondo.Started:
		fmt.Fprintf(&s, "put %s into shadow", d.Version)
	case rondo.Alarmed:
		fmt.Fprintf(&s, "%s got worse", d.Version)
	case rondo.Waiting:
		s.WriteString("did not retrain")
	case rondo.Probed:
		s.WriteString("did not retrain, fits a probe")
	case rondo.Quarantined:
		s.WriteString("quarantined a feed")
	case rondo.Failed:
		s.WriteString("failed")
		if d.Rule == loadRule {
			fmt.Fprintf(&s, " to load %s", d.Replaced)
			if d.Version != "" {
				fmt.Fprintf(&s, ", so %s answers", d.Version)
			}
		}
	default:
		s.WriteString(string(d.Outcome))
	}
	fmt.Fprintf(&s, " (%s)", d.Rule)
	if facts := Facts(d.Numbers); facts != "" {
		s.WriteString(": " + facts)
	}
	for _, a := range d.Alternatives {
		s.WriteString("; else: " + a)
	}
	return s.String()
}

// Facts are numbers and texts in one line.
func Facts(facts []rondo.Fact) string {
	var parts []string
	for _, f := range facts {
		switch {
		case f.Number == nil:
			parts = append(parts, f.Name+" "+f.Text)
		case strings.HasSuffix(f.Name, ", dollars"):
			parts = append(parts, strings.TrimSuffix(f.Name, ", dollars")+" "+rondo.FromDollars(*f.Number).String())
		default:
			parts = append(parts, f.Name+" "+Short(*f.Number))
		}
	}
	return strings.Join(parts, ", ")
}

// Short is a number for people: four significant digits, whole numbers as they are.
func Short(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e9 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}
