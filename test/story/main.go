// Command story reads what `rondo demo -o json` ended with and checks that the loop did close: versions were promoted, one
// candidate was refused, the champion of the last 15 days beats the first version on the same rows, and what was decided
// cost no more than never retraining.
//
//	go run ./test/story < story.json
//
// It prints each promise with what was found, and ends with 1 when one is broken.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

func main() {
	kept, err := check(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "story:", err)
		os.Exit(1)
	}
	if !kept {
		os.Exit(1)
	}
}

// story is the part of the document that promises are about.
type story struct {
	Elapsed  float64 `json:"elapsed_s"`
	Versions []struct {
		ID string `json:"id"`
	} `json:"versions"`
	Decisions []struct {
		Outcome string `json:"outcome"`
		Rule    string `json:"rule"`
	} `json:"decisions"`
	Last15d *struct {
		Rows     int    `json:"rows"`
		Champion scorer `json:"champion"`
		First    scorer `json:"first"`
	} `json:"last15d"`
	Money *struct {
		Decisions      *float64 `json:"decisions"`
		NeverRetrained *float64 `json:"neverRetrained"`
	} `json:"money"`
}

type scorer struct {
	AUC *float64 `json:"auc"`
}

const (
	leastPromotions = 2 // the first version and one challenger
	leastRefusals   = 1
	leastAUC        = 0.72
	leastGain       = 0.005
	mostSeconds     = 180
)

// check prints promises and what was found; false when one is broken. A number that is missing is an error, not a 0.
func check(in io.Reader, out io.Writer) (bool, error) {
	var s story
	if err := json.NewDecoder(in).Decode(&s); err != nil {
		return false, fmt.Errorf("the document: %w", err)
	}
	if s.Last15d == nil || s.Last15d.Champion.AUC == nil || s.Last15d.First.AUC == nil || s.Last15d.Rows == 0 {
		return false, fmt.Errorf("the document has no last15d with rows and both AUC")
	}
	if s.Money == nil || s.Money.Decisions == nil || s.Money.NeverRetrained == nil {
		return false, fmt.Errorf("the document has no money.decisions and money.neverRetrained")
	}
	promoted, refused := 0, 0
	for _, d := range s.Decisions {
		switch d.Outcome {
		case "promoted":
			promoted++
		case "refused":
			refused++
		}
	}
	champion, first := *s.Last15d.Champion.AUC, *s.Last15d.First.AUC
	all := true
	promise := func(kept bool, format string, args ...any) {
		mark := "kept  "
		if !kept {
			mark, all = "BROKEN", false
		}
		fmt.Fprintf(out, "%s  %s\n", mark, fmt.Sprintf(format, args...))
	}
	promise(promoted >= leastPromotions, "%d promotions, at least %d", promoted, leastPromotions)
	promise(len(s.Versions) >= leastPromotions, "%d versions have answered, at least %d", len(s.Versions), leastPromotions)
	promise(refused >= leastRefusals, "%d refusals, at least %d", refused, leastRefusals)
	promise(champion >= leastAUC, "AUC of the last 15 days %.4f on %d rows, at least %.2f", champion, s.Last15d.Rows, leastAUC)
	promise(champion >= first+leastGain, "%.4f more than the first version's %.4f, at least %.3f", champion-first, first, leastGain)
	promise(*s.Money.Decisions <= *s.Money.NeverRetrained, "decisions cost $%.0f, not more than never retraining's $%.0f",
		*s.Money.Decisions, *s.Money.NeverRetrained)
	promise(s.Elapsed > 0 && s.Elapsed <= mostSeconds, "%.0f s, at most %d", s.Elapsed, mostSeconds)
	return all, nil
}
