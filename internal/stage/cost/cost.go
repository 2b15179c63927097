// Package cost answers: what did it cost, and what will it cost? It turns CPU seconds into money by the price file, books them
// by cause, and predicts the price of a retrain.
//
// Units: money is integer micro-dollars (rondo.Money), CPU time is user + system seconds. A charge is
// CPU nanoseconds x micro-dollars an hour / 3.6e12; what is left of the division is carried to the model's next charge, so
// the amounts of a model's entries add up to the price of their seconds together, to the micro-dollar, whatever the pieces
// (D27). There are no floats in it. Charges saturate instead of wrapping round.
//
// Missing: without a price file the rate is 0 and Prices.Known is false: the seconds are booked, the money is 0 because
// nobody said what it costs, and reports have to say so. An Estimate of 0 Runs rests on the documented default alone.
//
// Decisions use predicted prices, the ledger books measured ones: a measurement that differs from run to run may not change
// what is decided.
package cost

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/rondo"
)

// Prices are what this installation pays. The zero value is no price file.
type Prices struct {
	CPUHour rondo.Money // one core for one hour
	Known   bool        // somebody has said so
}

const (
	maxPriceFile = 16 << 10
	cpuHour      = "cpuHour"
)

// LoadPrices reads a price file; no file is no error and no price.
func LoadPrices(path string) (Prices, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return Prices{}, nil
	}
	if err != nil {
		return Prices{}, rondo.Errorf(rondo.Unavailable, "price file: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxPriceFile+1))
	if err != nil {
		return Prices{}, rondo.Errorf(rondo.Unavailable, "price file: %w", err)
	}
	p, err := ParsePrices(b)
	if err != nil {
		return Prices{}, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// ParsePrices reads the text of a price file, YAML or JSON: cpuHour: $0.04.
func ParsePrices(b []byte) (Prices, error) {
	if len(b) > maxPriceFile {
		return Prices{}, rondo.Errorf(rondo.Invalid, "a price file has at most %d bytes", maxPriceFile)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return Prices{}, rondo.Errorf(rondo.Invalid, "the price file is empty; it says %s: $0.04", cpuHour)
	}
	var doc yaml.Node
	if err := yaml.Load(b, &doc); err != nil {
		return Prices{}, rondo.Errorf(rondo.Invalid, "price file: %w", err)
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		return Prices{}, rondo.Errorf(rondo.Invalid, "a price file says %s: $0.04", cpuHour)
	}
	var p Prices
	for i := 0; i+1 < len(root.Content); i += 2 {
		if err := p.set(root.Content[i], root.Content[i+1]); err != nil {
			return Prices{}, err
		}
	}
	if !p.Known {
		return Prices{}, rondo.Errorf(rondo.Invalid, "a price file says %s: $0.04", cpuHour)
	}
	return p, nil
}

func (p *Prices) set(key, value *yaml.Node) error {
	switch {
	case key.Kind != yaml.ScalarNode || key.Value != cpuHour:
		return rondo.Errorf(rondo.Invalid, "%d:%d: unknown price %q%s", key.Line, key.Column, key.Value, nearest.Hint(key.Value, []string{cpuHour}))
	case p.Known:
		return rondo.Errorf(rondo.Invalid, "%d:%d: %s is there twice", key.Line, key.Column, cpuHour)
	case value.Kind != yaml.ScalarNode:
		return rondo.Errorf(rondo.Invalid, "%d:%d: %s is an amount of money, as in $0.04", value.Line, value.Column, cpuHour)
	}
	m, err := ParseMoney(value.Value)
	if err != nil {
		return rondo.Errorf(rondo.Invalid, "%d:%d: %s: %w", value.Line, value.Column, cpuHour, err)
	}
	p.CPUHour, p.Known = m, true
	return nil
}

// ParseMoney reads an amount such as $0.04, $500 or $1,250.5 exactly, to the micro-dollar.
func ParseMoney(s string) (rondo.Money, error) {
	digits, dollar := strings.CutPrefix(s, "$")
	whole, fraction, point := strings.Cut(digits, ".")
	plain := strings.ReplaceAll(whole, ",", "")
	switch {
	case !dollar || plain == "" || point && fraction == "" || strings.Trim(plain+fraction, "0123456789") != "" || !grouped(whole):
		return 0, rondo.Errorf(rondo.Invalid, "%q is no amount of money, as in $0.04 or $1,250", s)
	case len(fraction) > 6:
		return 0, rondo.Errorf(rondo.Invalid, "%q is finer than a micro-dollar, $0.000001", s)
	}
	micro, err := strconv.ParseInt(plain+fraction+strings.Repeat("0", 6-len(fraction)), 10, 64)
	if err != nil {
		return 0, rondo.Errorf(rondo.Invalid, "%q is more than can be counted", s)
	}
	return rondo.Money(micro), nil
}

// grouped says whether commas, if there are any, part the digits into threes.
func grouped(whole string) bool {
	groups := strings.Split(whole, ",")
	for i, g := range groups {
		if i > 0 && len(g) != 3 || i == 0 && len(groups) > 1 && (len(g) == 0 || len(g) > 3) {
			return false
		}
	}
	return true
}
