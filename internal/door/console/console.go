// Package console answers "how is it?" for people with a browser: one page a model, rendered here, with pictures as static
// SVG. It shows what control reads (Get, Life) and decides nothing; there is no script.
//
// Getting in: a link with a secret (Link) opens once. It sets a cookie (HttpOnly, SameSite=Strict) that lasts as long as
// the process, and leads to /, so that the secret stays in no address bar, history or Referer; then a new link is made and
// told. Secrets are compared by SHA-256 in constant time. Bearer tokens of the API do not open the console. Browsers send
// a cookie to every port of a host, so its name carries the port and its secret opens nothing but these pages.
//
// Everything shown may have been written by somebody hostile (column values, names, reasons): html/template alone writes
// it, in SVG too, and the Content-Security-Policy lets a page load one stylesheet and nothing else.
//
// Units: instants and days are UTC; money is dollars. A value that was not measured is left out of a picture, or a dash.
// Errors: an unknown model is 404, no cookie 401, a used or wrong link 403; all else is 500 and logged.
package console

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"sync"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
)

//go:embed assets
var assets embed.FS

var pages = template.Must(template.ParseFS(assets, "assets/*.html"))

// Options of a console. Address has to be given.
type Options struct {
	Address string            // where links lead: http://127.0.0.1:7766
	Next    func(link string) // told of the next link when one was used; may be nil
	Logger  *slog.Logger      // nil: nothing is logged
}

// Console is the handler of the pages.
type Console struct {
	control *control.Control
	opt     Options
	mux     *http.ServeMux
	cookie  string // its name
	session string // its value
	mu      sync.Mutex
	secret  string // of the link that has not been used
}

// New makes a console and its first link.
func New(c *control.Control, opt Options) *Console {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Console{control: c, opt: opt, mux: http.NewServeMux(), cookie: "rondo", session: rand.Text(), secret: rand.Text()}
	if u, err := url.Parse(opt.Address); err == nil && u.Port() != "" {
		h.cookie += "_" + u.Port()
	}
	h.mux.HandleFunc("GET /console.css", h.style)
	h.mux.HandleFunc("GET /{$}", h.within(h.home))
	h.mux.HandleFunc("GET /models/{model}", h.within(func(w http.ResponseWriter, r *http.Request) error {
		return h.model(w, r, r.PathValue("model"))
	}))
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h.say(w, r, http.StatusNotFound, "There is no such page", "The console begins at /.")
	})
	return h
}

// Link opens the console once.
func (h *Console) Link() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.opt.Address + "/?token=" + h.secret
}

// policy lets a page show its own text and one stylesheet of this server.
const policy = "default-src 'none'; style-src 'self'; img-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP answers with a page.
func (h *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", policy)
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Cache-Control", "no-store")
	h.mux.ServeHTTP(w, r)
}

func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// within answers those who are in, lets those in who bring the link, and tells all others how to get in.
func (h *Console) within(page func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if secret := r.URL.Query().Get("token"); secret != "" && r.Method == http.MethodGet {
			h.enter(w, r, secret)
			return
		}
		if cookie, err := r.Cookie(h.cookie); err != nil || !equal(cookie.Value, h.session) {
			h.say(w, r, http.StatusUnauthorized, "This console opens with a link", howToGetIn)
			return
		}
		err := page(w, r)
		switch {
		case err == nil:
		case rondo.KindOf(err) == rondo.NotFound:
			h.say(w, r, http.StatusNotFound, "There is no such model", err.Error())
		case errors.Is(err, context.Canceled):
		default:
			h.opt.Logger.Error("show a page", "path", r.URL.Path, "error", err)
			h.say(w, r, http.StatusInternalServerError, "This page could not be made", "The server's log says why.")
		}
	}
}

const howToGetIn = "The server printed a link when it started, and prints the next one each time a link has been used. Each link opens once, " +
	"and stays open in this browser until the server ends. If you came through a link just now, follow the line below."

// enter spends the link.
func (h *Console) enter(w http.ResponseWriter, r *http.Request, secret string) {
	h.mu.Lock()
	right := equal(secret, h.secret)
	if right {
		h.secret = rand.Text()
	}
	h.mu.Unlock()
	if !right {
		h.say(w, r, http.StatusForbidden, "This link has been used, or is none", howToGetIn)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: h.cookie, Value: h.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	http.Redirect(w, r, "/", http.StatusSeeOther)
	if h.opt.Next != nil {
		h.opt.Next(h.Link())
	}
}

// style needs no cookie: it says nothing about the installation.
func (h *Console) style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, assets, "assets/console.css")
}

// say shows a page of words.
func (h *Console) say(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	h.write(w, r, status, "words", struct{ Title, Text string }{title, text})
}

// write renders a whole page before its first byte leaves.
func (h *Console) write(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, data); err != nil {
		h.opt.Logger.Error("render a page", "path", r.URL.Path, "error", err)
		http.Error(w, "this page could not be made; the server's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the caller is gone
}

// home is the one model there is, or the list of all.
func (h *Console) home(w http.ResponseWriter, r *http.Request) error {
	listing, err := h.control.Get(r.Context(), "models", "")
	if err != nil {
		return err
	}
	if len(listing.Models) == 1 {
		return h.model(w, r, listing.Models[0].Name)
	}
	h.write(w, r, http.StatusOK, "models", modelsPage(listing.Models))
	return nil
}

func (h *Console) model(w http.ResponseWriter, r *http.Request, name string) error {
	life, err := h.control.Life(r.Context(), name)
	if err != nil {
		return err
	}
	h.write(w, r, http.StatusOK, "model", modelPage(life))
	return nil
}
