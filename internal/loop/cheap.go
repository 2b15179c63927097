package loop

import (
	"context"
	"errors"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/retrain"
)

// The probe recipe: a quarter of the rows and a third of the trees (statistics.md 3.4).
const (
	probeShare = 0.25
	probeTrees = 3
)

// cheapState is a probe or a twin in force: what scores, and the newest row it was fitted on.
type cheapState struct {
	Artefacts artefact        `json:"artefacts"`
	To        time.Time       `json:"to"`
	Version   rondo.VersionID `json:"version"` // the champion it was fitted under
}

// cheapInput is what a probe or twin is fitted for. A twin names the champion's dataset; a probe takes the newest window.
type cheapInput struct {
	Version rondo.VersionID `json:"version"`
	Dataset rondo.DatasetID `json:"dataset,omitempty"`
}

// cheap fits the probe recipe: the probe on the newest window, the twin on the champion's own.
func (l *Loop) cheap(ctx context.Context, w *work) (result, error) {
	in, err := input[cheapInput](w)
	if err != nil {
		return result{}, err
	}
	if w.champion == nil || in.Version != w.champion.ID {
		return result{}, nil // it was asked for of a version that answers no more
	}
	q := data.Request{Split: everything(w.spec()), Sample: probeShare, Lean: true}
	name := probeValue
	if w.step.Kind == "twin" {
		name = twinValue
		if q.Now, err = l.asOf(ctx, in.Dataset); err != nil {
			return result{}, err
		}
	}
	ds, entry, err := l.dataset(ctx, w, q)
	if err != nil {
		return result{}, err
	}
	params := w.spec().Train
	params.Trees = max(1, params.Trees/probeTrees)
	run, entries, err := l.fitOn(ctx, w, ds, params, "")
	if err != nil {
		return result{}, err
	}
	state := cheapState{Artefacts: artefact{Artefact: run.Artefact, Transform: ds.Transform}, To: ds.To, Version: in.Version}
	entry.Cause = w.step.Kind
	return result{entries: append(entries, entry), write: func(tx store.Tx) error {
		route, err := tx.Versions().Route(w.step.Model)
		if err != nil || route.Champion != in.Version {
			return err // another answers meanwhile
		}
		return put(tx, w.step.Model, name, state)
	}}, nil
}

// asOf is the instant a dataset was taken at, so that its window can be taken again.
func (l *Loop) asOf(ctx context.Context, id rondo.DatasetID) (at time.Time, err error) {
	err = l.Store.Read(ctx, func(tx store.Tx) error {
		ds, err := tx.Records().Dataset(id)
		if err == nil {
			at = ds.AsOf
		}
		return err
	})
	return at, err
}

// block is the time between two tries of a cheap step that came to nothing.
const block = retrain.BlockDays * oneDay

// missingTwin adds the step that fits a twin for whoever answers now, however that came about. One that came to nothing is
// made anew in the next block of days since that version answers: a step's name is its block.
func (l *Loop) missingTwin(tx store.Tx, m store.Model, route store.Route, unfinished []store.Step) (func(store.Tx) error, error) {
	if m.Spec.Retrain.When != rondo.WhenRegret {
		return nil, nil
	}
	twin, err := value[cheapState](tx, m.Name, twinValue)
	if err != nil || twin != nil && twin.Version == route.Champion {
		return nil, err
	}
	for _, s := range unfinished {
		if s.Kind == "twin" {
			return nil, nil
		}
	}
	champion, err := tx.Versions().Get(route.Champion)
	if err != nil {
		return nil, err
	}
	since := *champion.From
	from := since.Add(max(0, tx.Now().Sub(since).Truncate(block)))
	s, err := l.step(m.Name, "", "twin", string(champion.ID)+" "+from.Format(time.RFC3339Nano), from,
		cheapInput{Version: champion.ID, Dataset: champion.Dataset})
	if err != nil {
		return nil, err
	}
	if _, err := tx.Steps().Get(s.ID); !errors.Is(err, store.ErrNotFound) {
		return nil, err // of this block, and it has ended
	}
	return func(tx store.Tx) error {
		s.Due = tx.Now()
		return tx.Steps().Add(s)
	}, nil
}

// isCheap says whether a step is one of those that the model can do without for a block of days.
func isCheap(kind string) bool { return kind == "probe" || kind == "twin" || kind == "freshen" }

// forgo ends a cheap step that came to nothing: nobody has to mend it, it is made anew in the next block of days.
func (l *Loop) forgo(ctx context.Context, w *work, cause error) error {
	d := l.decision(w, rondo.Failed, w.step.Kind, rondo.Textual("reason", cause.Error()), rondo.Numeric("attempts", float64(w.step.Attempt)))
	d.Alternatives = []string{"it is fitted anew in the next block of days"}
	if w.champion != nil {
		d.Version = w.champion.ID
	}
	return l.commit(ctx, w, result{decisions: []*rondo.Decision{d}, failed: cause.Error(), write: func(tx store.Tx) error {
		return l.owe(tx, w)
	}})
}

// owe leaves word to the days that what they asked for did not come. A twin needs none: it is missing.
func (l *Loop) owe(tx store.Tx, w *work) error {
	model := w.step.Model
	switch w.step.Kind {
	case "probe":
		state, err := value[retrain.State](tx, model, regretValue)
		if err != nil || state == nil {
			return err
		}
		state.Owed = true
		return put(tx, model, regretValue, state)
	case "freshen":
		in, err := input[tried](w)
		if err != nil {
			return err
		}
		state, err := value[trialState](tx, model, trialValue)
		if err != nil || !in.goesOn(state) {
			return err
		}
		state.Fresh = state.Fresh.Add(block - freshEvery)
		return put(tx, model, trialValue, state)
	}
	return nil
}
