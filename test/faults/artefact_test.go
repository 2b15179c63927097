package faults

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// TestADamagedArtefactStopsNothingElse damages a champion's bytes: the version before it answers, and says so; when that
// one is damaged too, only its own model is silent.
func TestADamagedArtefactStopsNothingElse(t *testing.T) {
	dir := t.TempDir()
	home := aHome(t, dir)
	neighbour := filepath.Join(dir, "neighbour")
	if err := os.Mkdir(neighbour, 0o700); err != nil {
		t.Fatal(err)
	}
	file, err := declare(neighbour, time.Now().UTC().Truncate(time.Hour).Add(-3*time.Hour), "")
	if err == nil {
		var text []byte
		text, err = os.ReadFile(file)
		text = bytes.Replace(bytes.Replace(text, []byte("name: orders"), []byte("name: others"), 1), []byte("trees: 200"), []byte("trees: 20"), 1)
		err = errors.Join(err, os.WriteFile(file, text, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	if code, said := command(t, "--home", home, "run", file); code != 0 {
		t.Fatalf("the neighbour: exit %d: %s", code, said)
	}
	first := damagedChampion(t, home)
	answers := func(s *server, name string) (int, error) {
		answer, err := s.client.Predict(t.Context(), name, orders(1, 1, time.Now(), false), api.Ask{})
		if err != nil {
			return 0, err
		}
		return answer.Versions[0], nil
	}
	says := func(want string) {
		t.Helper()
		for _, args := range [][]string{{"get", "models"}, {"why", model}} {
			code, said := command(t, append([]string{"--home", home}, args...)...)
			if said = strings.Join(strings.Fields(said), " "); code != 0 || !strings.Contains(said, want) {
				t.Errorf("%v: exit %d, without %q: %s", args, code, want, said)
			}
		}
	}
	// The third version cannot be loaded: the second answers.
	s := up(t, home)
	if n, err := answers(s, model); n != 2 || err != nil {
		t.Errorf("version %d of %s answers: %v", n, model, err)
	}
	if n, err := answers(s, "others"); n != 1 || err != nil {
		t.Errorf("version %d of the neighbour answers: %v", n, err)
	}
	says("orders/2 answers")
	s.stop(t)
	// The first and second, which share their bytes, are gone too.
	whole, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	overwrite(t, first, damaged)
	s = up(t, home)
	if n, err := answers(s, model); rondo.KindOf(err) != rondo.Unavailable || !strings.Contains(err.Error(), "can be loaded") {
		t.Errorf("version %d of a model without a sound version answers: %v", n, err)
	}
	if n, err := answers(s, "others"); n != 1 || err != nil {
		t.Errorf("version %d of the neighbour answers: %v", n, err)
	}
	counted, err := s.client.Call(t.Context(), "GET", "/metrics", "", nil)
	if said := string(counted); err != nil || !strings.Contains(said, `model="others"`) || strings.Contains(said, `model="`+model+`"`) {
		t.Errorf("metrics while a model is silent: %v\n%s", err, said)
	}
	s.stop(t)
	// Mended, the second answers again; put back by a person, it is the champion.
	overwrite(t, first, whole)
	s = up(t, home)
	if n, err := answers(s, model); n != 2 || err != nil {
		t.Errorf("version %d of %s answers: %v", n, model, err)
	}
	if code, said := command(t, "--home", home, "rollback", model); code != 0 {
		t.Errorf("exit %d: %s", code, said)
	}
	says("orders/2")
	if _, said := command(t, "--home", home, "get", "models"); strings.Contains(said, "answers") {
		t.Error(said)
	}
	s.stop(t)
}

func overwrite(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// damagedChampion lets a third version answer whose bytes are no model, and gives the file of the others' artefact.
func damagedChampion(t *testing.T, home string) (sound string) {
	t.Helper()
	ctx := context.Background()
	a, err := app.Open(ctx, app.Config{Home: home, Manual: true})
	if err != nil {
		t.Fatal(err)
	}
	digest, err := a.Objects.Put(ctx, []byte("no model"))
	if err != nil {
		t.Fatal(err)
	}
	err = a.Store.Write(ctx, func(tx store.Tx) error {
		route, err := tx.Versions().Route(model)
		if err != nil {
			return err
		}
		champion, err := tx.Versions().Get(route.Champion)
		if err != nil {
			return err
		}
		sound = filepath.Join(home, "objects", string(champion.Artefact[:2]), string(champion.Artefact[2:]))
		third := *champion
		third.State, third.From, third.Until, third.Artefact = rondo.Candidate, nil, nil, digest
		if err := tx.Versions().Add(&third); err != nil {
			return err
		}
		if err := tx.Versions().Move(champion.ID, rondo.Retired); err != nil {
			return err
		}
		if err := tx.Versions().Move(third.ID, rondo.Champion); err != nil {
			return err
		}
		_, err = tx.Versions().SetRoute(store.Route{Model: model, Champion: third.ID})
		return err
	})
	if err := errors.Join(err, a.Close()); err != nil {
		t.Fatal(err)
	}
	return sound
}
