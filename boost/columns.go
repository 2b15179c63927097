package boost

// sampleColumns draws a share of the columns that may: into is whether each is drawn.
func (g *grower) sampleColumns(into []bool, may func(c int) bool, share float64, draw uint64) {
	n := 0
	for c := range into {
		if into[c] = may(c); into[c] {
			n++
		}
	}
	if share >= 1 {
		return
	}
	want := max(int(float64(share*float64(n))+0.5), min(1, n))
	for c := range into { // selection sampling (Knuth, volume 2, 3.4.2, algorithm S)
		if !into[c] {
			continue
		}
		u := float64(mix(draw+uint64(c)*golden)>>11) / (1 << 53)
		into[c] = float64(float64(n)*u) < float64(want)
		n--
		if into[c] {
			want--
		}
	}
}

// sampleNode draws the columns that may split a leaf, and keeps them in one of two places.
func (g *grower) sampleNode(which int, l *leaf) []bool {
	if g.p.NodeSample >= 1 {
		return g.columns
	}
	if g.nodeColumns[which] == nil {
		g.nodeColumns[which] = make([]bool, len(g.columns))
	}
	into := g.nodeColumns[which]
	may := func(c int) bool { return g.columns[c] }
	g.sampleColumns(into, may, g.p.NodeSample, mix(g.draw+uint64(l.node+1)*golden))
	return into
}
