// Package storetest examines a store.Store: every promise of package store as a test.
//
// An implementation's test calls Run. Tests run under a virtual clock and sleep nowhere.
package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// Open opens one place: each call opens the same rows again, after the store of the call before was closed.
type Open func(clk clock.Clock) (store.Store, error)

// Run examines the stores that place makes; each call of place is a new empty one.
func Run(t *testing.T, place func(t *testing.T) Open) {
	tests := []struct {
		name string
		test func(*desk)
	}{
		{"WriteIsThereAfterReopening", testDurable},
		{"FailedWriteLeavesNothing", testFailedWrite},
		{"PanicUndoesItsOwnWriteOnly", testPanic},
		{"EndedGoroutineUndoesItsOwnWriteOnly", testGoexit},
		{"FailedStatementCannotBeCommitted", testSpoiled},
		{"EndedContextWritesNothing", testEndedContext},
		{"WaitingWriteLeavesWithItsContext", testWaitingContext},
		{"WritesDoNotLoseEachOther", testCounter},
		{"ReadSeesOneSnapshotAndNeverWaits", testSnapshot},
		{"ReadCannotWrite", testReadOnly},
		{"TransactionHasOneTime", testNow},
		{"KeptTransactionIsRefused", testKept},
		{"ClosedStoreIsUnavailable", testClosed},

		{"ModelsKeepEveryRevision", testModels},
		{"OneCycleIsOpenPerModel", testCycles},
		{"StepsAreLeasedInOrderOfDue", testLease},
		{"SecondWorkerCannotCommitAfterLeaseExpiry", testFence},
		{"StepsFailRetryAndPark", testFail},
		{"PostponedStepsWakeAndStoppedWorkersAreFreed", testPostpone},
		{"StepsAreUniquePerCycleKindName", testStepOnce},
		{"RecordsAreMadeOnce", testRecords},
		{"UsesOfTestRowsAreCounted", testUses},
		{"VersionsAreNumberedAndMoveAlongTransitions", testVersions},
		{"OneChampionPerModel", testChampion},
		{"RouteGenerationGrows", testRoutes},
		{"DecisionIsOncePerStepAndRule", testDecisions},
		{"ValuesChangeAndRange", testValues},
		{"LedgerBooksOnce", testLedger},
		{"ReservationsHoldMoney", testReserve},
		{"TokensAreFoundByHash", testTokens},
		{"DigestsThatRowsNameAreFound", testDigests},
		{"StoreEqualsAMap", testModel},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) { c.test(newDesk(t, place)) })
	}
}

// desk is an open store under a virtual clock.
type desk struct {
	*testing.T
	place func(t *testing.T) Open
	clk   *clock.Virtual
	open  Open
	st    store.Store
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 123_000, time.UTC)

func newDesk(t *testing.T, place func(t *testing.T) Open) *desk {
	d := &desk{T: t, place: place, clk: clock.NewVirtual(start), open: place(t)}
	d.reopen()
	t.Cleanup(func() { d.st.Close() })
	return d
}

func (d *desk) reopen() {
	d.Helper()
	if d.st != nil {
		d.ok(d.st.Close())
	}
	st, err := d.open(d.clk)
	d.ok(err)
	d.st = st
}

// later moves the clock.
func (d *desk) later(by time.Duration) { d.clk.Set(d.clk.Now().Add(by)) }

// write runs f in a transaction that has to be kept.
func (d *desk) write(f func(store.Tx)) {
	d.Helper()
	d.ok(d.st.Write(d.Context(), func(tx store.Tx) error { f(tx); return nil }))
}

// read runs f on a snapshot.
func (d *desk) read(f func(store.Tx)) {
	d.Helper()
	d.ok(d.st.Read(d.Context(), func(tx store.Tx) error { f(tx); return nil }))
}

func (d *desk) ok(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) is(err, want error) {
	d.Helper()
	if !errors.Is(err, want) {
		d.Fatalf("error %v, want %v", err, want)
	}
}

func (d *desk) kind(err error, want rondo.Kind) {
	d.Helper()
	if got := rondo.KindOf(err); got != want {
		d.Fatalf("error %v has kind %q, want %q", err, got, want)
	}
}

// same compares by value; instants must also be in UTC.
func (d *desk) same(got, want any) {
	d.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		d.Fatalf("got (+) beside want (-):\n%s", diff)
	}
}

// must is for values that come with an error inside a transaction.
func must[T any](d *desk) func(T, error) T {
	return func(v T, err error) T {
		d.Helper()
		d.ok(err)
		return v
	}
}
