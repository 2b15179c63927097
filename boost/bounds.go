package boost

import "math"

// bounds are what monotone features allow a leaf: answers from low to high, in the units of the tree (g over h), and for
// the column searched the sign of its constraint. As in XGBoost, a split of a constrained feature bounds the leaves of
// either side by the middle between both answers, so whatever is split later, no leaf passes one of the other side.
type bounds struct {
	low, high float64
	sign      int8
}

func unbounded() bounds { return bounds{low: math.Inf(-1), high: math.Inf(1)} }

// answer is the Newton step of the rows of c within the bounds, without the rate.
func (r *rules) answer(c cell) float64 {
	under := float64(c.h) + r.l2
	if under <= 0 {
		return min(max(0, r.bounds.low), r.bounds.high)
	}
	return min(max(0-r.soft(float64(c.g))/under, r.bounds.low), r.bounds.high)
}

// worth is by how much, times two, the answer w lowers the loss: -(2 G w + (H+L2) w² + 2 L1 |w|), which is G²/(H+L2) for the
// unbounded step without L1.
func (r *rules) worth(c cell, w float64) float64 {
	h := float64(c.h) + r.l2
	sum := float64(float64(2*float64(c.g))*w) + float64(float64(h*w)*w)
	return -(sum + float64(float64(2*r.l1)*math.Abs(w)))
}

// divide returns the bounds of the children of a split on a feature of this sign.
func (b bounds) divide(sign int8, leftAnswer, rightAnswer float64) (left, right bounds) {
	left, right = b, b
	middle := float64((leftAnswer + rightAnswer) * 0.5)
	switch {
	case sign > 0:
		left.high, right.low = middle, middle
	case sign < 0:
		left.low, right.high = middle, middle
	}
	return left, right
}
