package control_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/seam/store/sqlite"
)

// installation is a control over a store of its own, with what it told others.
type installation struct {
	*control.Control
	store         store.Store
	clock         *clock.Virtual
	woken         int
	routed, keyed int
	refuse        error // what the plan says
	started       []string
}

func (i *installation) Wake() { i.woken++ }

func (i *installation) StartCycle(tx store.Tx, model string) error {
	i.started = append(i.started, model)
	m, err := tx.Models().Get(model)
	if err != nil {
		return err
	}
	return tx.Cycles().Add(rondo.Cycle{ID: rondo.CycleID("cyc_" + model + string(rune('0'+len(i.started)))), Model: model,
		Cause: rondo.ByPerson, Revision: m.Revision, Started: tx.Now()})
}

func (i *installation) Plan(_ context.Context, spec *rondo.Spec, _ time.Time) (*control.Plan, error) {
	if i.refuse != nil {
		return nil, i.refuse
	}
	return &control.Plan{Model: spec.Name, Rows: 10}, nil
}

func install(t *testing.T) *installation {
	t.Helper()
	i := &installation{clock: clock.NewVirtual(began)}
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "rondo.db"), i.clock, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	i.store = st
	i.Control = control.New(st, i, i, control.Changed{
		Route:  func(context.Context, string) error { i.routed++; return nil },
		Tokens: func(context.Context) error { i.keyed++; return nil },
	})
	return i
}

