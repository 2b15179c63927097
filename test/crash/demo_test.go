// Package crash kills the demo, again and again, and holds what came of it against an undisturbed telling: the same
// versions by digest, the same rules and outcomes of Decisions, every prediction and outcome there, no step done twice.
//
// The program is built with the tag failpoints (internal/lib/fail). RONDO_SEED replays a run; the seed is printed.
package crash

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/mattn/go-sqlite3" // the store is read from outside, as anybody could
)

// binary is the program with failpoints, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rondo-crash-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "rondo")
	build := exec.Command("go", "build", "-tags", "failpoints", "-o", binary, "rondo.dev/rondo/cmd/rondo")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// outcome is what two tellings have to have in common.
type outcome struct {
	Versions []struct {
		ID       string
		Digest   string
		Replaced string
		Why      string
	}
	Decisions []struct{ Outcome, Rule, Version string }
	Asked     struct{ Predictions, Labelled int }
}

// tell runs one telling to its end, or to its death. killed says that it died by SIGKILL.
func tell(t *testing.T, dir string, args, env []string, wall time.Duration) (end *outcome, killed bool) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"demo", "--home", dir, "-o", "json"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	if wall > 0 {
		timer := time.NewTimer(wall)
		defer timer.Stop()
		select {
		case err = <-done:
		case <-timer.C:
			_ = cmd.Process.Kill()
			err = <-done
		}
	} else {
		err = <-done
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return nil, true
	}
	if err != nil {
		t.Fatalf("the demo: %v\n%s", err, tail(errs.String()))
	}
	end = &outcome{}
	if err := json.Unmarshal(out.Bytes(), end); err != nil {
		t.Fatalf("the demo's document: %v", err)
	}
	checkStore(t, dir)
	return end, false
}

func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// checkStore looks at the rows themselves.
func checkStore(t *testing.T, dir string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "home", "rondo.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, what := range wrong(t, db) {
		t.Error(what)
	}
}

// questions count what may not be: that one name was worked on twice or two versions answer, which the schema forbids too;
// and what it cannot: work that was done and not booked, or booked oftener than it was done or tried.
var questions = map[string]string{
	"cycles with two promotions": `select count(*) from (select 1 from decisions where json_extract(record, '$.outcome') = 'promoted' group by cycle having count(*) > 1)`,
	"champions beyond one":       `select max(0, count(*) - 1) from versions where state = 'champion'`,
	"preparations and evaluations that are not booked once": `select count(*) from steps s where s.state = 'done' and s.kind in ('prepare', 'refit', 'evaluate')
		and 1 <> (select count(*) from ledger where ref = s.id)`,
	"trainings that are not booked": `select count(*) from steps s where s.state = 'done' and s.kind in ('train', 'refit-train', 'probe', 'twin', 'freshen')
		and not exists (select 1 from ledger where ref = s.id || '/trainer')`,
	"trainings that are booked oftener than they were tried": `select count(*) from steps s
		where s.attempt < (select count(*) from ledger where ref = s.id || '/trainer')`,
	"bookings of no step": `select count(*) from ledger where cause <> 'endpoint' and not exists
		(select 1 from steps where ledger.ref = steps.id or ledger.ref like steps.id || '/%')`,
}

func wrong(t *testing.T, db *sql.DB) (found []string) {
	t.Helper()
	for what, query := range questions {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if n != 0 {
			found = append(found, fmt.Sprintf("%d %s", n, what))
		}
	}
	return found
}

