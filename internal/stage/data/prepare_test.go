package data

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/matrix"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/object"
)

// visits is a small declaration with everything in it: a clinic's visits, is the patient late?
func visits(dir string) *rondo.Spec {
	return &rondo.Spec{
		Name: "late", Task: rondo.Task{Kind: rondo.Binary, Target: "late"}, Dir: dir,
		Data: rondo.Data{
			Source: "visits*.csv", Time: &rondo.Time{Column: "at", Zone: "UTC"}, Key: &rondo.Key{Columns: []string{"at", "ward"}, Number: "nth"},
			Checks: []string{"age between 0 and 120"}, BatchChecks: []string{"median(age) within 25% of profile"},
			Derive:  []rondo.Named{{Name: "late", Expr: "delay > 15"}},
			Label:   &rondo.Label{Known: "time + 1h"},
			History: []rondo.History{{Name: "ward_late", Aggregate: rondo.Mean, Of: "late", By: []string{"ward"}, Over: 24 * time.Hour}},
			Split:   rondo.Split{By: rondo.ByTime, Validation: 0.1, Test: 0.2},
		},
		Train: rondo.Train{Window: 40 * 24 * time.Hour},
	}
}

type visit struct {
	at    time.Time
	ward  string
	age   string
	delay string
}

var start = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)

// hourly is one visit every 20 minutes for so many days.
func hourly(days int) []visit {
	rng := seed.Seed(3).Rand("visits")
	var out []visit
	for i := range days * 72 {
		out = append(out, visit{start.Add(time.Duration(i) * 20 * time.Minute), fmt.Sprintf("w%d", rng.IntN(3)),
			fmt.Sprint(20 + rng.IntN(60)), fmt.Sprint(rng.IntN(30))})
	}
	return out
}

