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

func main() {
	// Three hidden commands are this program as its own child: a trainer, a supervisor of one, a reader of files.
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "trainer":
			if len(os.Args) > 2 && os.Args[2] == "boosted" {
				os.Exit(boosted.Main(os.Args[3:]))
			}
		case "supervise":
			os.Exit(process.Main(os.Args[2:]))
		case "engine-child":
			os.Exit(duckdb.Main(os.Args[2:]))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
