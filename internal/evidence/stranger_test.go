package evidence_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/evidence"
)

// TestWhatNoKeyNamesIsFoundToo is about things in the archive's directory that no list shows.
func TestWhatNoKeyNamesIsFoundToo(t *testing.T) {
	store, path, clock := inDir(t)
	a := account(t, store, clock)
	for _, key := range []string{"a/one", "a/replaced"} {
		if err := a.Put(t.Context(), key, []byte("body")); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"a/fol der/below", "~tmp"} {
		if err := os.MkdirAll(filepath.Join(path, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"a/two words", "a/esc\x1b[2K", "a/new\nline", "a/fol der/below/x", "\u202ea", "~tmp/left-over", "~other"} {
		if err := os.WriteFile(filepath.Join(path, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(path, "a/replaced")); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"a/link", "a/replaced", "folder"} {
		if err := os.Symlink("/etc", filepath.Join(path, link)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`added "\u202ea"`, `added "a/esc\x1b[2K"`, `added "a/fol der"`, `added "a/link"`, `added "a/new\nline"`, `added "a/two words"`, `added "folder"`, `added "~other"`,
		"changed a/replaced",
	}
	for name, through := range map[string]func() (*evidence.Report, error){
		"the store": func() (*evidence.Report, error) { return evidence.Verify(t.Context(), store, evidence.Options{}) },
		"its account": func() (*evidence.Report, error) {
			return evidence.Verify(t.Context(), a, evidence.Options{})
		},
	} {
		report, err := through()
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, finding := range report.Findings {
			got = append(got, finding.Kind+" "+finding.Key)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("through %s (-want +got):\n%s", name, diff)
		}
	}
}
