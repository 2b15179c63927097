package loop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/cost"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/label"
	"rondo.dev/rondo/internal/stage/train"
)

// prepared is the input of train and evaluate.
type prepared struct {
	Dataset rondo.DatasetID `json:"dataset"`
	Run     rondo.RunID     `json:"run,omitempty"`
}

// prepare takes the dataset of a cycle as of the instant the step was made.
func (l *Loop) prepare(ctx context.Context, w *work) (result, error) {
	ds, entry, err := l.dataset(ctx, w, data.Request{})
	if err != nil {
		return result{}, err
	}
	r := result{output: prepared{Dataset: ds.ID}, entries: []rondo.Entry{entry},
		write: func(tx store.Tx) error { return tx.Records().AddDataset(ds) }}
	return l.then(w, r, "train", prepared{Dataset: ds.ID})
}

// dataset prepares rows by the pinned declaration; what q leaves zero is the cycle's.
func (l *Loop) dataset(ctx context.Context, w *work, q data.Request) (*rondo.Dataset, rondo.Entry, error) {
	watch := l.startMeter()
	q.Spec = w.spec()
	if q.Now.IsZero() {
		q.Now = w.step.Made
	}
	before, err := l.profile(ctx, w)
	if err != nil {
		return nil, rondo.Entry{}, err
	}
	q.Profile = before
	q.Logged = label.Rows(ctx, l.Log, w.step.Model, since(q.Spec, q.Now), q.Now, q.Now)
	q.Progress = func(rows, total int64) {
		l.report(Progress{Model: w.step.Model, Cycle: w.step.Cycle, Step: w.step.Kind, Done: int(rows), Total: int(total)})
	}
	ds, err := l.Data.Prepare(ctx, q)
	if err != nil {
		return nil, rondo.Entry{}, err
	}
	ds.ID = rondo.DatasetID(l.id("ds", w.step.Made, string(w.step.ID)))
	return ds, l.entry(w, "prepare", watch.spent()), nil
}

// profile is what batch checks hold the source against: the rows that the champion was trained on. Empty: none answers, so
// there are none before these.
func (l *Loop) profile(ctx context.Context, w *work) (d rondo.Digest, err error) {
	if w.champion == nil || len(w.spec().Data.BatchChecks) == 0 {
		return "", nil
	}
	err = l.Store.Read(ctx, func(tx store.Tx) error {
		ds, err := tx.Records().Dataset(w.champion.Dataset)
		if err == nil {
			d = ds.Profile
		}
		return err
	})
	return d, err
}

// refusedFeed says why a cycle ends whose source as a whole is not like the rows before it (D29).
func (l *Loop) refusedFeed(w *work, feed *data.FeedError) *rondo.Decision {
	d := l.decision(w, rondo.RefusedIt, "batch checks")
	for _, f := range feed.Failures {
		d.Numbers = append(d.Numbers, rondo.Textual("check", f.String()))
	}
	if w.champion != nil {
		d.Alternatives = []string{"the champion " + string(w.champion.ID) + " goes on answering"}
	}
	return d
}

func (l *Loop) entry(w *work, cause string, cpu time.Duration) rondo.Entry {
	return rondo.Entry{Model: w.step.Model, Cause: cause, Ref: string(w.step.ID), Attempt: w.step.Attempt,
		CPU: cpu}
}

// train fits the declared recipe on the cycle's dataset.
func (l *Loop) train(ctx context.Context, w *work) (result, error) {
	in, err := input[prepared](w)
	if err != nil {
		return result{}, err
	}
	run, entries, err := l.fit(ctx, w, in.Dataset, w.spec().Train)
	if err != nil {
		return result{}, err
	}
	in.Run = run.ID
	r := result{output: in, entries: entries,
		write: func(tx store.Tx) error { return tx.Records().AddRun(run) }}
	return l.then(w, r, "evaluate", in)
}

// fit runs the trainer on a stored dataset.
func (l *Loop) fit(ctx context.Context, w *work, id rondo.DatasetID, params rondo.Train) (*rondo.Run, []rondo.Entry, error) {
	var ds *rondo.Dataset
	if err := l.Store.Read(ctx, func(tx store.Tx) (err error) {
		ds, err = tx.Records().Dataset(id)
		return err
	}); err != nil {
		return nil, nil, fmt.Errorf("dataset %s: %w", id, err)
	}
	return l.fitOn(ctx, w, ds, params, "")
}

