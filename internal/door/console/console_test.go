package console

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rondo.dev/rondo/internal/seam/store"
)

const address = "http://127.0.0.1:7766"

func ask(h http.Handler, method, path string, cookies ...*http.Cookie) *http.Response {
	r := httptest.NewRequest(method, address+path, nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// in is a console with the cookie of somebody who came in.
func in(t *testing.T, w *world) (*Console, *http.Cookie) {
	t.Helper()
	h := New(w.control, Options{Address: address})
	r := ask(h, "GET", strings.TrimPrefix(h.Link(), address))
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/" || len(r.Cookies()) != 1 {
		t.Fatalf("the link answers %d to %q with %d cookies", r.StatusCode, r.Header.Get("Location"), len(r.Cookies()))
	}
	return h, r.Cookies()[0]
}

func TestALinkOpensOnceAndSetsACookieThatScriptsCannotRead(t *testing.T) {
	w := newWorld(t)
	var next []string
	h := New(w.control, Options{Address: address, Next: func(l string) { next = append(next, l) }})
	link := strings.TrimPrefix(h.Link(), address)
	if r := ask(h, "HEAD", link); r.StatusCode == http.StatusSeeOther {
		t.Error("HEAD spent the link")
	}
	r := ask(h, "GET", link)
	c := r.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Name != "rondo_7766" || len(c.Value) < 26 {
		t.Errorf("cookie %+v", c)
	}
	if strings.Contains(link, c.Value) || r.Header.Get("Referrer-Policy") != "no-referrer" || r.Header.Get("Location") != "/" {
		t.Errorf("the secret goes on: %v", r.Header)
	}
	if r := ask(h, "GET", link); r.StatusCode != http.StatusForbidden || len(r.Cookies()) != 0 {
		t.Errorf("a used link answers %d", r.StatusCode)
	}
	if len(next) != 1 || next[0] != h.Link() || next[0] == address+link {
		t.Errorf("told of %q after a use; the next is %q", next, h.Link())
	}
	if r := ask(h, "GET", "/", c); r.StatusCode != http.StatusOK {
		t.Errorf("with the cookie: %d", r.StatusCode)
	}
	for _, bad := range []*http.Cookie{{Name: c.Name, Value: ""}, {Name: c.Name, Value: c.Value[1:]}, {Name: "rondo", Value: c.Value}} {
		if r := ask(h, "GET", "/", bad); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("with %v: %d", bad, r.StatusCode)
		}
	}
	if r := ask(h, "GET", "/?token=wrong", c); r.StatusCode != http.StatusForbidden {
		t.Errorf("a wrong link: %d", r.StatusCode)
	}
}

func TestWithoutACookieNothingIsSaidOfTheInstallation(t *testing.T) {
	w := newWorld(t)
	w.declare("secret-model")
	h, _ := in(t, w)
	for _, path := range []string{"/", "/models/secret-model", "/models/none"} {
		r := ask(h, "GET", path)
		page := body(t, r)
		if r.StatusCode != http.StatusUnauthorized || strings.Contains(page, "secret-model") || !strings.Contains(page, "printed a link") {
			t.Errorf("%s: %d\n%s", path, r.StatusCode, page)
		}
	}
}

func TestEveryPageForbidsScriptsAndPictures(t *testing.T) {
	w := newWorld(t)
	h, cookie := in(t, w)
	for _, path := range []string{"/", "/models/none", "/nowhere", "/console.css", "/?token=x"} {
		r := ask(h, "GET", path, cookie)
		csp := r.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "style-src 'self'", "img-src 'none'", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: policy %q lacks %s", path, csp, want)
			}
		}
		if r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, r.Header)
		}
	}
}

