package sqlstore

import (
	"fmt"
	"math"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

type ledger struct{ t *Tx }

const (
	addEntry = `insert into ledger (at, model, cause, ref, attempt, cpu, amount)
		values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`
	newestEntries = `select at, model, cause, ref, attempt, cpu, amount from ledger
		where model = ? order by seq desc limit ?`
	totalsByCause = `select cause, count(*), sum(cpu), sum(amount) from ledger
		where model = ? and at >= ? and at < ? group by cause order by cause`
	spentSince      = `select coalesce(sum(amount), 0) from ledger where model = ? and at >= ?`
	reservedElse    = `select coalesce(sum(amount), 0) from reservations where model = ? and ref <> ?`
	addReservation  = `insert into reservations (model, ref, attempt, amount, made) values (?, ?, ?, ?, ?) on conflict do nothing`
	reservationsOf  = `select ref, attempt, amount, made from reservations where model = ? order by ref`
	lateReservation = `select count(*) from reservations where model = ? and ref = ? and attempt >= ?`
	dropReservation = `delete from reservations where model = ? and ref = ?`
)

func scanMoney(r row) (m rondo.Money, err error) {
	err = r.Scan(&m)
	return m, err
}

func (s ledger) Add(e rondo.Entry) error {
	return s.t.insert(entryName(e), addEntry,
		micros(s.t.made(e.At)), e.Model, e.Cause, e.Ref, e.Attempt, int64(e.CPU), e.Amount)
}

func entryName(e rondo.Entry) string {
	return fmt.Sprintf("ledger entry %s of %s, attempt %d", e.Cause, e.Ref, e.Attempt)
}

// Reserve counts every open reservation of other work, however old: what it will come to is booked from now on.
func (s ledger) Reserve(model, ref string, attempt int, amount, limit rondo.Money, from time.Time) error {
	if amount < 0 {
		return rondo.Errorf(rondo.Invalid, "reservation for %s is %s: it cannot be negative", ref, amount)
	}
	late, err := one(s.t, "reservation for "+ref, scanInt, lateReservation, model, ref, attempt)
	if err != nil {
		return err
	}
	if late > 0 {
		return fmt.Errorf("reservation for %s, attempt %d: %w", ref, attempt, store.ErrExists)
	}
	spent, err := one(s.t, "ledger of "+model, scanMoney, spentSince, model, micros(from))
	if err != nil {
		return err
	}
	reserved, err := one(s.t, "reservations of "+model, scanMoney, reservedElse, model, ref)
	if err != nil {
		return err
	}
	if spent.Add(reserved).Add(amount) > limit {
		return rondo.Errorf(rondo.OverBudget, "%s asks for %s: %s is spent and %s reserved of %s; raise the budget or wait for the next month",
			ref, amount, spent, reserved, limit)
	}
	if _, err := s.Release(model, ref); err != nil {
		return err
	}
	return s.t.insert(fmt.Sprintf("reservation for %s, attempt %d", ref, attempt), addReservation,
		model, ref, attempt, amount, micros(s.t.now))
}

func (s ledger) Release(model, ref string) (bool, error) {
	n, err := s.t.exec("releasing what is reserved for "+ref, dropReservation, model, ref)
	return n > 0, err
}

func (s ledger) Reserved(model string) ([]store.Reservation, error) {
	return list(s.t, "reservations of "+model, func(r row) (out store.Reservation, err error) {
		var made int64
		err = r.Scan(&out.Ref, &out.Attempt, &out.Amount, &made)
		out.Made = instant(made)
		return out, err
	}, reservationsOf, model)
}

// Totals from (inclusive) to (exclusive).
func (s ledger) Totals(model string, from, to time.Time) ([]store.Total, error) {
	first, end := int64(math.MinInt64), int64(math.MaxInt64)
	if !from.IsZero() {
		first = micros(from)
	}
	if !to.IsZero() {
		end = micros(to)
	}
	return list(s.t, "totals of "+model, func(r row) (t store.Total, err error) {
		err = r.Scan(&t.Cause, &t.Entries, &t.CPU, &t.Amount)
		return t, err
	}, totalsByCause, model, first, end)
}

func (s ledger) Entries(model string, limit int) ([]rondo.Entry, error) {
	return newest(s.t, "ledger of "+model, limit, func(r row) (e rondo.Entry, err error) {
		var at int64
		err = r.Scan(&at, &e.Model, &e.Cause, &e.Ref, &e.Attempt, &e.CPU, &e.Amount)
		e.At = instant(at)
		return e, err
	}, newestEntries, model)
}
