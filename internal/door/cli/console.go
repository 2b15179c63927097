package cli

import (
	"fmt"
	"net/http"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/door/console"
)

// window is the console of the installation that a command runs. Links are printed: whoever reads the terminal gets in.
type window struct {
	env     *env
	console *console.Console
}

// open makes the pages of a; it is an app.Config's Pages.
func (w *window) open(a *app.App) http.Handler {
	w.console = console.New(a.Control, console.Options{Address: a.URL(), Logger: w.env.log, Next: func(link string) {
		fmt.Fprintf(w.env.Err, "the console was opened; the next link: %s\n", link)
	}})
	return w.console
}

// link opens the console once. The installation has to be running.
func (w *window) link() string { return w.console.Link() }
