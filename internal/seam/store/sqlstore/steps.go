package sqlstore

import (
	"database/sql"
	"fmt"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

type steps struct{ t *Tx }

const stepColumns = `id, model, cycle, kind, name, state, due, attempt, worker, lease_until, failures, error,
	input, output, made, ended`

// Every change of a leased step demands its attempt: no late ghosts (I2).
const (
	addStep = `insert into steps (id, model, cycle, kind, name, state, due, input, made)
		values (?, ?, ?, ?, ?, 'open', ?, ?, ?) on conflict do nothing`
	selectStep = `select ` + stepColumns + ` from steps`
	// The first arm reads one entry of its index, the second the few leases that have run out.
	leaseStep = `update steps set state = 'leased', worker = ?, lease_until = ?, attempt = attempt + 1
		where seq = (select seq from (
			select * from (select due, seq from steps where state = 'open' and due <= ? order by due, seq limit 1)
			union all
			select due, seq from steps where state = 'leased' and lease_until <= ?)
		order by due, seq limit 1)
		returning ` + stepColumns
	renewStep  = `update steps set lease_until = ? where id = ? and attempt = ? and state = 'leased'`
	fenceStep  = `select 1 from steps where id = ? and attempt = ? and state = 'leased'`
	finishStep = `update steps set state = 'done', output = ?, ended = ?, lease_until = null, error = ''
		where id = ? and attempt = ? and state = 'leased'`
	retryStep = `update steps set state = 'open', due = ?, lease_until = null, failures = failures + 1, error = ?
		where id = ? and attempt = ? and state = 'leased'`
	failStep = `update steps set state = ?, ended = ?, lease_until = null, failures = failures + 1, error = ?
		where id = ? and attempt = ? and state = 'leased'`
	postponeStep = `update steps set state = 'open', due = ?, lease_until = null, output = ?, failures = 0, error = ''
		where id = ? and attempt = ? and state = 'leased'`
	wakeSteps   = `update steps set due = ? where model = ? and kind = ? and state = 'open' and due > ?`
	unparkSteps = `update steps set state = 'open', due = ?, ended = null, failures = 0 where model = ? and state = 'parked'`
	freeSteps   = `update steps set state = 'open', lease_until = null where state = 'leased' and worker <> ?`
	nextDue     = `select due from steps where state = 'open' order by due limit 1`
)

func scanStep(r row) (s store.Step, err error) {
	var due, made int64
	var lease, ended sql.NullInt64
	err = r.Scan(&s.ID, &s.Model, &s.Cycle, &s.Kind, &s.Name, &s.State, &due, &s.Attempt, &s.Worker, &lease,
		&s.Failures, &s.Error, &s.Input, &s.Output, &made, &ended)
	s.Due, s.Made, s.Ended = instant(due), instant(made), maybe(ended)
	if lease.Valid {
		s.LeaseUntil = instant(lease.Int64)
	}
	return s, err
}

// Add makes an open step with attempt 0, made now.
func (s steps) Add(step store.Step) error {
	if step.State != "" && step.State != store.StepOpen {
		return rondo.Errorf(rondo.Invalid, "step %s is added as %s: a new step is open", step.ID, step.State)
	}
	return s.t.insert(fmt.Sprintf("step %s (%s %s)", step.ID, step.Kind, step.Name), addStep,
		step.ID, step.Model, step.Cycle, step.Kind, step.Name, micros(step.Due), step.Input, micros(s.t.now))
}

func (s steps) Get(id rondo.StepID) (store.Step, error) {
	return one(s.t, "step "+string(id), scanStep, selectStep+` where id = ?`, id)
}

func (s steps) Lease(worker string, until time.Time) (store.Step, error) {
	now := micros(s.t.now)
	return one(s.t, "due step", scanStep, leaseStep, worker, micros(until), now, now)
}

// held runs a change that demands the attempt, and tells a lost lease from a step that never was.
func (s steps) held(id rondo.StepID, attempt int, query string, args ...any) error {
	n, err := s.t.exec("changing step "+string(id), query, append(args, id, attempt)...)
	if err != nil || n == 1 {
		return err
	}
	return s.lost(id, attempt)
}

func (s steps) lost(id rondo.StepID, attempt int) error {
	step, err := s.Get(id)
	if err != nil {
		return err
	}
	return fmt.Errorf("step %s is %s in attempt %d, this is attempt %d: %w", id, step.State, step.Attempt, attempt, store.ErrLeaseLost)
}

func (s steps) Renew(id rondo.StepID, attempt int, until time.Time) error {
	return s.held(id, attempt, renewStep, micros(until))
}

func (s steps) Fence(id rondo.StepID, attempt int) error {
	held, err := list(s.t, "step "+string(id), scanInt, fenceStep, id, attempt)
	if err != nil || len(held) == 1 {
		return err
	}
	return s.lost(id, attempt)
}

func (s steps) Finish(id rondo.StepID, attempt int, output []byte) error {
	return s.held(id, attempt, finishStep, output, micros(s.t.now))
}

func (s steps) Fail(id rondo.StepID, attempt int, reason string, state store.StepState, retry time.Time) error {
	switch state {
	case store.StepOpen:
		return s.held(id, attempt, retryStep, micros(retry), reason)
	case store.StepFailed, store.StepParked:
		return s.held(id, attempt, failStep, state, micros(s.t.now), reason)
	}
	return rondo.Errorf(rondo.Invalid, "step %s cannot fail into state %q: use open, failed or parked", id, state)
}

func (s steps) Postpone(id rondo.StepID, attempt int, due time.Time, output []byte) error {
	return s.held(id, attempt, postponeStep, micros(due), output)
}

func (s steps) Wake(model, kind string) error {
	now := micros(s.t.now)
	_, err := s.t.exec("waking steps of "+model, wakeSteps, now, model, kind, now)
	return err
}

func (s steps) Unpark(model string) (int, error) {
	return s.t.exec("opening parked steps of "+model, unparkSteps, micros(s.t.now), model)
}

func (s steps) FreeWorkersExcept(worker string) (int, error) {
	return s.t.exec("freeing steps", freeSteps, worker)
}

func (s steps) ByCycle(c rondo.CycleID) ([]store.Step, error) {
	if c == "" {
		return nil, rondo.Errorf(rondo.Invalid, "steps of a cycle without id")
	}
	return list(s.t, "steps of "+string(c), scanStep, selectStep+` where cycle = ? and cycle <> '' order by seq`, c)
}

// Unfinished are the open and the leased.
func (s steps) Unfinished(model string) ([]store.Step, error) {
	return list(s.t, "unfinished steps of "+model, scanStep, selectStep+` where model = ? and ended is null order by seq`, model)
}

func (s steps) Parked(model string) ([]store.Step, error) {
	return list(s.t, "parked steps of "+model, scanStep, selectStep+` where model = ? and state = 'parked' order by seq`, model)
}

func (s steps) NextDue() (time.Time, error) {
	return one(s.t, "open step", func(r row) (time.Time, error) {
		var us int64
		err := r.Scan(&us)
		return instant(us), err
	}, nextDue)
}
