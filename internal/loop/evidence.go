package loop

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/evaluate"
	"rondo.dev/rondo/internal/stage/label"
	"rondo.dev/rondo/internal/stage/monitor"
	"rondo.dev/rondo/internal/stage/rollout"
	"rondo.dev/rondo/internal/transform"
)

// evidence is logged predictions with their outcomes, ready to be scored by any version: inputs and history as served.
type evidence struct {
	kind     rondo.TaskKind
	table    *column.Table // judged rows: labelled and inside their checks
	zones    []*time.Location
	times    []int64
	target   []float64 // of binary and regression rows
	text     *column.Vector
	served   []float64 // binary: the probability as answered
	versions []rondo.VersionID
	rows     int // all predictions
	outside  int
	labelled int
	lastly   int64 // the latest instant at which an outcome can be known
}

// evidence reads the predictions whose row time is in [from, to). What arrived after now is not seen, so a step that is
// done again under a clock that stands still sees the same.
func (l *Loop) evidence(ctx context.Context, w *work, from, to time.Time) (*evidence, error) {
	joined, err := label.Day(ctx, l.Log, w.step.Model, from, to, l.Clock.Now())
	if err != nil {
		return nil, fmt.Errorf("predictions of %s: %w", from.Format(time.DateOnly), err)
	}
	e := &evidence{kind: w.served.Task.Kind, rows: len(joined.Rows)}
	outside, known := joined.Table.Column(predlog.OutsideColumn), joined.Table.Column(predlog.KnownColumn)
	var keep []int32
	for i := range e.rows {
		if known != nil && !known.IsNull(i) {
			e.lastly = max(e.lastly, known.Ints[i])
		}
		if outside != nil && !outside.IsNull(i) {
			e.outside++
			continue
		}
		if joined.Labelled[i] {
			keep = append(keep, int32(i))
		}
	}
	e.labelled = len(keep)
	if e.labelled == 0 {
		return e, nil
	}
	raw := joined.Table.Take(keep)
	kept, err := l.frame(ctx, w, e, raw)
	if err != nil {
		return nil, err
	}
	p := raw.Column(predlog.OutputColumn)
	for _, i := range kept {
		e.versions = append(e.versions, joined.Versions[keep[i]])
		if p != nil {
			e.served = append(e.served, p.Floats[i])
		}
	}
	return e, nil
}

// frame runs the row program over logged rows with their outcomes, and puts the history as it was served beside it. It
// gives which of the rows can be judged.
func (l *Loop) frame(ctx context.Context, w *work, e *evidence, raw *column.Table) ([]int32, error) {
	rows, err := l.rowProgram(ctx, w)
	if err != nil {
		return nil, err
	}
	signature := rows.Signature()
	told := raw.Shallow()
	for _, name := range signature.Names(transform.Label) {
		if told.Column(name) == nil { // all was told as the target itself
			told.Set(name, column.AllNull(signature.Column(name).Type, raw.Rows()))
		}
	}
	frame, err := rows.Prepare(told, true)
	if err != nil {
		return nil, err
	}
	for _, h := range w.served.Data.History {
		if v := raw.Column(h.Name); v != nil {
			frame.Table.Set(h.Name, v)
		}
	}
	tellTarget(frame.Table, raw.Column(w.served.Task.Target), w.served.Task.Target)
	target, err := rows.Target(frame.Table)
	if err != nil {
		return nil, err
	}
	var keep []int32
	for i := range frame.Table.Rows() {
		if frame.Bad[i] < 0 && !target.IsNull(i) {
			keep = append(keep, int32(i))
		}
	}
	e.labelled = len(keep)
	e.table, e.text = frame.Table.Take(keep), target.Take(keep)
	e.times, e.target = make([]int64, len(keep)), make([]float64, len(keep))
	if frame.Zones != nil {
		e.zones = make([]*time.Location, len(keep))
	}
	for i, r := range keep {
		if frame.Time != nil {
			e.times[i] = frame.Time[r]
		}
		if frame.Zones != nil {
			e.zones[i] = frame.Zones[r]
		}
		e.target[i], _ = e.text.Float(i)
	}
	return keep, nil
}