func write(t *testing.T, path string, rows []visit) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("at,ward,age,delay\n")
	for _, v := range rows {
		fmt.Fprintf(&b, "%s,%s,%s,%s\n", v.at.Format("2006-01-02 15:04:05"), v.ward, v.age, v.delay)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func prepare(t *testing.T, p *Preparer, r Request) *rondo.Dataset {
	t.Helper()
	if r.Now.IsZero() {
		r.Now = start.AddDate(1, 0, 0)
	}
	d, err := p.Prepare(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// parts are the rows of a dataset.
type parts struct{ Train, Validation, Test *Part }

func opened(t *testing.T, objects object.Store, d *rondo.Dataset) *parts {
	t.Helper()
	out := &parts{}
	for name, to := range map[rondo.PartName]**Part{rondo.TrainPart: &out.Train, rondo.ValidationPart: &out.Validation, rondo.TestPart: &out.Test} {
		part, err := OpenPart(t.Context(), objects, d, name)
		if err != nil {
			t.Fatal(err)
		}
		*to = part
	}
	return out
}

func TestBadRowsAreSetAsideWithReasonAndPlace(t *testing.T) {
	dir := t.TempDir()
	rows := hourly(10)
	rows[5].age, rows[6].age, rows[9].delay = "200", "", "" // outside, unknown, no label
	rows = append(rows, rows[20], rows[21])                 // exact repeats
	write(t, filepath.Join(dir, "visits.csv"), rows)
	p, objects := preparer(t)
	d := prepare(t, p, Request{Spec: visits(dir)})
	if d.Read != 722 || d.Repeats != 2 || d.Open != 0 {
		t.Errorf("read %d, repeats %d, open %d", d.Read, d.Repeats, d.Open)
	}
	if diff := cmp.Diff([]rondo.Reason{{Reason: "check: age between 0 and 120", Rows: 2}, {Reason: "target: late is missing", Rows: 1}}, d.Quarantine); diff != "" {
		t.Error(diff)
	}
	kept, err := objects.Get(context.Background(), d.Quarantined)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"file":%q,"row":5,"reason":"check: age between 0 and 120","values":{"at":"2024-03-01T01:40:00Z","ward":%q,"age":200,"delay":%s}}`,
		filepath.Join(dir, "visits.csv"), rows[5].ward, rows[5].delay)
	if first, _, _ := strings.Cut(string(kept), "\n"); first != want {
		t.Errorf("quarantined\n%s, want\n%s", first, want)
	}
	total := d.Purged
	for _, part := range d.Parts {
		total += part.Rows
	}
	if total != 717 {
		t.Errorf("%d rows in parts and purged, want 720 less 2 bad less 1 without a label", total)
	}
}

func TestNothingKnownLaterReachesAPart(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "visits.csv"), hourly(20))
	p, objects := preparer(t)
	now := start.Add(10*24*time.Hour + 30*time.Minute)
	d := prepare(t, p, Request{Spec: visits(dir), Now: now})
	if d.Open != 720+2-1 { // ten days of later rows, less the one at now; and those known within the hour
		t.Errorf("open %d", d.Open)
	}
	parts := opened(t, objects, d)
	bounds := []int64{parts.Validation.Time[0], parts.Test.Time[0], now.UnixMicro() + 1}
	for i, part := range []*Part{parts.Train, parts.Validation, parts.Test} {
		for r, known := range part.Known {
			if known <= part.Time[r] || known >= bounds[i] {
				t.Fatalf("part %d holds a row known at %d, the next part begins at %d", i, known, bounds[i])
			}
		}
	}
	if span := d.To.Sub(d.From); parts.Test.Time[0] < d.To.Add(-span/5).UnixMicro() || d.Purged == 0 {
		t.Errorf("test begins at %d of %s to %s, %d purged", parts.Test.Time[0], d.From, d.To, d.Purged)
	}
}

// bruteHistory is the definition said naively: the mean outcome of the ward, known in (t-24h, t).
func bruteHistory(rows []visit, at time.Time, ward string) (mean float64, ok bool) {
	late, n := 0, 0
	for _, v := range rows {
		if known := v.at.Add(time.Hour); v.ward == ward && known.Before(at) && known.After(at.Add(-24*time.Hour)) {
			n++
			var minutes int
			fmt.Sscan(v.delay, &minutes)
			if minutes > 15 {
				late++
			}
		}
	}
	return float64(late) / float64(n), n > 0
}

func TestHistoryIsWhatWasKnown(t *testing.T) {
	dir := t.TempDir()
	rows := hourly(10)
	write(t, filepath.Join(dir, "visits.csv"), rows)
	p, objects := preparer(t)
	parts := opened(t, objects, prepare(t, p, Request{Spec: visits(dir)}))
	for _, part := range []*Part{parts.Train, parts.Validation, parts.Test} {
		got, ward := part.Table.Column("ward_late"), part.Table.Column("ward")
		for i, at := range part.Time {
			want, ok := bruteHistory(rows, time.UnixMicro(at).UTC(), ward.Strings[i])
			if ok == got.IsNull(i) || ok && got.Floats[i] != want {
				t.Fatalf("row at %s: %v, want %v", time.UnixMicro(at).UTC(), got.Floats[i], want)
			}
		}
	}
}

func TestOrderOfFilesAndRowsDoesNotChangeADataset(t *testing.T) {
	rows := hourly(10)
	one, two := t.TempDir(), t.TempDir()
	write(t, filepath.Join(one, "visits.csv"), rows)
	shuffled := append([]visit(nil), rows...)
	seed.Seed(1).Rand("shuffle").Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	write(t, filepath.Join(two, "visits-a.csv"), shuffled[:100])
	write(t, filepath.Join(two, "visits-b.csv"), shuffled[100:])
	p, _ := preparer(t)
	a, b := prepare(t, p, Request{Spec: visits(one)}), prepare(t, p, Request{Spec: visits(two)})
	if a.Digest != b.Digest || a.Parts[0].Object != b.Parts[0].Object {
		t.Errorf("digests %s and %s", a.Digest, b.Digest)
	}
	if again := prepare(t, p, Request{Spec: visits(one)}); cmp.Diff(a, again) != "" {
		t.Errorf("prepared again: %s", cmp.Diff(a, again))
	}
}

func TestAFeedInOtherUnitsIsRefusedWhole(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	rows := hourly(10)
	write(t, filepath.Join(dir, "visits.csv"), rows)
	p, _ := preparer(t)
	first := prepare(t, p, Request{Spec: visits(dir)})
	for i := range rows {
		var age int
		fmt.Sscan(rows[i].age, &age)
		rows[i].age = fmt.Sprint(age * 3 / 2) // passes the check of each row
	}
	write(t, filepath.Join(other, "visits.csv"), rows)
	_, err := p.Prepare(context.Background(), Request{Spec: visits(other), Now: start.AddDate(1, 0, 0), Profile: first.Profile})
	var feed *FeedError
	if rondo.KindOf(err) != rondo.Refused || !errors.As(err, &feed) || len(feed.Failures) != 1 || *feed.Failures[0].Got < 1.25*feed.Failures[0].Want {
		t.Errorf("got %v", err)
	}
	if _, err := p.Prepare(context.Background(), Request{Spec: visits(dir), Now: start.AddDate(1, 0, 0), Profile: first.Profile}); err != nil {
		t.Errorf("the same feed again: %v", err)
	}
}

func TestALoggedRowWinsAndKeepsItsServedHistory(t *testing.T) {
	dir := t.TempDir()
	rows := hourly(10)
	write(t, filepath.Join(dir, "visits.csv"), rows)
	logged := &column.Table{}
	at := rows[300].at.UnixMicro()
	logged.Set("at", &column.Vector{Type: column.Timestamp, Ints: []int64{at}})
	logged.Set("ward", &column.Vector{Type: column.String, Strings: []string{rows[300].ward}})
	logged.Set("age", &column.Vector{Type: column.Int64, Ints: []int64{33}})
	logged.Set("nth", &column.Vector{Type: column.Int64, Ints: []int64{1}})
	logged.Set("ward_late", &column.Vector{Type: column.Float64, Floats: []float64{0.123}})
	logged.Set("late", &column.Vector{Type: column.Bool, Bools: []bool{true}})
	logged.Set("arrived", &column.Vector{Type: column.Timestamp, Ints: []int64{at + 7_200_000_000}})
	seq := func(yield func(*column.Table, error) bool) { yield(logged, nil) }
	p, objects := preparer(t)
	d := prepare(t, p, Request{Spec: visits(dir), Logged: iter.Seq2[*column.Table, error](seq)})
	if d.Read != 721 || d.Repeats != 1 {
		t.Errorf("read %d, repeats %d", d.Read, d.Repeats)
	}
	train, found := opened(t, objects, d).Train, 0
	for i, when := range train.Time {
		if when == at {
			found++
			if train.Table.Column("age").Ints[i] != 33 || train.Table.Column("ward_late").Floats[i] != 0.123 ||
				!train.Table.Column("late").Bools[i] || !train.Table.Column("delay").IsNull(i) {
				t.Errorf("the row is not the logged one")
			}
		}
	}
	if found != 1 {
		t.Errorf("%d rows of that key", found)
	}
	f, err := Facts(context.Background(), objects, d)
	if err != nil || len(f.Known) == 0 || f.Known[0] <= train.Time[0] || len(f.Keys) != len(f.Known) || f.Table.Column("late") == nil {
		t.Errorf("facts: %d, %v", len(f.Known), err)
	}
}

func TestSplitByHashNeedsNoTimeAndKeepsSharesAndSamples(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("id,x,kind\n")
	for i := range 4000 {
		fmt.Fprintf(&b, "%d,%d,%s\n", i, i%17, []string{"a", "b", "c"}[i%3])
	}
	if err := os.WriteFile(filepath.Join(dir, "t.csv"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := &rondo.Spec{Name: "kinds", Task: rondo.Task{Kind: rondo.Multiclass, Target: "kind"}, Dir: dir, Data: rondo.Data{
		Source: "t.csv", Key: &rondo.Key{Columns: []string{"id"}}, Split: rondo.Split{By: rondo.ByHash, Validation: 0.1, Test: 0.2}}}
	p, objects := preparer(t)
	d := prepare(t, p, Request{Spec: spec})
	for i, want := range []float64{2800, 400, 800} {
		if got := float64(d.Parts[i].Rows); got < want*0.88 || got > want*1.12 {
			t.Errorf("%s has %v rows of 4000", d.Parts[i].Name, got)
		}
	}
	raw, err := objects.Get(context.Background(), d.Parts[2].Matrix)
	if err != nil {
		t.Fatal(err)
	}
	m, err := matrix.Read(raw)
	if err != nil || m.Rows != d.Parts[2].Rows || len(m.Classes) != 3 || m.Times != nil {
		t.Errorf("matrix: %v", err)
	}
	quarter := prepare(t, p, Request{Spec: spec, Sample: 0.25, Split: &rondo.Split{By: rondo.ByHash, Validation: 0.1}})
	if n := quarter.Parts[0].Rows + quarter.Parts[1].Rows; n < 900 || n > 1100 || quarter.Parts[2].Rows != 0 {
		t.Errorf("a sample of %d rows, %d of them test rows", n, quarter.Parts[2].Rows)
	}
}

func TestWhatCannotBePreparedIsSaid(t *testing.T) {
	dir := t.TempDir()
	rows := hourly(10)
	write(t, filepath.Join(dir, "visits.csv"), rows)
	p, _ := preparer(t)
	for text, change := range map[string]func(*rondo.Spec, *Request){
		"local times without a zone":    func(s *rondo.Spec, _ *Request) { s.Data.Time.Zone = "" },
		"no file matches":               func(s *rondo.Spec, _ *Request) { s.Data.Source = "none*.csv" },
		"no such file":                  func(s *rondo.Spec, _ *Request) { s.Data.Source = "none.csv" },
		"reads files only":              func(s *rondo.Spec, _ *Request) { s.Data.Source = "s3://a/b.csv" },
		"no row whose outcome is known": func(_ *rondo.Spec, r *Request) { r.Now = start },
		"no rows are left to train on":  func(s *rondo.Spec, r *Request) { s.Train.Window = time.Hour },
	} {
		spec := visits(dir)
		r := Request{Spec: spec, Now: start.AddDate(1, 0, 0)}
		change(spec, &r)
		_, err := p.Prepare(context.Background(), r)
		if err == nil || !strings.Contains(err.Error(), text) || rondo.KindOf(err) == "" {
			t.Errorf("want %q, got %v", text, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Prepare(ctx, Request{Spec: visits(dir), Now: start.AddDate(1, 0, 0)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRowsThatAreTestAndTrainingRowsAreRefused(t *testing.T) {
	dir := t.TempDir()
	rows := hourly(10)
	write(t, filepath.Join(dir, "visits.csv"), rows)
	spec := visits(dir)
	spec.Data.Key = &rondo.Key{Columns: []string{"ward"}} // names no row
	p, _ := preparer(t)
	_, err := p.Prepare(context.Background(), Request{Spec: spec, Now: start.AddDate(1, 0, 0)})
	if rondo.KindOf(err) != rondo.Refused || !strings.Contains(err.Error(), "also test rows") {
		t.Errorf("got %v", err)
	}
}
