package evaluate

import (
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/stat"
)

// After ten uses rows are not looked at again: nothing is measured, every bar is inconclusive and says what is missing.
// With three tenths of new rows they are, at what the eleventh use may spend.
func TestWornOutRowsAreNotLookedAt(t *testing.T) {
	s := flights("wear", 10_000, 20) // 500 a day for 20 days
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	ask := func(use int, w Wear, bars ...string) *rondo.Evaluation {
		t.Helper()
		ev, err := Judge(Request{Spec: &rondo.Spec{Evaluate: rondo.Evaluate{Bars: bars}}, Test: s, Train: s, Use: use, Wear: w})
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	for _, c := range []struct {
		wear Wear
		says string // "": they are looked at
	}{
		{Wear{Fresh: 400, Share: 1, Now: now}, "10 uses, 4 % of its rows are new; 2,600 fresh labels needed by about 26 Nov 2026"},
		{Wear{Fresh: 0, Share: 1, Now: now}, "10 uses, 0 % of its rows are new; 3,000 fresh labels needed by about 26 Nov 2026"},
		{Wear{Fresh: 2_999, Share: 1}, "1 fresh labels needed"},
		{Wear{Fresh: 3_000, Share: 1, Now: now}, ""},
		{Wear{Fresh: 900, Share: 0.25, Grows: true, Now: now}, "9 % of its rows are new; 12,000 fresh labels needed by about 26 Nov 2026"},
	} {
		ev := ask(maxUses+1, c.wear, "auc >= 0.01", "accuracy >= champion")
		if c.says == "" {
			if ev.Verdict != rondo.Met || ev.Alpha != stat.HoldoutAlpha(alpha, maxUses+1) || len(ev.Metrics) == 0 {
				t.Errorf("%+v: %s at %v", c.wear, ev.Verdict, ev.Alpha)
			}
			continue
		}
		if ev.Verdict != rondo.Inconclusive || len(ev.Bars) != 2 || len(ev.Metrics)+len(ev.Train)+len(ev.Calibration)+len(ev.Slices) > 0 || !ev.Digest.Valid() {
			t.Errorf("%+v was measured: %+v", c.wear, ev)
		}
		for _, b := range ev.Bars {
			if b.Verdict != rondo.Inconclusive || b.Got != nil || !strings.HasSuffix(b.Reason, c.says) || !strings.Contains(b.Reason, "test set worn out") {
				t.Errorf("%s", b.Reason)
			}
		}
	}
	if ev := ask(maxUses, Wear{}, "auc >= 0.01"); ev.Verdict != rondo.Met {
		t.Errorf("use %d: %s", maxUses, ev.Verdict)
	}
	if ev := ask(maxUses+1, Wear{}); len(ev.Metrics) == 0 {
		t.Error("no bar is asked, and nothing was measured")
	}
}
