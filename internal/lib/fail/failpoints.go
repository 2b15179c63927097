//go:build failpoints

// Package fail lets a test kill the program at a named place.
package fail

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

var (
	mu   sync.Mutex
	hits = map[string]int{}
	all  int
)

// At ends the process when RONDO_FAIL asks for this site and hit; the site * counts every site's hits together.
func At(site string) {
	mu.Lock()
	defer mu.Unlock()
	hits[site]++
	all++
	if path := os.Getenv("RONDO_FAIL_TRACE"); path != "" {
		if f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			fmt.Fprintln(f, site)
			f.Close()
		}
	}
	want, number, _ := strings.Cut(os.Getenv("RONDO_FAIL"), ":")
	n, err := strconv.Atoi(number)
	if err != nil {
		return
	}
	if (want == site && hits[site] == n) || (want == "*" && all == n) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
