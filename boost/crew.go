package boost

import (
	"sync"
	"sync/atomic"
)

// crew shares work between a fixed number of goroutines. Whatever it runs must give the same result for any split of
// the parts between workers.
type crew struct {
	workers int
}

func (c *crew) size() int { return c.workers }

// share calls do(worker, part) once for every part below parts and returns when all are done. Calls with the same worker
// never overlap, so a worker may own scratch memory.
func (c *crew) share(parts int, do func(worker, part int)) {
	if c.workers == 1 || parts <= 1 {
		for part := range parts {
			do(0, part)
		}
		return
	}
	var next atomic.Int64
	work := func(worker int) {
		for part := int(next.Add(1)) - 1; part < parts; part = int(next.Add(1)) - 1 {
			do(worker, part)
		}
	}
	var group sync.WaitGroup
	for worker := 1; worker < min(c.workers, parts); worker++ {
		group.Go(func() { work(worker) })
	}
	work(0)
	group.Wait()
}
