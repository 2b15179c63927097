package crash

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAKeptDemoShowsItsConsoleAndEndsInOrder opens the printed link as a browser would, and ends the demo with SIGTERM. Its store then
// serves to see that a missing booking would be found.
func TestAKeptDemoShowsItsConsoleAndEndsInOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	cmd := exec.Command(binary, "demo", "--home", dir, "--small", "--keep")
	cmd.Env = append(os.Environ(), "RONDO_HOME="+filepath.Join(t.TempDir(), "no demo's"))
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }() // it has ended, unless something is wrong
	link, pattern := "", regexp.MustCompile(`this link opens once\): (http://\S+)`)
	for lines := bufio.NewScanner(out); link == "" && lines.Scan(); {
		if m := pattern.FindStringSubmatch(lines.Text()); m != nil {
			link = m[1]
		}
	}
	if link == "" {
		t.Fatalf("no link was printed\n%s", tail(errs.String()))
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	answer, err := browser.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(page), "late-arrivals") {
		t.Errorf("the console: %s, %v\n%s", answer.Status, err, page)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("told to end: %v\n%s", err, tail(errs.String()))
	}
	checkStore(t, dir)
	bookingsAreMissed(t, dir)
}
