package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/seam/store/sqlstore"
)

func openInside(t testing.TB, opt Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "a b?c%23#.db"), clock.Wall{}, opt) // hostile to a DSN
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(name string) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.Values().Put("m", name, []byte(name)) }
}

func TestFileIsItsOwnersAloneAndSynced(t *testing.T) {
	s := openInside(t, Options{})
	for _, end := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(s.path + end)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s%s: mode %v", s.path, end, info.Mode())
		}
	}
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "wal_autocheckpoint": "0"} {
		var got string
		if err := s.conn.QueryRowContext(t.Context(), "pragma "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %s", pragma, got, err, want)
		}
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "text")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{path, dir, filepath.Join(dir, "nothing", "rondo.db")} {
		if _, err := Open(t.Context(), bad, clock.Wall{}, Options{}); rondo.KindOf(err) != rondo.Unavailable {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// A group counts itself by its commits: many writers share them.
func TestThirtyTwoWritersShareCommits(t *testing.T) {
	calls := 0
	s := openInside(t, Options{OnCommit: func(int) { calls++ }})
	const writers, each = 32, 40
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := s.Write(t.Context(), put(fmt.Sprint(w, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if share := float64(writers*each) / float64(calls/2); share < 5 {
		t.Errorf("%.1f writes share a commit, want more than 5", share)
	} else {
		t.Logf("%.1f writes share a commit", share)
	}
}

func TestGroupIsBounded(t *testing.T) {
	calls := 0
	s := openInside(t, Options{Group: 2, OnCommit: func(int) { calls++ }})
	var all sync.WaitGroup
	for w := range 20 {
		all.Go(func() {
			if err := s.Write(t.Context(), put(fmt.Sprint(w))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if calls < 20 {
		t.Errorf("%d calls for 20 writes in groups of at most 2", calls)
	}
}

// A page limit stands in for a full disk: it needs no mount. SQLite may take the whole group's transaction back then, so
// neighbours may fail too; every Write is kept whole and nil, or not at all and Unavailable, also when f hides the error.
func TestNoRoomKeepsWritesWholeOrNotAtAll(t *testing.T) {
	s := openInside(t, Options{})
	if err := s.exec(`pragma max_page_count = 200`); err != nil {
		t.Fatal(err)
	}
	const writers = 10
	results := make([]error, writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			results[w] = s.Write(t.Context(), func(tx store.Tx) error {
				if err := put(fmt.Sprint(w))(tx); err != nil {
					return err
				}
				if w == 5 {
					_ = tx.Values().Put("m", "big", make([]byte, 1<<20))
				}
				return nil
			})
		})
	}
	all.Wait()
	if results[5] == nil {
		t.Error("a hidden error was committed")
	}
	err := s.Read(t.Context(), func(tx store.Tx) error {
		for w, result := range results {
			_, err := tx.Values().Get("m", fmt.Sprint(w))
			if (err == nil) != (result == nil) || result != nil && rondo.KindOf(result) != rondo.Unavailable {
				t.Errorf("writer %d: write %v, read %v", w, result, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.exec(`pragma max_page_count = 1000000`); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), func(tx store.Tx) error { return tx.Values().Put("m", "big", make([]byte, 1<<20)) }); err != nil {
		t.Errorf("after there was room: %v", err)
	}
}

// pair runs two Writes in one group, the second behind the first.
func pair(t *testing.T, s *Store, f1, f2 func(store.Tx) error) (err1, err2 error) {
	t.Helper()
	inside, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		err1 = s.Write(t.Context(), func(tx store.Tx) error {
			close(inside)
			<-leave
			return f1(tx)
		})
	})
	<-inside
	all.Go(func() { err2 = s.Write(t.Context(), f2) })
	for !s.turn.wanted() {
		runtime.Gosched()
	}
	close(leave)
	all.Wait()
	return err1, err2
}

// A transaction that SQLite rolled back under the group's feet fails every member, and nobody else.
func TestLostTransactionFailsItsWholeGroup(t *testing.T) {
	s := openInside(t, Options{})
	err1, err2 := pair(t, s, put("first"), func(tx store.Tx) error { return errors.Join(put("second")(tx), s.exec(`rollback`)) })
	if err1 == nil || err2 == nil {
		t.Errorf("first %v, second %v: both were lost", err1, err2)
	}
	if err := s.Write(t.Context(), put("third")); err != nil {
		t.Error(err)
	}
}

// The second member is refused because of what the first wrote. When their commit fails that reason was never true.
func TestReasonFromALostCommitIsNotTold(t *testing.T) {
	var s *Store
	s = openInside(t, Options{OnCommit: func(n int) {
		if n == 1 {
			if err := s.exec(`rollback`); err != nil {
				t.Error(err)
			}
		}
	}})
	cycle := func(tx store.Tx) error { return tx.Cycles().Add(rondo.Cycle{ID: "c", Model: "m"}) }
	err1, err2 := pair(t, s, cycle, cycle)
	if err1 == nil || err2 == nil || errors.Is(err2, store.ErrExists) {
		t.Errorf("first %v, second %v", err1, err2)
	}
	err1, err2 = pair(t, s, cycle, cycle)
	if err1 != nil || !errors.Is(err2, store.ErrExists) {
		t.Errorf("after that: first %v, second %v", err1, err2)
	}
}

func TestTablesRefuseWhatCodeForgets(t *testing.T) {
	s := openInside(t, Options{})
	err := s.Write(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.Versions().Add(&rondo.Version{Model: "m"}), tx.Versions().Add(&rondo.Version{Model: "m"}),
			tx.Versions().Move("m/1", rondo.Champion), tx.Cycles().Add(rondo.Cycle{ID: "c1", Model: "m"}),
			tx.Steps().Add(store.Step{ID: "s", Model: "m"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		`update versions set state = 'emperor' where id = 'm/2'`,
		`update versions set state = 'champion', answered_from = 1 where id = 'm/2'`, // beside m/1
		`update versions set number = 1 where id = 'm/2'`,
		`insert into cycles (id, model, cause, revision, started) values ('c2', 'm', '', 1, 1)`, // beside c1
		`update cycles set ended = 1`,                                                           // without outcome
		`update steps set state = 'lost'`,
		`update steps set state = 'leased'`, // until never
		`update steps set state = 'done'`,   // without an end
		`update steps set due = 'soon'`,
		`insert into routes values (1, 'm', 1, '', '', 2, '', '')`, // share 2
		`insert into reservations values ('m', 'r', 1, -1, 1)`,
		`insert into tokens values (1, 'n', x'01', '[]', 1)`,
	} {
		if err := s.exec(bad); err == nil || !strings.Contains(err.Error(), "constraint failed") && !strings.Contains(err.Error(), "cannot store") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// recorder keeps the statements that run through it.
type recorder struct {
	*sql.Conn
	seen map[string]int // with their number of arguments
}

func (r recorder) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	r.seen[query] = len(args)
	return r.Conn.ExecContext(ctx, query, args...)
}

func (r recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	r.seen[query] = len(args)
	return r.Conn.QueryContext(ctx, query, args...)
}

// What the loop and the doors do all day, by name.
var daily = map[string]func(tx store.Tx) error{
	"lease, renew, fence, give back": func(tx store.Tx) error {
		s, err := tx.Steps().Lease("w", tx.Now().Add(time.Minute))
		return errors.Join(err, tx.Steps().Renew(s.ID, s.Attempt, tx.Now()), tx.Steps().Fence(s.ID, s.Attempt),
			tx.Steps().Postpone(s.ID, s.Attempt, tx.Now(), nil))
	},
	"next due": func(tx store.Tx) error { _, err := tx.Steps().NextDue(); return err },
	"free and wake": func(tx store.Tx) error {
		_, err := tx.Steps().FreeWorkersExcept("w")
		return errors.Join(err, tx.Steps().Wake("m", "k"))
	},
	"unfinished":       func(tx store.Tx) error { _, err := tx.Steps().Unfinished("m"); return err },
	"steps of a cycle": func(tx store.Tx) error { _, err := tx.Steps().ByCycle("c open"); return err },
	"open cycle":       func(tx store.Tx) error { _, err := tx.Cycles().Open("m"); return err },
	"last cycles":      func(tx store.Tx) error { _, err := tx.Cycles().List("m", 5); return err },
	"route":            func(tx store.Tx) error { _, err := tx.Versions().Route("m"); return err },
	"last decisions":   func(tx store.Tx) error { _, err := tx.Decisions().List("m", 5); return err },
	"of a cycle":       func(tx store.Tx) error { _, err := tx.Decisions().ByCycle("c open"); return err },
	"last entries":     func(tx store.Tx) error { _, err := tx.Ledger().Entries("m", 5); return err },
	"spent today": func(tx store.Tx) error {
		_, err := tx.Ledger().Totals("m", tx.Now().Add(-time.Hour), time.Time{})
		return err
	},
	"value": func(tx store.Tx) error { return tx.Values().Put("m", "detector", []byte("{}")) },
}

const historyRows = 100_000

// finishedHistory makes a long past of everything that grows.
const finishedHistory = `
	with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
	insert into steps (id, model, cycle, kind, name, state, due, attempt, made, ended)
		select printf('s%06d', i), 'm', printf('c%06d', i / 10), 'k', printf('%06d', i), case i % 3 when 0 then 'failed' else 'done' end, i, 1, i, i from n;
	with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
	insert into cycles (id, model, cause, revision, started, ended, outcome) select printf('c%06d', i), 'm', '', 1, i, i, 'kept' from n;
	with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
	insert into decisions (id, model, cycle, step, rule, record) select printf('d%06d', i), 'm', printf('c%06d', i), printf('s%06d', i), 'r', '{}' from n;
	with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
	insert into ledger (at, model, cause, ref, attempt, cpu, amount) select i, 'm', 'run', printf('s%06d', i), 1, 1, 1 from n;
	with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
	insert into named_values (model, name, value) select 'm', printf('day/%06d', i), x'00' from n;`

// best is the least time of many runs, in one transaction that is rolled back.
func best(t *testing.T, s *Store, f func(store.Tx) error) time.Duration {
	t.Helper()
	least := time.Hour
	for range 40 {
		if err := s.exec(`begin immediate`); err != nil {
			t.Fatal(err)
		}
		watch := clock.Start()
		if err := f(sqlstore.New(context.Background(), s.conn, s.clk.Now())); err != nil {
			t.Fatal(err)
		}
		least = min(least, watch.Elapsed())
		if err := s.exec(`rollback`); err != nil {
			t.Fatal(err)
		}
	}
	return least
}

func TestDailyWorkDoesNotGrowWithHistory(t *testing.T) {
	s := openInside(t, Options{})
	err := s.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Versions().SetRoute(store.Route{Model: "m"})
		return errors.Join(err, tx.Cycles().Add(rondo.Cycle{ID: "c open", Model: "m"}),
			tx.Steps().Add(store.Step{ID: "open", Model: "m", Cycle: "c open", Kind: "k"}),
			tx.Values().Put("m", "detector", []byte("{}")))
	})
	if err != nil {
		t.Fatal(err)
	}
	young := map[string]time.Duration{}
	for name, f := range daily {
		young[name] = best(t, s, f)
	}
	if err := s.exec(`begin immediate;` + finishedHistory + `commit`); err != nil {
		t.Fatal(err)
	}
	seen := recorder{s.conn, map[string]int{}}
	for name, f := range daily {
		old := best(t, s, f)
		t.Logf("%-35s %8v, after %d rows of each kind %8v", name, young[name], historyRows, old)
		// Three times is three levels of a B-tree and a cold cache; a scan of 100,000 rows is more than a hundred.
		if old > 3*young[name]+200*time.Microsecond || old > time.Millisecond {
			t.Errorf("%s took %v in a young database and takes %v in an old one", name, young[name], old)
		}
		if err := f(sqlstore.New(t.Context(), seen, s.clk.Now())); err != nil {
			t.Fatal(err)
		}
	}
	for query, args := range seen.seen {
		plan, err := s.conn.QueryContext(t.Context(), "explain query plan "+query, make([]any, args)...)
		if err != nil {
			t.Fatal(err)
		}
		for plan.Next() {
			var id, parent, unused int
			var detail string
			if err := plan.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			// The indexes of open and of leased steps hold these alone: to scan them is not to scan history.
			if strings.HasPrefix(detail, "SCAN") && !strings.Contains(detail, "subquery") &&
				!strings.Contains(detail, "INDEX steps_open") && !strings.Contains(detail, "INDEX steps_leased") {
				t.Errorf("%s\nhas the plan %s", query, detail)
			}
		}
		if err := plan.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLongLogIsMovedIntoTheFile(t *testing.T) {
	s := openInside(t, Options{})
	for i := range 40 {
		if err := s.Write(t.Context(), func(tx store.Tx) error {
			return tx.Values().Put("m", fmt.Sprint(i%4), make([]byte, 400_000))
		}); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(s.path + "-wal") // 16 MB were written
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 2*checkpointPages*4096 {
		t.Errorf("the log has %d bytes", info.Size())
	}
}
