package app

import (
	"slices"
	"testing"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

func TestWhatWasRolledBackAnswersLast(t *testing.T) {
	day := func(n int) *time.Time {
		at := time.Date(2026, 5, n, 0, 0, 0, 0, time.UTC)
		return &at
	}
	versions := []*rondo.Version{
		{ID: "m/1", State: rondo.Retired, Until: day(1)},
		{ID: "m/2", State: rondo.Retired, Until: day(2)},
		{ID: "m/3", State: rondo.Retired, Until: day(9)},
		{ID: "m/4", State: rondo.Rejected},
		{ID: "m/5", State: rondo.Retired}, // never answered
		{ID: "m/6", State: rondo.Champion},
	}
	promoted := func(id rondo.VersionID) *rondo.Decision {
		return &rondo.Decision{Outcome: rondo.Promoted, Version: id}
	}
	harm := &rondo.Decision{Outcome: rondo.RolledBack, Version: "m/2", Replaced: "m/3"}
	for name, c := range map[string]struct {
		decisions []*rondo.Decision
		parent    rondo.VersionID
		want      []rondo.VersionID
	}{
		"who answered last first":   {nil, "", []rondo.VersionID{"m/3", "m/2", "m/1"}},
		"the parent before all":     {nil, "m/1", []rondo.VersionID{"m/1", "m/3", "m/2"}},
		"a parent that never ended": {nil, "m/5", []rondo.VersionID{"m/5", "m/3", "m/2", "m/1"}},
		"rolled back for harm":      {[]*rondo.Decision{promoted("m/3"), harm}, "", []rondo.VersionID{"m/2", "m/1", "m/3"}},
		"put back since":            {[]*rondo.Decision{harm, {Outcome: rondo.RolledBack, Version: "m/3", Replaced: "m/2"}}, "", []rondo.VersionID{"m/3", "m/1", "m/2"}},
		"an alarm is no rollback":   {[]*rondo.Decision{{Outcome: rondo.Alarmed, Version: "m/3"}}, "", []rondo.VersionID{"m/3", "m/2", "m/1"}},
	} {
		var got []rondo.VersionID
		for _, v := range standIns(versions, takenBack(c.decisions), store.Route{Model: "m", Champion: "m/6", Parent: c.parent}) {
			got = append(got, v.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v; want %v", name, got, c.want)
		}
	}
}
