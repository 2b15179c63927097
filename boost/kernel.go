package boost

// The kernels: for each offset, add the value to the cell that each of the next columns' bins names. They are one loop at
// four widths, unrolled, because half of the time of a training is spent here: an update is two instructions, with no
// check of bounds (a bin is a uint8, a column has 256 cells).

// kernelColumns divides the number of columns of a block; columns that are not there have bin 0 in every row.
const kernelColumns = 4

// addColumns adds to the columns of h, whose bins begin at the offsets.
func addColumns(h [][256]uint64, bins []uint8, offsets []int, values []uint64) {
	for len(h) >= 16 {
		add16((*[16][256]uint64)(h), bins, offsets, values)
		h, bins = h[16:], bins[16:]
	}
	switch len(h) {
	case 12:
		add12((*[12][256]uint64)(h), bins, offsets, values)
	case 8:
		add8((*[8][256]uint64)(h), bins, offsets, values)
	case 4:
		add4((*[4][256]uint64)(h), bins, offsets, values)
	}
}

func add16(h *[16][256]uint64, bins []uint8, offsets []int, values []uint64) {
	for i, v := range values[:len(offsets)] {
		r := (*[16]uint8)(bins[offsets[i]:])
		h[0][r[0]] += v
		h[1][r[1]] += v
		h[2][r[2]] += v
		h[3][r[3]] += v
		h[4][r[4]] += v
		h[5][r[5]] += v
		h[6][r[6]] += v
		h[7][r[7]] += v
		h[8][r[8]] += v
		h[9][r[9]] += v
		h[10][r[10]] += v
		h[11][r[11]] += v
		h[12][r[12]] += v
		h[13][r[13]] += v
		h[14][r[14]] += v
		h[15][r[15]] += v
	}
}

func add12(h *[12][256]uint64, bins []uint8, offsets []int, values []uint64) {
	for i, v := range values[:len(offsets)] {
		r := (*[12]uint8)(bins[offsets[i]:])
		h[0][r[0]] += v
		h[1][r[1]] += v
		h[2][r[2]] += v
		h[3][r[3]] += v
		h[4][r[4]] += v
		h[5][r[5]] += v
		h[6][r[6]] += v
		h[7][r[7]] += v
		h[8][r[8]] += v
		h[9][r[9]] += v
		h[10][r[10]] += v
		h[11][r[11]] += v
	}
}

func add8(h *[8][256]uint64, bins []uint8, offsets []int, values []uint64) {
	for i, v := range values[:len(offsets)] {
		r := (*[8]uint8)(bins[offsets[i]:])
		h[0][r[0]] += v
		h[1][r[1]] += v
		h[2][r[2]] += v
		h[3][r[3]] += v
		h[4][r[4]] += v
		h[5][r[5]] += v
		h[6][r[6]] += v
		h[7][r[7]] += v
	}
}

func add4(h *[4][256]uint64, bins []uint8, offsets []int, values []uint64) {
	for i, v := range values[:len(offsets)] {
		r := (*[4]uint8)(bins[offsets[i]:])
		h[0][r[0]] += v
		h[1][r[1]] += v
		h[2][r[2]] += v
		h[3][r[3]] += v
	}
}