// trainingCauses are what the seconds of a step's trainer are booked under.
var trainingCauses = map[string]string{"train": "train", "refit-train": "train", "backtest": "backtest", "probe": "probe", "twin": "twin", "freshen": "shadow"}

// fitOn runs the trainer, and gives the seconds of every attempt that was seen to end: those of a killed one too, once.
func (l *Loop) fitOn(ctx context.Context, w *work, ds *rondo.Dataset, params rondo.Train, suffix string) (*rondo.Run, []rondo.Entry, error) {
	var entries []rondo.Entry
	job := train.Job{
		Run:     rondo.RunID(l.id("run", w.step.Made, string(w.step.ID), suffix)),
		Name:    jobName(w.step, suffix),
		Attempt: w.step.Attempt, Model: w.step.Model, Dataset: ds.ID, Task: w.spec().Task.Kind, Params: params, Threads: l.opt.Threads,
		Spent: func(attempt int, cpu time.Duration) {
			e := l.entry(w, trainingCauses[w.step.Kind], cpu)
			e.Ref, e.Attempt = e.Ref+"/trainer"+suffix, attempt
			entries = append(entries, e)
		},
		Progress: func(round, rounds int, loss, validation float64) {
			l.report(Progress{Model: w.step.Model, Cycle: w.step.Cycle, Step: w.step.Kind, Done: round, Total: rounds,
				Note: fmt.Sprintf("loss %.4f", loss)})
		},
	}
	if part := ds.Part(rondo.TrainPart); part != nil {
		job.Train = part.Matrix
	}
	if part := ds.Part(rondo.ValidationPart); part != nil && part.Rows > 0 {
		job.Validation = part.Matrix
	}
	run, err := l.Train.Train(ctx, job)
	if err != nil {
		return nil, nil, errors.Join(err, l.book(ctx, w.step, entries))
	}
	return run, entries, nil
}

// book books the seconds of an attempt that came to nothing.
func (l *Loop) book(ctx context.Context, s store.Step, entries []rondo.Entry) error {
	if len(entries) == 0 || ctx.Err() != nil {
		return nil
	}
	return l.Store.Write(ctx, func(tx store.Tx) error { return l.bookIn(tx, s, entries) })
}

// bookIn books a step's entries in a transaction and releases what was reserved for them; one that is booked already is not
// booked again.
func (l *Loop) bookIn(tx store.Tx, s store.Step, entries []rondo.Entry) error {
	for _, e := range entries {
		e.At = tx.Now()
		if _, err := l.Prices.Book(tx.Ledger(), tx.Values(), e); err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	_, err := tx.Ledger().Release(s.Model, string(s.ID))
	return err
}

// jobName is deterministic, so a job that outlived a kill is found again (I7).
func jobName(s store.Step, suffix string) string {
	name := strings.ToLower(strings.ReplaceAll(string(s.ID), "_", "-"))
	if suffix != "" {
		name += "-" + suffix
	}
	return name
}

// since is from when on logged rows can belong to the newest window; zero for all of them.
func since(spec *rondo.Spec, now time.Time) time.Time {
	const slack = 3 * oneDay // outcomes come late, so the newest matured row is older than now
	if spec.Train.Window == 0 {
		return time.Time{}
	}
	return now.Add(-spec.Train.Window - slack)
}

// everything is the split of a refit: all matured rows teach.
func everything(spec *rondo.Spec) *rondo.Split { return &rondo.Split{By: spec.Data.Split.By} }

// meter measures the CPU time that this process spends between two looks.
type meter struct {
	from time.Duration
	loop *Loop
}

func (l *Loop) startMeter() meter {
	from, _ := cost.ProcessCPU()
	return meter{from: from, loop: l}
}

// spent is the CPU time since the start; 0 where the system does not say.
func (m meter) spent() time.Duration {
	to, err := cost.ProcessCPU()
	if err != nil {
		return 0
	}
	m.loop.taken.Add(int64(to - m.from))
	return to - m.from
}

// TakeSpent is the CPU time of this process that steps have taken since the last call: what is not the endpoint's.
func (l *Loop) TakeSpent() time.Duration { return time.Duration(l.taken.Swap(0)) }