func (i *installation) write(t *testing.T, f func(store.Tx) error) {
	t.Helper()
	if err := i.store.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func declared(more string) control.Declaration {
	return control.Declaration{Name: "model.yaml", Dir: "/data", Text: []byte("name: penguins\ntask: {kind: multiclass, target: species}\n" +
		"data: {source: penguins.json}\n" + more)}
}

func TestApplyTwiceChangesOnce(t *testing.T) {
	i := install(t)
	for n, want := range []struct {
		declaration control.Declaration
		revision    int
		changed     bool
	}{{declared(""), 1, true}, {declared(""), 1, false}, {declared("# a remark\n"), 1, false}, {declared("train: {trees: 7}\n"), 2, true}, {declared(""), 3, true}} {
		plan, err := i.Apply(t.Context(), want.declaration, false)
		if err != nil || plan.Revision != want.revision || plan.Changed != want.changed || plan.Dry {
			t.Errorf("apply %d: %+v, %v", n+1, plan, err)
		}
	}
	if i.woken != 5 {
		t.Errorf("the loop was woken %d times", i.woken)
	}
}

func TestDryOrRefusedApplySetsNothing(t *testing.T) {
	i := install(t)
	if plan, err := i.Apply(t.Context(), declared(""), true); err != nil || !plan.Dry || plan.Revision != 0 {
		t.Errorf("dry: %+v, %v", plan, err)
	}
	var mistakes modelfile.Errors
	if _, err := i.Apply(t.Context(), declared("trian: {}\n"), false); !errors.As(err, &mistakes) {
		t.Errorf("a wrong word: %v", err)
	}
	i.refuse = rondo.Errorf(rondo.Invalid, "no column species")
	if _, err := i.Apply(t.Context(), declared(""), false); rondo.KindOf(err) != rondo.Invalid {
		t.Errorf("a refused plan: %v", err)
	}
	if out, err := i.Get(t.Context(), "models", ""); err != nil || len(out.Models) != 0 || i.woken != 0 {
		t.Errorf("something was set: %+v, %v, woken %d", out, err, i.woken)
	}
}

// versions adds n versions of penguins in these states; the champion and the retired have answered, a day after another.
func (i *installation) versions(t *testing.T, states ...rondo.VersionState) {
	t.Helper()
	i.write(t, func(tx store.Tx) error {
		_, _, err := tx.Models().Apply(&rondo.Spec{Name: "penguins"}, "d", "/")
		return err
	})
	for n, state := range states {
		i.clock.Set(began.AddDate(0, 0, n))
		i.write(t, func(tx store.Tx) error {
			v := &rondo.Version{Model: "penguins", State: rondo.Candidate, Cycle: rondo.CycleID("cyc_" + string(rune('1'+n))), Evaluation: "ev_1"}
			if err := tx.Versions().Add(v); err != nil {
				return err
			}
			path := map[rondo.VersionState][]rondo.VersionState{rondo.Champion: {rondo.Champion}, rondo.Retired: {rondo.Champion, rondo.Retired},
				rondo.Challenger: {rondo.Challenger}, rondo.Rejected: {rondo.Rejected}}[state]
			for _, to := range path {
				if err := tx.Versions().Move(v.ID, to); err != nil {
					return err
				}
			}
			if state != rondo.Champion {
				return nil
			}
			_, err := tx.Versions().SetRoute(store.Route{Model: "penguins", Champion: v.ID, Parent: "penguins/1"})
			return err
		})
	}
}

func TestRollbackPutsTheLastThatAnsweredBack(t *testing.T) {
	i := install(t)
	i.versions(t, rondo.Retired, rondo.Retired, rondo.Rejected, rondo.Champion, rondo.Challenger)
	i.write(t, func(tx store.Tx) error { return tx.Values().Put("penguins", "watch", []byte("{}")) })
	for n, want := range []struct{ version, replaced rondo.VersionID }{{"penguins/2", "penguins/4"}, {"penguins/4", "penguins/2"}} {
		i.clock.Set(began.AddDate(0, 1, n))
		d, err := i.Rollback(t.Context(), "penguins", "it is wrong on Adelie")
		if err != nil || d.Version != want.version || d.Replaced != want.replaced || d.Outcome != rondo.RolledBack || d.Numbers[0].Text != "it is wrong on Adelie" {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	if i.routed != 2 {
		t.Errorf("serving was told %d times", i.routed)
	}
	err := i.store.Read(t.Context(), func(tx store.Tx) error {
		if _, err := tx.Values().Get("penguins", "watch"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the watch of the champion that left goes on: %v", err)
		}
		route, err := tx.Versions().Route("penguins")
		if route.Champion != "penguins/4" || route.Parent != "" || route.Generation != 3 {
			t.Errorf("%+v", route)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPromoteTakesOnlyWhatHasAnswered(t *testing.T) {
	i := install(t)
	i.versions(t, rondo.Retired, rondo.Champion, rondo.Rejected, rondo.Challenger, rondo.Candidate)
	for id, want := range map[rondo.VersionID]rondo.Kind{"penguins/2": rondo.Conflict, "penguins/3": rondo.Refused, "penguins/4": rondo.Conflict,
		"penguins/5": rondo.Conflict, "penguins/9": rondo.NotFound, "walrus/1": rondo.NotFound, "penguins": rondo.NotFound, "": rondo.NotFound} {
		if d, err := i.Promote(t.Context(), id, ""); rondo.KindOf(err) != want || d != nil {
			t.Errorf("%q: %+v, %v", id, d, err)
		}
	}
	if i.routed != 0 {
		t.Error("a refusal moved the route")
	}
	d, err := i.Promote(t.Context(), "penguins/1", "")
	if err != nil || d.Version != "penguins/1" || d.Replaced != "penguins/2" || len(d.Numbers) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestNothingIsRolledBackWhereNothingAnswers(t *testing.T) {
	i := install(t)
	if _, err := i.Rollback(t.Context(), "penguins", ""); rondo.KindOf(err) != rondo.NotFound {
		t.Errorf("no model: %v", err)
	}
	i.versions(t)
	if _, err := i.Rollback(t.Context(), "penguins", ""); rondo.KindOf(err) != rondo.Conflict {
		t.Errorf("no version: %v", err)
	}
	i.versions(t, rondo.Champion)
	if _, err := i.Rollback(t.Context(), "penguins", ""); rondo.KindOf(err) != rondo.Conflict {
		t.Errorf("no earlier version: %v", err)
	}
}

func TestRunStartsOneCycleUnlessTheLoopWillStartTheFirst(t *testing.T) {
	i := install(t)
	if err := i.Run(t.Context(), "penguins"); rondo.KindOf(err) != rondo.NotFound {
		t.Errorf("no model: %v", err)
	}
	i.versions(t)
	if err := i.Run(t.Context(), "penguins"); err != nil || len(i.started) != 0 || i.woken != 1 {
		t.Errorf("the loop starts the first: %v, %v, woken %d", i.started, err, i.woken)
	}
	i.write(t, func(tx store.Tx) error { // the first one came to nothing; a new revision is applied
		if err := tx.Cycles().Add(rondo.Cycle{ID: "cyc_0", Model: "penguins", Cause: rondo.ByFirst, Revision: 1}); err != nil {
			return err
		}
		if err := tx.Cycles().End("cyc_0", rondo.Failed, ""); err != nil {
			return err
		}
		_, _, err := tx.Models().Apply(&rondo.Spec{Name: "penguins"}, "another", "/")
		return err
	})
	for range 2 {
		if err := i.Run(t.Context(), "penguins"); err != nil || len(i.started) != 1 {
			t.Errorf("one at a time: %v, %v", i.started, err)
		}
	}
}

func TestPauseIsSeenAndEnds(t *testing.T) {
	i := install(t)
	i.versions(t)
	for _, paused := range []bool{true, true, false} {
		if err := i.SetPaused(t.Context(), "penguins", paused); err != nil {
			t.Fatal(err)
		}
		if out, err := i.Get(t.Context(), "models", "penguins"); err != nil || out.Models[0].Paused != paused {
			t.Errorf("paused %v: %+v, %v", paused, out, err)
		}
	}
	if err := i.SetPaused(t.Context(), "walrus", true); rondo.KindOf(err) != rondo.NotFound {
		t.Errorf("no model: %v", err)
	}
}

func TestTokenIsKeptAsAHashAndEndsAtOnce(t *testing.T) {
	i := install(t)
	token, err := i.NewToken(t.Context(), "ci", []string{"predict", "feedback"})
	if err != nil || !strings.HasPrefix(token, "rondo_") || len(token) != len("rondo_")+43 {
		t.Fatalf("%q, %v", token, err)
	}
	list, err := i.Tokens(t.Context())
	if err != nil || len(list) != 1 || list[0].Hash != sha256.Sum256([]byte(token)) || len(list[0].Scopes) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := i.NewToken(t.Context(), "ci", []string{"admin"}); rondo.KindOf(err) != rondo.Conflict {
		t.Errorf("the same name: %v", err)
	}
	if err := i.RevokeToken(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	if err := i.RevokeToken(t.Context(), "ci"); rondo.KindOf(err) != rondo.NotFound {
		t.Errorf("revoked twice: %v", err)
	}
	if i.keyed != 2 {
		t.Errorf("doors were told %d times", i.keyed)
	}
	for name, scopes := range map[string][]string{"": {"admin"}, "none": nil, "typo": {"predct"}, strings.Repeat("x", 101): {"admin"}} {
		if _, err := i.NewToken(t.Context(), name, scopes); rondo.KindOf(err) != rondo.Invalid {
			t.Errorf("%q for %v: %v", name, scopes, err)
		}
	}
	if _, err := i.NewToken(t.Context(), "typo", []string{"predct"}); !strings.Contains(err.Error(), `did you mean "predict"?`) {
		t.Error(err)
	}
}
