// Command rondo keeps AI models good in production.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"rondo.dev/rondo/internal/door/cli"
	"rondo.dev/rondo/internal/seam/engine/duckdb"
	"rondo.dev/rondo/internal/seam/executor/process"
	"rondo.dev/rondo/internal/stage/train/boosted"
)

func main() { os.Exit(run()) }

// run is the program, with its exit code. Tests run it under the name rondo in a process of its own.
func run() int {
	// Three hidden commands are this program as its own child: a trainer, a supervisor of one, a reader of files.
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "trainer":
			if len(os.Args) > 2 && os.Args[2] == "boosted" {
				return boosted.Main(os.Args[3:])
			}
		case "supervise":
			return process.Main(os.Args[2:])
		case "engine-child":
			return duckdb.Main(os.Args[2:])
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}
