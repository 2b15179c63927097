package boost

import (
	"fmt"
	"math"
	"strings"
)

// Objective says what a label means and which loss the trees lower. s is a row's score, the sum of its trees.
type Objective uint8

const (
	Binary     Objective = iota // labels 0 and 1, log loss
	Multiclass                  // labels 0 .. Classes-1, log loss of the softmax, one tree per class and round
	Squared                     // any finite number, mean squared error
	Huber                       // any finite number; squared error / 2 up to Delta, Delta*(|error| - Delta/2) beyond
	Quantile                    // any finite number; the pinball loss of the quantile Alpha
	Poisson                     // counts or rates, 0 or more; exp(s) - y s, the prediction is exp(s)
	Tweedie                     // amounts, 0 or more, many of them 0; deviance of Power, the prediction is exp(s)
	Rank                        // relevance 0, 1 ... 31 within Data.Groups; 1 - NDCG@At
)

var objectiveNames = [...]string{"binary", "multiclass", "squared", "huber", "quantile", "poisson", "tweedie", "rank"}

func (o Objective) String() string {
	if int(o) < len(objectiveNames) {
		return objectiveNames[o]
	}
	return fmt.Sprintf("objective(%d)", uint8(o))
}

// ParseObjective is the inverse of String.
func ParseObjective(s string) (Objective, error) {
	for i, name := range objectiveNames {
		if s == name {
			return Objective(i), nil
		}
	}
	return 0, fmt.Errorf("objective %q is none of %s", s, strings.Join(objectiveNames[:], ", "))
}

// takes tells whether p may be the parameter of a model of o.
func (o Objective) takes(p float64) bool {
	switch o {
	case Huber:
		return p > 0
	case Quantile:
		return p > 0 && p < 1
	case Tweedie:
		return p > 1 && p < 2
	}
	return p == 0 && !math.Signbit(p)
}

// classifies tells whether labels are classes.
func (o Objective) classifies() bool { return o == Binary || o == Multiclass }

// logarithmic tells whether a prediction is exp of a score.
func (o Objective) logarithmic() bool { return o == Poisson || o == Tweedie }

// Growth says which leaf is split next.
type Growth uint8

const (
	LeafWise  Growth = iota // the leaf that gains most
	DepthWise               // the leaf that gains most of those nearest to the root
)
