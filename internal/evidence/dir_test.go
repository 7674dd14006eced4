package evidence_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"funnelweb/framework/frameworktest"
	"funnelweb/internal/archive"
	"funnelweb/internal/evidence"
)

// inDir is an archive in a directory, with a clock.
func inDir(t *testing.T) (store *archive.Dir, path string, clock *frameworktest.Clock) {
	t.Helper()
	clock, path = new(frameworktest.Clock), filepath.Join(t.TempDir(), "archive")
	store, err := archive.NewDir(path, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	return store, path, clock
}

func account(t *testing.T, store *archive.Dir, clock *frameworktest.Clock) *evidence.Archive {
	t.Helper()
	return evidence.New(store, evidence.Deps{Now: clock.Now, Log: frameworktest.Deps(t).Log})
}

func TestADirectoryIsSealedAndItsJournalCleared(t *testing.T) {
	store, path, clock := inDir(t)
	a := account(t, store, clock)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if err := a.Put(t.Context(), fmt.Sprintf("a/%d", i), []byte("body")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	clock.Advance(3 * time.Hour)
	for range 2 {
		if _, err := account(t, store, clock).Seal(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(path, "seals/journal/*/*/*/*")); len(left) != 0 {
		t.Errorf("the journal has %q", left)
	}
	if err := a.Put(t.Context(), "a/late", []byte("body")); err != nil {
		t.Fatal(err)
	}
	report, err := evidence.Verify(t.Context(), store, evidence.Options{})
	if err != nil || len(report.Findings) != 0 || report.Objects != 20 || report.Waiting != 1 || report.Manifests != 3 {
		t.Errorf("got %+v, %v", report, err)
	}
}

func TestSealersOfOneDirectoryDoNotDisturbEachOther(t *testing.T) {
	store, _, clock := inDir(t)
	for round := range 5 {
		if err := account(t, store, clock).Put(t.Context(), fmt.Sprintf("a/%d", round), []byte("body")); err != nil {
			t.Fatal(err)
		}
		clock.Advance(2 * time.Hour)
		var group sync.WaitGroup
		for range 4 {
			a := account(t, store, clock)
			group.Go(func() {
				for range 10 { // one that met another tries again, as Run does
					if _, err := a.Seal(t.Context(), false); err == nil {
						return
					}
				}
				t.Error("could not seal in ten tries")
			})
		}
		group.Wait()
	}
	report, err := evidence.Verify(t.Context(), store, evidence.Options{})
	if err != nil || len(report.Findings) != 0 || report.Objects != 5 || report.Manifests != 10 {
		t.Errorf("got %+v, %v", report, err)
	}
}

func TestWhatIsInAnObjectsPlaceIsFound(t *testing.T) {
	store, path, clock := inDir(t)
	a := account(t, store, clock)
	for _, key := range []string{"a/link", "a/large", "a/folder"} {
		if err := a.Put(t.Context(), key, []byte("body")); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(path, key)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Seal(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(path, "a/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(path, "a/folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	large, err := os.Create(filepath.Join(path, "a/large"))
	if err != nil {
		t.Fatal(err)
	}
	defer large.Close()
	if err := large.Truncate(17 << 20); err != nil {
		t.Fatal(err)
	}
	report, err := evidence.Verify(t.Context(), store, evidence.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, finding := range report.Findings {
		found[finding.Key] = finding.Kind
	}
	if len(found) != 3 || found["a/link"] != evidence.Changed || found["a/folder"] != evidence.Missing || found["a/large"] != evidence.Changed {
		t.Errorf("got %v", report.Findings)
	}
	if exported, err := evidence.Export(t.Context(), store, io.Discard, evidence.Options{}); err != nil || len(exported.Findings) != 3 {
		t.Errorf("export: %+v, %v", exported, err)
	}
}
