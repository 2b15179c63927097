// Package rondo holds the words of Rondo: what a person declares and what happened, as plain values.
//
// No I/O, no interfaces. Words point to each other by id. What is declared (Spec) and what happened (Run, Version,
// Evaluation, Decision) are different types. Instants are UTC to the microsecond; money is integer micro-dollars.
// A number that could not be measured is absent (nil or a reason), never 0.
package rondo
