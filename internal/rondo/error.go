package rondo

import (
	"errors"
	"fmt"
)

// Kind is what a door needs to know of an error.
type Kind string

// The kinds; each door maps them to its codes in one table. An error without a kind is internal.
const (
	Invalid     Kind = "invalid"     // the caller's words or data are wrong
	NotFound    Kind = "not-found"   // no such thing
	Conflict    Kind = "conflict"    // true, but not now: something else holds or contradicts it
	Denied      Kind = "denied"      // not for this caller
	Refused     Kind = "refused"     // a bar, guard or policy says no
	Unsupported Kind = "unsupported" // this installation cannot honour it
	OverBudget  Kind = "over-budget"
	Unavailable Kind = "unavailable" // the installation cannot be used now
)

// ErrNoRows is why nothing can be made of rows that are there: there are too few of them, and more may come.
var ErrNoRows = errors.New("no rows are left")

// Error is an error that a person can act on.
type Error struct {
	Kind    Kind
	Field   string // the field, column or argument; may be empty
	Message string // the fact and the next move
	Err     error  // the cause, told after the message; may be nil

	wrapped error // what Errorf was given with %w: told within the message
}

func (e *Error) Error() string {
	s := e.Message
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error {
	if e.Err != nil {
		return e.Err
	}
	return e.wrapped
}

// Errorf makes an Error without a field; a cause given with %w is told in the message and found by errors.Is and As.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), wrapped: errors.Unwrap(err)}
}

// KindOf is the kind of the first Error in err's chain, or "" (internal).
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}