func TestWhatIsNotThereIs404(t *testing.T) {
	w := newWorld(t)
	h, cookie := in(t, w)
	for _, path := range []string{"/models/none", "/nowhere", "/models/", "/assets/console.css", "/models/a/b"} {
		if r := ask(h, "GET", path, cookie); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r := ask(h, "POST", "/", cookie); r.StatusCode != http.StatusNotFound {
		t.Errorf("POST: %d", r.StatusCode)
	}
	r := ask(h, "GET", "/console.css")
	if css := body(t, r); r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(css, "prefers-color-scheme: dark") {
		t.Errorf("the stylesheet: %d %s", r.StatusCode, r.Header.Get("Content-Type"))
	}
}

func TestAnEmptyInstallationSaysHowToBegin(t *testing.T) {
	w := newWorld(t)
	h, cookie := in(t, w)
	if page := body(t, ask(h, "GET", "/", cookie)); !strings.Contains(page, "There is no model yet") {
		t.Error(page)
	}
}

func TestAModelWithoutAChampionHasAPage(t *testing.T) {
	w := newWorld(t)
	w.declare("young")
	h, cookie := in(t, w)
	page := body(t, ask(h, "GET", "/", cookie))
	for _, want := range []string{"No version of young answers.", "No version has answered.", "No day has been closed", "There is no version yet.", "Nothing has been spent.", "Nothing has been decided yet."} {
		if !strings.Contains(page, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if strings.Contains(page, "<svg") {
		t.Error("a picture of nothing")
	}
}

func TestManyModelsAreListed(t *testing.T) {
	w := newWorld(t)
	w.ok(w.store.Write(t.Context(), func(store.Tx) error { return nil }))
	for i := range 60 {
		w.declare("model-" + strconv.Itoa(i))
	}
	h, cookie := in(t, w)
	page := body(t, ask(h, "GET", "/", cookie))
	if n := strings.Count(page, `href="/models/model-`); n != 60 {
		t.Errorf("%d of 60 models are linked", n)
	}
	if r := ask(h, "GET", "/models/model-59", cookie); r.StatusCode != 200 {
		t.Errorf("one of them: %d", r.StatusCode)
	}
}

func TestALivedModelShowsEverything(t *testing.T) {
	w := newWorld(t)
	w.live("late-arrivals", "JFK")
	h, cookie := in(t, w)
	page := body(t, ask(h, "GET", "/", cookie))
	for _, want := range []string{"Version late-arrivals/2 answers since", "Who answered when", "AUC of the answers, by day (UTC)", "Loss minus the loss the model expected",
		"Log evidence, by day (UTC)", "Regret in dollars", "promoted late-arrivals/2 in place of late-arrivals/1", "refused late-arrivals/3", "late-arrivals/1 got worse",
		"quarantined a feed", "auc is 0.72 (0.71 to 0.73) on 52,345 rows", "Calibration", "auc by origin", "What late-arrivals/2 looks at", "Dollars by cause", "$2.22", "shadow ",
		"21 decisions to wait or to probe are left out", "Wrong answers cost $60000.00 over 150 days"} {
		if !strings.Contains(page, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "NaN") || strings.Contains(page, "Inf") || strings.Contains(page, "style=") || strings.Contains(page, "<script") {
		t.Error("the page holds what no page should")
	}
	if len(page) > 1<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	wellFormed(t, page)
}

// wellFormed reads every picture as XML and asks for its text alternative.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	pictures := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1)
	if len(pictures) < 16 {
		t.Errorf("%d pictures", len(pictures))
	}
	for _, p := range pictures {
		d := xml.NewDecoder(strings.NewReader(p))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in %.300s", err, p)
			}
		}
		if !strings.Contains(p, `aria-hidden="true"`) && !regexp.MustCompile(`role="img" aria-label="[^"]{20,}"`).MatchString(p) {
			t.Errorf("no text alternative: %.200s", p)
		}
	}
}

// Values of columns, reasons and errors come from anybody. None may become markup, in tables nor in pictures.
func TestStoredValuesStayText(t *testing.T) {
	for _, hostile := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></svg><script>alert(1)</script>`, `' onload='alert(1)`,
		`]]><script>alert(1)</script>`, "a\x00<b>", `{{.}}<iframe>`, strings.Repeat("<b>", 3000),
	} {
		w := newWorld(t)
		w.live("m", hostile)
		h, cookie := in(t, w)
		r := ask(h, "GET", "/models/m", cookie)
		page := body(t, r)
		if r.StatusCode != 200 {
			t.Errorf("%.40q: %d", hostile, r.StatusCode)
		}
		for _, tag := range tags.FindAllString(page, -1) {
			if dangerous.MatchString(quoted.ReplaceAllString(tag, `""`)) {
				t.Errorf("%.40q became %s", hostile, tag)
			}
		}
		if len(page) > 4<<20 {
			t.Errorf("%.40q makes a page of %d bytes", hostile, len(page))
		}
	}
}

// A tag, what is between its quotes, and what no tag of these pages may be.
var (
	tags      = regexp.MustCompile(`<[a-zA-Z!/][^>]*>`)
	quoted    = regexp.MustCompile(`"[^"]*"`)
	dangerous = regexp.MustCompile(`(?i)^</?(script|img|iframe|b)\b|\son[a-z]+\s*=`)
)
