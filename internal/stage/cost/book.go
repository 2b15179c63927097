package cost

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// hour is what a remainder is counted in: nanosecond-micro-dollars of which an hour makes one micro-dollar.
const hour = uint64(time.Hour)

// Remainder is what a charge left over, in 1/3.6e12 micro-dollars; less than one micro-dollar.
type Remainder uint64

// Charge is the price of seconds, and what is left of the division. Negative seconds are a clock's fault: they cost nothing.
func (p Prices) Charge(cpu time.Duration, left Remainder) (rondo.Money, Remainder) {
	if cpu <= 0 || p.CPUHour <= 0 {
		return 0, left
	}
	high, low := bits.Mul64(uint64(cpu), uint64(p.CPUHour))
	low, carry := bits.Add64(low, uint64(left), 0)
	high += carry
	if high >= hour {
		return math.MaxInt64, 0
	}
	amount, rest := bits.Div64(high, low, hour)
	if amount > math.MaxInt64 {
		return math.MaxInt64, 0
	}
	return rondo.Money(amount), Remainder(rest)
}

// remainderName is where a model's remainder is kept among its values.
const remainderName = "cost-remainder"

// ledger is store.Ledger as far as booking goes.
type ledger interface {
	Add(e rondo.Entry) error
}

// values are store.Values as far as booking goes.
type values interface {
	Get(model, name string) ([]byte, error)
	Put(model, name string, value []byte) error
}

// Book prices an entry's seconds and adds it to the ledger, inside the caller's transaction, which has to be given up when
// it fails. A second booking of the same (ref, attempt, cause) is store.ErrExists and changes nothing.
func (p Prices) Book(l ledger, v values, e rondo.Entry) (rondo.Entry, error) {
	left, err := remainder(v, e.Model)
	if err != nil {
		return e, fmt.Errorf("book %s of %s: %w", e.Cause, e.Model, err)
	}
	e.CPU = max(e.CPU, 0)
	amount, rest := p.Charge(e.CPU, left)
	e.Amount = e.Amount.Add(amount) // what the caller already knows, such as a declared price, stays
	if err := l.Add(e); err != nil {
		return e, fmt.Errorf("book %s of %s: %w", e.Cause, e.Model, err)
	}
	if rest == left {
		return e, nil
	}
	if err := v.Put(e.Model, remainderName, []byte(strconv.FormatUint(uint64(rest), 10))); err != nil {
		return e, fmt.Errorf("book %s of %s: %w", e.Cause, e.Model, err)
	}
	return e, nil
}

func remainder(v values, model string) (Remainder, error) {
	b, err := v.Get(model, remainderName)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil || n >= hour {
		return 0, fmt.Errorf("remainder %q is none", b)
	}
	return Remainder(n), nil
}

// PerThousand is what a thousand predictions cost, rounded to the nearest micro-dollar; false without predictions.
func PerThousand(amount rondo.Money, predictions int64) (rondo.Money, bool) {
	if predictions <= 0 || amount < 0 {
		return 0, false
	}
	high, low := bits.Mul64(uint64(amount), 1000)
	low, carry := bits.Add64(low, uint64(predictions)/2, 0)
	high += carry
	if high >= uint64(predictions) {
		return math.MaxInt64, true
	}
	each, _ := bits.Div64(high, low, uint64(predictions))
	return rondo.Money(min(each, math.MaxInt64)), true
}

// Idle is what of a process's seconds no cause has taken. Causes are measured by themselves and may overtake the whole by
// a clock tick: that is 0.
func Idle(process time.Duration, causes ...time.Duration) time.Duration {
	for _, c := range causes {
		process -= max(c, 0)
	}
	return max(process, 0)
}