// rowProgram is the row program of the champion's dataset.
func (l *Loop) rowProgram(ctx context.Context, w *work) (*transform.Rows, error) {
	l.mu.Lock()
	kept := l.programs[w.champion.Dataset]
	l.mu.Unlock()
	if kept != nil {
		return kept, nil
	}
	var ds *rondo.Dataset
	var model store.Model
	if err := l.Store.Read(ctx, func(tx store.Tx) (err error) {
		if ds, err = tx.Records().Dataset(w.champion.Dataset); err != nil {
			return err
		}
		model, err = tx.Models().Revision(w.champion.Model, w.champion.Revision)
		return err
	}); err != nil {
		return nil, err
	}
	rows, err := l.Data.Rows(ctx, model.Spec, ds)
	if err != nil {
		return nil, fmt.Errorf("row program of %s: %w", ds.ID, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.programs) // one model's champion at a time is enough to keep
	l.programs[w.champion.Dataset] = rows
	return rows, nil
}

// immature says until when a day's step waits: for the last outcome to be knowable, then, for maxLate, for most labels.
func (e *evidence) immature(now, end time.Time) (time.Time, bool) {
	last := later(time.UnixMicro(e.lastly).UTC(), end)
	switch {
	case now.Before(last):
		return last.Add(time.Minute), true
	case float64(e.labelled) < mostLabels*float64(e.rows-e.outside) && now.Before(last.Add(maxLate)):
		return now.Add(dayPostpone), true
	}
	return time.Time{}, false
}

func (e *evidence) outsideShare() float64 {
	if e.rows == 0 {
		return 0
	}
	return float64(e.outside) / float64(e.rows)
}

// score lets a version answer the rows again, from what was logged.
func (e *evidence) score(f *fitted) (*evaluate.Scored, error) {
	s := &evaluate.Scored{Kind: e.kind, Classes: f.program.Classes(), Table: e.table, Times: e.times}
	if e.labelled == 0 {
		return s, nil
	}
	out, err := f.outputs(e.table, e.zones)
	if err != nil {
		return nil, err
	}
	s.Outputs, s.Target = out, e.target
	if e.kind == rondo.Multiclass {
		s.Target = make([]float64, e.labelled)
		for i, name := range e.text.Strings {
			s.Target[i] = classIndex(s.Classes, name)
		}
	}
	return s, nil
}

// classIndex is the class's position, or -1 for a class the version never saw: it costs what an impossible one costs
// (evaluate.Losses).
func classIndex(classes []string, name string) float64 {
	for i, c := range classes {
		if c == name {
			return float64(i)
		}
	}
	return -1
}

func (e *evidence) losses(spec *rondo.Spec, f *fitted) ([]float64, error) {
	s, err := e.score(f)
	if err != nil {
		return nil, err
	}
	losses, _, err := evaluate.Losses(spec.Evaluate.Primary, s)
	return losses, err
}

func (e *evidence) summary(spec *rondo.Spec, threshold float64, d dayLosses) monitor.Counted {
	c := monitor.Counted{Rows: e.rows, Outside: e.outside, Loss: d.champion, Clipped: d.own.clipped, Expected: d.own.expected, Targets: d.champions.Target}
	if e.kind == rondo.Binary {
		c.Scores = d.champions.Outputs
	}
	if spec.Decide != nil && e.kind == rondo.Binary {
		c.Cost, _ = evaluate.Cost(spec.Decide, threshold, d.champions)
	}
	return c
}

// moved is the ranked table of what moved since the champion was trained.
func (l *Loop) moved(ctx context.Context, w *work, e *evidence) ([]rondo.Fact, error) {
	const lines = 6
	if e.labelled == 0 {
		return nil, nil
	}
	var ds *rondo.Dataset
	if err := l.Store.Read(ctx, func(tx store.Tx) (err error) {
		ds, err = tx.Records().Dataset(w.champion.Dataset)
		return err
	}); err != nil {
		return nil, err
	}
	reference, err := l.table(ctx, ds, rondo.TrainPart)
	if err != nil {
		return nil, err
	}
	var facts []rondo.Fact
	for _, m := range monitor.Drift(reference, e.table, lines) {
		facts = append(facts, m.Fact())
	}
	return facts, nil
}

// setAside makes a Decision of each feed that the doors set aside whole on that day.
func (l *Loop) setAside(ctx context.Context, w *work, day time.Time) (out []*rondo.Decision, err error) {
	query := predlog.Query{Model: w.step.Model, Kinds: []predlog.Kind{predlog.SetAside},
		FromAt: day.UnixMicro(), ToAt: day.Add(oneDay).UnixMicro()}
	for r, err := range l.Log.Scan(query) {
		if err != nil {
			return nil, fmt.Errorf("feeds that were set aside: %w", err)
		}
		rule := "batch checks"
		if len(out) > 0 {
			rule += " " + ordinal(len(out)+1)
		}
		d := l.decision(w, rondo.Quarantined, rule, rondo.Numeric("rows", float64(r.Table.Rows())))
		if why := r.Table.Column(predlog.ReasonColumn); why != nil {
			d.Numbers = append(d.Numbers, rondo.Textual("reason", why.Text(0)))
		}
		d.Alternatives = []string{"the champion " + string(w.champion.ID) + " goes on answering"}
		out = append(out, d)
	}
	return out, ctx.Err()
}

// canaryHealth counts what the challenger answered in [from, to).
func (l *Loop) canaryHealth(ctx context.Context, model string, challenger rondo.VersionID, from, to time.Time) (rollout.Health, error) {
	var h rollout.Health
	for r, err := range l.Log.ReadRange(model, from.UnixMicro(), to.UnixMicro()) {
		if err != nil {
			return h, fmt.Errorf("the canary's answers: %w", err)
		}
		if r.Kind != predlog.Prediction {
			continue
		}
		answered := r.Table.Column(answeredColumn)
		for i := range r.Table.Rows() {
			by := string(r.Version)
			if answered != nil && !answered.IsNull(i) {
				by = answered.Text(i)
			}
			if by != string(challenger) {
				continue
			}
			h.Answered++
			if !finite(r.Table, i) {
				h.Failed++
			}
		}
	}
	return h, ctx.Err()
}

// answeredColumn is in the records of requests that two versions answered together; serve writes it.
const answeredColumn = "answered_by"

// finite says whether a logged answer has all its numbers: a number that is not finite is logged as missing.
func finite(t *column.Table, i int) bool {
	for c, name := range t.Names {
		if (name == predlog.OutputColumn || strings.HasPrefix(name, predlog.OutputColumn+"_")) && t.Columns[c].IsNull(i) {
			return false
		}
	}
	return true
}

// tellTarget puts targets that were told as such over those that are derived.
func tellTarget(t *column.Table, told *column.Vector, target string) {
	derived := t.Column(target)
	if told == nil || told == derived {
		return
	}
	if derived == nil || derived.Type != told.Type {
		t.Set(target, told)
		return
	}
	rows := make([]int32, told.Len())
	both := &column.Vector{Type: told.Type}
	if both.Append(told) != nil || both.Append(derived) != nil {
		return // of equal type, they append
	}
	for i := range rows {
		rows[i] = int32(i)
		if told.IsNull(i) {
			rows[i] = int32(told.Len() + i)
		}
	}
	t.Set(target, both.Take(rows))
}
