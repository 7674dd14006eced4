package engine

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework/frameworktest"
)

// putAsideAt makes files of a size below damaged, an hour apart for each.
func putAsideAt(t *testing.T, dir string, size int, files ...string) {
	t.Helper()
	for hour, file := range files {
		at := frameworktest.Start().Add(time.Duration(hour) * time.Hour).UTC().Format(damagedAt)
		makeFiles(t, filepath.Join(dir, damagedDir, at), map[string]string{file: strings.Repeat("x", size)})
	}
}

// placesIn lists what is put aside, as hours and places.
func placesIn(t *testing.T, dir string) (places []string) {
	t.Helper()
	times, err := folders(filepath.Join(dir, damagedDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range times {
		at, err := time.Parse(damagedAt, name)
		if err != nil {
			t.Fatal(err)
		}
		streams, err := folders(filepath.Join(dir, damagedDir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, stream := range streams {
			places = append(places, at.Format("15")+" "+stream)
		}
	}
	return places
}

func TestWhatIsPutAsideIsBoundedAndTheNewestOfAPlaceStays(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		most  int64
		want  []string
	}{
		{"nothing is there", nil, 100, nil},
		{"it is within the bound", []string{"EV_a/1.blk", "EV_a/1.blk"}, 200, []string{"12 EV_a", "13 EV_a"}},
		{"the oldest go", []string{"EV_a/1.blk", "EV_a/1.blk", "EV_a/1.blk"}, 200, []string{"13 EV_a", "14 EV_a"}},
		{"the newest of each place stays, beyond the bound too", []string{"KV_ledger/1.blk", "EV_a/1.blk", "EV_b/1.blk", "EV_b/1.blk"}, 100, []string{"12 KV_ledger", "13 EV_a", "15 EV_b"}},
		{"a queue is a place of its own", []string{"EV_a/ticket/o.dat", "EV_a/other/o.dat", "EV_a/1.blk"}, 100, []string{"12 EV_a", "13 EV_a", "14 EV_a"}},
		{"the folder of a stream is that of its files", []string{"EV_a/msgs/1.blk", "EV_a/1.blk", "EV_a/ticket/o.dat"}, 100, []string{"13 EV_a", "14 EV_a"}},
		{"so is a description", []string{"descriptions/EV_a/meta.inf", "descriptions/EV_b/meta.inf", "descriptions/EV_b/meta.inf"}, 100, []string{"12 descriptions", "14 descriptions"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			putAsideAt(t, dir, 100, c.files...)
			if err := boundAside(dir, c.most, slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, placesIn(t, dir)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNotPutAsideByTheStoreIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	putAsideAt(t, dir, 100, "EV_a/1.blk", "EV_a/1.blk")
	makeFiles(t, filepath.Join(dir, damagedDir), map[string]string{"for the analyst/1.blk": "x", "notes.txt": "x"})
	log, options := logged()
	var o Options
	options(&o)
	if err := boundAside(dir, 1, o.Log); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"for the analyst/1.blk", "notes.txt"} {
		if !isThere(filepath.Join(dir, damagedDir, file)) {
			t.Errorf("%s is gone", file)
		}
	}
	times, err := folders(filepath.Join(dir, damagedDir))
	if err != nil || len(times) != 2 {
		t.Errorf("an empty folder stays: %v, %v", times, err)
	}
	if !strings.Contains(log.String(), `"removed_bytes":100,"kept_bytes":102`) {
		t.Error(log.String())
	}
}

func TestAStartBoundsWhatIsPutAsideAndTheStatsTellHowMuchItIs(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	if stats, err := engine.Stats(t.Context()); err != nil || stats.DamagedBytes != 0 {
		t.Errorf("%d bytes, %v", stats.DamagedBytes, err)
	}
	closeEngine(t, engine)
	putAsideAt(t, dir, 3<<20, "EV_a/1.blk", "EV_a/1.blk", "EV_a/1.blk")
	engine = open(t, dir, func(o *Options) { o.MaxStore = 96 << 20 }) // of which a sixteenth is 6 MiB
	if diff := cmp.Diff([]string{"13 EV_a", "14 EV_a"}, placesIn(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if stats, err := engine.Stats(t.Context()); err != nil || stats.DamagedBytes != 6<<20 {
		t.Errorf("%d bytes, %v", stats.DamagedBytes, err)
	}
	putAsideAt(t, dir, 3<<20, "EV_b/1.blk")
	if err := engine.embedded.restart(); err != nil { // as at work, after damage
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"12 EV_b", "14 EV_a"}, placesIn(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(dir, damagedDir)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}
