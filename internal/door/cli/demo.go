package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/term"

	"rondo.dev/rondo/internal/demo"
)

type demoCmd struct {
	Fresh bool `help:"Begin again, in a folder that an earlier demo made."`
	Keep  bool `help:"Leave server and console up at the end."`
	All   bool `help:"Ask about every flight, not one in four; takes as long as it takes." xor:"flights"`
	Small bool `help:"The same story on a sixteenth of the flights." xor:"flights"`
}

// Help says where the demo lives: not in the installation that other commands find.
func (c *demoCmd) Help() string {
	return "Its folder is ./rondo-demo, unless --home names another; RONDO_HOME is not the demo's."
}

// The demo holds the airline's five months beside the installation: garbage is collected less often, up to a limit.
const (
	gcPercent = 300
	gcLimit   = 3 << 29 // 1.5 GiB
)

// Run tells the story and prints what came of it.
func (c *demoCmd) Run(ctx context.Context, e *env) error {
	show := &storyteller{w: e.Err}
	if e.Output != "json" {
		show.w = e.Out
	}
	if f, ok := show.w.(*os.File); ok {
		show.tty = term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	folder := "" // the demo's own choice
	if e.chosen {
		home, err := e.home()
		if err != nil {
			return err
		}
		folder = home
	}
	w := &window{env: e}
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(gcLimit)
	return demo.Run(ctx, demo.Options{Home: folder, Fresh: c.Fresh, Keep: c.Keep, All: c.All, Small: c.Small, Log: e.log,
		Pages: w.open, Tell: show.tell}, func(s *demo.Story) error {
		show.clear()
		if e.Output == "json" {
			if c.Keep {
				fmt.Fprintf(e.Err, "console (this link opens once): %s\n", w.link())
			}
			return e.json(s)
		}
		link := ""
		if c.Keep {
			link = w.link()
		}
		return printStory(e.Out, s, link)
	})
}

// storyteller prints what happens as it happens, and how far the months have come.
type storyteller struct {
	w     io.Writer
	tty   bool
	drawn bool
	month time.Month
}

func (s *storyteller) clear() {
	if s.drawn {
		fmt.Fprint(s.w, "\r\x1b[K")
		s.drawn = false
	}
}

func (s *storyteller) tell(l demo.Line) {
	if l.Head == "" && l.Text == "" {
		s.progress(l)
		return
	}
	s.clear()
	text := l.Text
	if l.Head != "" {
		text = l.Head + ": " + text
	}
	fmt.Fprintln(s.w, wrap(l.Now.Format(time.DateOnly)+"  "+text, 80, "            "))
}

func (s *storyteller) progress(l demo.Line) {
	full := int(l.Share * barWidth)
	line := fmt.Sprintf("%s [%s%s] %3.0f%% of five months", l.Now.Format(time.DateOnly), strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), 100*l.Share)
	if s.tty {
		fmt.Fprintf(s.w, "\r\x1b[K%s", line)
		s.drawn = true
		return
	}
	if l.Now.Month() != s.month {
		s.month = l.Now.Month()
		fmt.Fprintln(s.w, line)
	}
}

func printStory(w io.Writer, s *demo.Story, console string) error {
	fmt.Fprintf(w, "\nWho answered (%s questions, %s outcomes)\n\n", group(s.Log.Predictions), group(s.Log.Labelled))
	t := newTable(w, "VERSION", "TRAINED ON", "ANSWERED", "AUC (95 %)", "IN PLACE OF", "WHY")
	for _, v := range s.Versions {
		to, auc := "now", "-"
		if v.To != nil {
			to = v.To.Format("01-02")
		}
		if v.AUC != nil {
			auc = fmt.Sprintf("%.3f (%.3f-%.3f)", v.AUC.Value, v.AUC.Low, v.AUC.High)
		}
		t.row(v.ID.Number(), v.Trained[0].Format("01-02")+" to "+v.Trained[1].Format("01-02"), v.From.Format("01-02")+" to "+to, auc, dash(v.Replaced.Number()), v.Why)
	}
	if err := t.flush(); err != nil {
		return err
	}
	l := s.Last15d
	fmt.Fprintln(w, "\n"+wrap(fmt.Sprintf("The last 15 days, %s rows: AUC %.4f as answered, %.4f had the first version gone on.", group(l.Rows), l.Champion.AUC, l.First.AUC), 80, ""))
	fmt.Fprintln(w, wrap(fmt.Sprintf("Wrong answers cost $%.0f; never retraining would have cost $%.0f. %s", s.Money.Decisions, s.Money.NeverRetrained, s.Note), 80, ""))
	rate := ""
	if !s.Money.Known {
		rate = " (no price file: the rate is 0)"
	}
	fmt.Fprintln(w, wrap(fmt.Sprintf("Rondo used %s of CPU, %s%s: %s a run, %s per 1,000 predictions.", s.Money.CPU, s.Money.Compute, rate, s.Money.PerRun, s.Money.PerThousand), 80, ""))
	fmt.Fprintf(w, "\nrondo why late-arrivals\n")
	for _, line := range s.Why {
		fmt.Fprintln(w, wrap(line, 80, "            "))
	}
	fmt.Fprintf(w, "\n%.0f s.", s.Elapsed)
	if console != "" {
		fmt.Fprintf(w, " The console (this link opens once): %s\nCtrl-C ends it.", console)
	}
	_, err := fmt.Fprintln(w)
	return err
}
