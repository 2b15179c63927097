package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/clock"
)

// progressBar shows what is being done: one line that is drawn again on a terminal, plain lines elsewhere.
type progressBar struct {
	w     io.Writer
	tty   bool
	step  string
	watch clock.Stopwatch
	told  time.Duration // on the watch, when a plain line was last written
	drawn bool
	last  api.Doing
}

func (e *env) progress() *progressBar {
	b := &progressBar{w: e.Err, watch: clock.Start()}
	if f, ok := e.Err.(*os.File); ok {
		b.tty = term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return b
}

const plainEvery = 2 * time.Second

func (b *progressBar) show(doing []api.Doing) {
	if len(doing) == 0 {
		return
	}
	d := doing[0]
	if name := d.Model + " " + d.Step; name != b.step {
		b.step, b.watch, b.told = name, clock.Start(), -plainEvery
	}
	line := b.line(d)
	if d == b.last {
		return
	}
	if b.last = d; b.tty {
		fmt.Fprintf(b.w, "\r\x1b[K%s", line)
		b.drawn = true
		return
	}
	if elapsed := b.watch.Elapsed(); elapsed-b.told >= plainEvery {
		b.told = elapsed
		fmt.Fprintln(b.w, line)
	}
}

const barWidth = 24

func (b *progressBar) line(d api.Doing) string {
	head := fmt.Sprintf("%-28.28s", d.Model+" "+d.Step)
	if d.Total <= 0 || d.Done <= 0 {
		return strings.TrimSpace(head + " " + d.Note)
	}
	share := min(1, float64(d.Done)/float64(d.Total))
	full := int(share * barWidth)
	left := time.Duration(float64(b.watch.Elapsed()) * (1 - share) / share).Round(time.Second)
	return fmt.Sprintf("%s [%s%s] %3.0f%% %s left %s", head, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), 100*share, left, d.Note)
}

func (b *progressBar) close() {
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
