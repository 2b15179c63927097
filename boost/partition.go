package boost

// partRows is how many rows of a leaf one worker partitions at a time.
const partRows = 1 << 13

// partition moves the entries that go left under c before the others, keeps the order within both, and returns how many
// went left. scratch is as long as entries. The order of rows does not depend on the crew.
func partition(t *table, c candidate, entries, scratch []uint64, team *crew) int {
	parts := 1
	if len(entries) >= 2*partRows {
		parts = (len(entries) + partRows - 1) / partRows
	}
	size := (len(entries) + parts - 1) / parts
	lefts := make([]int, parts)
	team.share(parts, func(_, part int) {
		start, end := part*size, min((part+1)*size, len(entries))
		lefts[part] = partitionPart(t, &c, entries[start:end], scratch[start:end])
	})
	left := lefts[0]
	for part := 1; part < parts; part++ {
		start := part * size
		copy(entries[left:], entries[start:start+lefts[part]])
		left += lefts[part]
	}
	at := left
	for part, n := range lefts {
		start, end := part*size, min((part+1)*size, len(entries))
		at += copy(entries[at:], scratch[start:end-n])
	}
	return left
}

// partitionPart leaves the left entries at the front of entries and the right ones at the front of scratch. It writes
// every entry to both places and moves on in one of them: no branch to mispredict.
func partitionPart(t *table, c *candidate, entries, scratch []uint64) int {
	if c.set != nil {
		return partitionSet(t, c, entries, scratch)
	}
	bins := t.columns[c.column]
	right := 0
	scratch = scratch[:len(entries)]
	cut, shift := c.bin-c.missingRight, c.missingRight // as in cutStep
	for i, e := range entries {
		goesRight := 0
		if bins[rowOf(e)]-shift > cut {
			goesRight = 1
		}
		entries[i-right] = e
		scratch[right] = e
		right += goesRight
	}
	return len(entries) - right
}

// partitionSet is partitionPart for a split between categories.
func partitionSet(t *table, c *candidate, entries, scratch []uint64) int {
	right := 0
	scratch = scratch[:len(entries)]
	for i, e := range entries {
		goesLeft := t.inSet(c, rowOf(e))
		entries[i-right] = e
		scratch[right] = e
		right += 1 - goesLeft
	}
	return len(entries) - right
}
