package evaluate

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Test rows wear out (S17). The k-th use of them is tested at alpha 6/(pi^2 k^2), where k counts every earlier use that
// shares a row: so of each row all uses together spend at most alpha. After maxUses they are looked at again only when
// leastFresh of them are new.
const (
	maxUses    = 10
	leastFresh = 0.3
)

// Wear is what earlier uses left of test rows.
type Wear struct {
	Fresh int       // rows that no earlier use had
	Grows bool      // old test rows stay when new ones come: there is no window
	Share float64   // of new labels, those that become test rows: 1 where the newest rows are the test rows
	Now   time.Time // a date is counted from here; zero: none is named
}

// wornOut says why rows are not to be looked at in their use-th use, or "".
func (w Wear) wornOut(use int, s *Scored) string {
	rows := float64(s.Rows())
	missing := leastFresh*rows - float64(w.Fresh)
	if use <= maxUses || missing <= 0 {
		return ""
	}
	if w.Grows { // a new row makes the whole larger, too
		missing /= 1 - leastFresh
	}
	text := fmt.Sprintf("test set worn out: %d uses, %.0f %% of its rows are new; %s fresh labels needed", use-1,
		100*float64(w.Fresh)/rows, grouped(int(math.Ceil(missing/w.Share))))
	if len(s.Times) == 0 || w.Now.IsZero() {
		return text
	}
	const day = 24 * time.Hour
	span := time.Duration(slices.Max(s.Times)-slices.Min(s.Times)) * time.Microsecond
	days := math.Ceil(span.Hours() / day.Hours() * missing / rows) // test rows come as fast as they came
	return text + " by about " + w.Now.Add(time.Duration(days)*day).Format("2 Jan 2006")
}