// bookingsAreMissed takes the first booking of each cause away, and books it once more, and sees that wrong finds both.
func bookingsAreMissed(t *testing.T, dir string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "home", "rondo.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // one connection, so that what follows is one transaction
	exec := func(query string) {
		t.Helper()
		if _, err := db.Exec(query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	const first = `(select min(seq) from ledger where cause = 'prepare') or seq = (select min(seq) from ledger where cause = 'evaluate')
		or seq = (select min(seq) from ledger where cause = 'train')`
	for what, query := range map[string]string{
		"missing": `delete from ledger where seq = ` + first,
		"double": `insert into ledger (at, model, cause, ref, attempt, cpu, amount)
			select at, model, cause, ref, attempt + 1, cpu, amount from ledger where seq = ` + first,
	} {
		exec("begin")
		exec(query)
		if found := wrong(t, db); len(found) != 2 {
			t.Errorf("%s bookings: found %v", what, found)
		}
		exec("rollback")
	}
}

func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("RONDO_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("RONDO_SEED: %v", err)
		}
	}
	t.Logf("RONDO_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// site is a place the undisturbed telling passes, in order of its first and last passing.
type site struct {
	name        string
	hits        int
	first, last int // positions in the trace
}

// undisturbed tells the small story once, and lists the places that it passes.
func undisturbed(t *testing.T) (*outcome, []site) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	end, _ := tell(t, filepath.Join(t.TempDir(), "demo"), []string{"--small"}, []string{"RONDO_FAIL_TRACE=" + trace}, 0)
	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	byName := map[string]*site{}
	at := 0
	for lines := bufio.NewScanner(f); lines.Scan(); at++ {
		s := byName[lines.Text()]
		if s == nil {
			s = &site{name: lines.Text(), first: at}
			byName[s.name] = s
		}
		s.hits++
		s.last = at
	}
	var sites []site
	for _, s := range byName {
		sites = append(sites, *s)
	}
	slices.SortFunc(sites, func(a, b site) int { return a.first - b.first })
	return end, sites
}

func same(t *testing.T, want, got *outcome) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the killed telling ended otherwise (-undisturbed +killed):\n%s", diff)
	}
}

// TestSmallDemoKilledAtEverySite kills one telling at the first passing of every named place, one after the other; then
// single tellings at the last passing of every place that commits a step, and at a random passing of eight places.
func TestSmallDemoKilledAtEverySite(t *testing.T) {
	rng := seeded(t)
	want, sites := undisturbed(t)
	if len(sites) < 15 {
		t.Fatalf("only %d places are passed: %v", len(sites), sites)
	}
	t.Run("first", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "demo")
		kills := 0
		for _, s := range sites {
			end, killed := tell(t, dir, []string{"--small"}, []string{fmt.Sprintf("RONDO_FAIL=%s:1", s.name)}, 0)
			if killed {
				kills++
			}
			if end != nil { // the story was over before this place came once more
				same(t, want, end)
			}
		}
		end, _ := tell(t, dir, []string{"--small"}, nil, 0)
		same(t, want, end)
		if kills < len(sites)*2/3 {
			t.Errorf("only %d of %d places killed", kills, len(sites))
		}
		t.Logf("%d kills", kills)
	})
	once := func(name string, s site, hit int) {
		t.Run(name+" "+s.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "demo")
			end, killed := tell(t, dir, []string{"--small"}, []string{fmt.Sprintf("RONDO_FAIL=%s:%d", s.name, hit)}, 0)
			switch {
			case killed:
			case strings.HasPrefix(s.name, "loop/"):
				t.Fatalf("passing %d did not come", hit)
			default: // how many records share a sync is a matter of time, so this passing need not come
				same(t, want, end)
				return
			}
			end, _ = tell(t, dir, []string{"--small"}, nil, 0)
			same(t, want, end)
		})
	}
	for _, s := range sites {
		if strings.HasPrefix(s.name, "loop/commit/") {
			once("last", s, s.hits)
		}
	}
	for _, n := range rng.Perm(len(sites))[:8] {
		once("random", sites[n], 1+rng.IntN(sites[n].hits))
	}
}

// TestDemoKilledFiftyTimesInARow kills one telling of the whole story at random counts of passings, and a few times by the
// clock on the wall.
func TestDemoKilledFiftyTimesInARow(t *testing.T) {
	rng := seeded(t)
	want, _ := tell(t, filepath.Join(t.TempDir(), "demo"), nil, nil, 0)
	dir := filepath.Join(t.TempDir(), "demo")
	const byCount, byWall = 50, 10
	kills := 0
	for n := range byCount + byWall {
		env, wall := []string{fmt.Sprintf("RONDO_FAIL=*:%d", 1+rng.IntN(500))}, time.Duration(0)
		if n%6 == 5 {
			env, wall = nil, 2*time.Second+time.Duration(rng.IntN(4000))*time.Millisecond
		}
		end, killed := tell(t, dir, nil, env, wall)
		if killed {
			kills++
		}
		if end != nil {
			same(t, want, end)
		}
	}
	end, _ := tell(t, dir, nil, nil, 0)
	same(t, want, end)
	if kills < byCount {
		t.Errorf("only %d kills", kills)
	}
	t.Logf("%d kills", kills)
}
