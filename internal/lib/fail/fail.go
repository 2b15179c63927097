//go:build !failpoints

// Package fail lets a test kill the program at a named place.
//
// Built with the tag failpoints, At(site) ends the process with SIGKILL when RONDO_FAIL names the site and the hit
// (site:3 is the third time), and appends every site it passes to the file RONDO_FAIL_TRACE, when that is set. In any
// other build At is nothing.
package fail

// At marks a place where a test may kill the program.
func At(string) {}
