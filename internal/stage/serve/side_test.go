package serve

import (
	"math"
	"testing"

	"rondo.dev/rondo/internal/lib/seed"
)

func inCanary(key [16]byte, salt string, share float64) bool {
	return (&Route{Challenger: &Version{}, Share: share, Salt: salt}).side(key)
}

func TestCanaryIsStickyAndOfItsShare(t *testing.T) {
	const keys = 200_000
	rng := seed.Seed(14).Rand("keys")
	for _, share := range []float64{0, .01, .1, .5, 1} {
		in, both, grown := 0, 0, 0
		for range keys {
			var key [16]byte
			for i := range key {
				key[i] = byte(rng.Uint64())
			}
			a := inCanary(key, "a", share)
			if a != inCanary(key, "a", share) {
				t.Fatal("a key changed sides")
			}
			if !a {
				continue
			}
			in++
			if inCanary(key, "b", share) {
				both++
			}
			if !inCanary(key, "a", min(1, share*2)) {
				grown++
			}
		}
		sd := math.Sqrt(keys * share * (1 - share))
		if off := math.Abs(float64(in) - keys*share); off > 4*sd {
			t.Errorf("share %v: %d of %d keys", share, in, keys)
		}
		if off := math.Abs(float64(both) - keys*share*share); off > 4*math.Sqrt(keys*share*share)+1 && share < 1 {
			t.Errorf("share %v: %d keys are in the canary of both salts", share, both)
		}
		if grown > 0 {
			t.Errorf("share %v: %d keys left the canary when it grew", share, grown)
		}
	}
	if inCanary([16]byte{}, "a", math.NaN()) || inCanary([16]byte{}, "a", -1) {
		t.Error("no share is a share")
	}
}
