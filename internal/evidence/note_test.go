package evidence

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// machine is a replica that has a file for its note.
func (w world) machine(file string) *Archive {
	return New(w.disk, Deps{Now: w.clock.Now, Log: w.log.Logger(), Note: NewNote(file, "s3 evidence")})
}

// cutOff removes an hour with all that is known of it, as somebody would who can do everything in the archive.
func (w world) cutOff(hour, object string) {
	w.remove(manifests + hour + "/0001")
	w.remove(closed + hour)
	for _, key := range w.keysBelow(journal + hour) {
		w.remove(key)
	}
	w.remove(object)
}

func (w world) verifyNoted(t *testing.T, a *Archive) *Report {
	t.Helper()
	noted, err := a.Noted()
	if err != nil || noted == nil {
		t.Fatalf("noted %v, %v", noted, err)
	}
	return w.verify(t, Options{Noted: noted})
}

func TestAnEndThatWasCutOffIsSeenByWhoNotedIt(t *testing.T) {
	cases := []struct {
		name   string
		tamper func(*testing.T, world)
		alone  []string // what is found without the note
		want   []string
	}{
		{"nothing", func(*testing.T, world) {}, []string{}, []string{}},
		{"the newest hour is cut off", func(_ *testing.T, w world) { w.cutOff("2026/11/20/14", "webhooks/c") }, []string{}, []string{"missing " + in14}},
		{"two hours are", func(_ *testing.T, w world) {
			w.cutOff("2026/11/20/14", "webhooks/c")
			w.cutOff("2026/11/20/13", "webhooks/b")
		}, []string{}, []string{"missing " + in14}},
		{"the newest manifest is made anew without an object", func(t *testing.T, w world) {
			t.Helper()
			w.remade(t, in14, func(m *manifest) { m.entries = nil })
			w.remove("webhooks/c")
		}, []string{}, []string{"broken " + in14}},
		{"everything is gone", func(_ *testing.T, w world) { clear(w.objects) }, []string{}, []string{"missing " + in14, "unsealed " + firstKey}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			a := w.machine(filepath.Join(t.TempDir(), "newest-seal"))
			for _, key := range []string{"webhooks/a", "webhooks/b", "webhooks/c"} {
				put(t, a, key, "body of "+key)
				w.clock.Advance(hour)
				seal(t, a, false)
			}
			c.tamper(t, w)
			if diff := cmp.Diff(c.alone, told(w.verify(t, Options{}))); diff != "" {
				t.Errorf("without the note (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.want, told(w.verifyNoted(t, a))); diff != "" {
				t.Errorf("with it (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatWasNotedOutlivesSealingOnACutChain(t *testing.T) {
	w := newWorld()
	file := filepath.Join(t.TempDir(), "newest-seal")
	for _, key := range []string{"webhooks/a", "webhooks/b"} {
		put(t, w.machine(file), key, "body")
		w.clock.Advance(hour)
		seal(t, w.machine(file), false)
	}
	if strings.Contains(w.log.String(), "not what it was") {
		t.Fatalf("told without a reason: %s", w.log)
	}
	w.cutOff("2026/11/20/13", "webhooks/b")
	put(t, w.machine(file), "webhooks/c", "body") // the server was started again, and goes on
	w.clock.Advance(hour)
	seal(t, w.machine(file), false)
	if !strings.Contains(w.log.String(), "the archive's chain is not what it was") || !strings.Contains(w.log.String(), in13) {
		t.Errorf("not told in the log: %s", w.log)
	}
	if diff := cmp.Diff([]string{"broken " + in13}, told(w.verifyNoted(t, w.machine(file)))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestEachMachineNotesForItself(t *testing.T) {
	w := newWorld()
	one, other := w.machine(filepath.Join(t.TempDir(), "one")), w.machine(filepath.Join(t.TempDir(), "other"))
	put(t, one, "webhooks/a", "body")
	w.clock.Advance(hour)
	seal(t, one, false)
	w.clock.Advance(hour)
	seal(t, other, false) // one's note is older now, and still in the chain
	for _, machine := range []*Archive{one, other} {
		if report := w.verifyNoted(t, machine); len(report.Findings) != 0 {
			t.Errorf("got %+v", report.Findings)
		}
	}
	seal(t, one, false)
	noted, _ := one.Noted()
	if noted.Key != in13 {
		t.Errorf("noted %v", noted)
	}
}

func TestANoteThatIsNoneIsTold(t *testing.T) {
	hash := strings.Repeat("0", 64)
	folder := t.TempDir()
	if noted, err := NewNote(filepath.Join(folder, "none"), "x").Read(); noted != nil || err != nil {
		t.Errorf("got %v, %v", noted, err)
	}
	cases := map[string]struct {
		text string
		fine bool
	}{
		"of another archive": {hash + " " + in12 + " dir /elsewhere\n", false},
		"as it is written":   {hash + " " + in12 + " s3_evidence\n", true},
		"empty":              {"", false}, "no hash": {"x " + in12 + " s3_evidence\n", false},
		"no manifest": {hash + " webhooks/a s3_evidence\n", false}, "too long": {strings.Repeat("x", 1<<20), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(folder, "note")
			must(t, os.WriteFile(file, []byte(c.text), 0o600))
			noted, err := NewNote(file, "s3 evidence").Read()
			if got := noted != nil && err == nil; got != c.fine {
				t.Errorf("got %v, %v", noted, err)
			}
		})
	}
	must(t, os.Mkdir(filepath.Join(folder, "folder"), 0o700))
	if _, err := NewNote(filepath.Join(folder, "folder"), "x").Read(); err == nil {
		t.Error("a folder was read")
	}
	// The archive moved: what was noted is of another, and is replaced.
	file := filepath.Join(folder, "moved")
	must(t, os.WriteFile(file, []byte(hash+" "+in12+" s3_before\n"), 0o600))
	w := newWorld()
	a := w.machine(file)
	put(t, a, "webhooks/a", "body")
	seal(t, a, true)
	if noted, err := a.Noted(); err != nil || noted == nil || noted.SHA256.String() == hash {
		t.Errorf("got %v, %v", noted, err)
	}
}

func TestANoteThatCannotBeMadeStopsNoSealing(t *testing.T) {
	w := newWorld()
	a := w.machine(filepath.Join(t.TempDir(), "not", "there"))
	put(t, a, "webhooks/a", "body")
	seal(t, a, true)
	if !strings.Contains(w.log.String(), "cannot be noted") || len(w.keysBelow(manifests)) != 1 {
		t.Errorf("sealed %v; %s", w.keysBelow(manifests), w.log)
	}
	if report := w.verify(t, Options{}); len(report.Findings) != 0 {
		t.Errorf("got %+v", report.Findings)
	}
}
