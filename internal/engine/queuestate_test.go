package engine

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// putAsideWith returns the files below damaged that have a content.
func putAsideWith(t *testing.T, dir string, content []byte) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, damagedDir), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && bytes.Equal(text, content) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return files
}

func TestWhatIsDamagedIsKeptAsItWas(t *testing.T) {
	for name, file := range map[string]string{
		"a queue's state":       "obs/ticket/o.dat",
		"a queue's description": "obs/ticket/meta.inf",
		"a stream's checksum":   "meta.sum",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			events, jobs := storeOf(t, dir)
			path := filepath.Join(streamsIn(dir), "EV_splunk", file)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			content = append(content[:len(content)/2], "what somebody may want to look at"...)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			engine := open(t, dir, killOptions)
			run(t, engine, onAlert("ticket", jobs))
			for _, event := range events {
				untilState(t, engine, event.ID, framework.RunDone)
			}
			if kept := putAsideWith(t, dir, content); len(kept) != 1 {
				t.Errorf("kept in %v", kept)
			}
			if engine.Ledger().(*ledger).Forgets() {
				t.Error("the ledger is taken for damaged")
			}
		})
	}
}

// TestAStateIsNotPutAsideTwice: a start that is killed after it marked a state finds its own mark.
func TestAStateIsNotPutAsideTwice(t *testing.T) {
	dir := t.TempDir()
	storeOf(t, dir)
	path := filepath.Join(streamsIn(dir), "EV_splunk", "obs", "ticket", "o.dat")
	if err := os.WriteFile(path, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, options := logged()
	engine := &Engine{}
	options(&engine.opts)
	engine.opts.Dir, engine.log, engine.now = dir, engine.opts.Log, frameworktest.Start
	for range 3 {
		if err := engine.rejectTorn(); err != nil {
			t.Fatal(err)
		}
	}
	times, err := folders(filepath.Join(dir, damagedDir))
	if err != nil || len(times) != 1 || len(putAsideWith(t, dir, []byte("torn"))) != 1 {
		t.Errorf("%v, %v", times, err)
	}
}

func TestAChecksumThatCannotBeReadSaysNothingAboutAState(t *testing.T) {
	for name, spoil := range map[string]func(sum string) error{
		"empty":       func(sum string) error { return os.Truncate(sum, 0) },
		"cut short":   func(sum string) error { return os.Truncate(sum, 7) },
		"half zeroes": func(sum string) error { return os.WriteFile(sum, make([]byte, 32), 0o600) },
		"a loop of links": func(sum string) error {
			if err := os.Remove(sum); err != nil {
				return err
			}
			return os.Symlink(stateSum, sum)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			events, jobs := storeOf(t, dir)
			if err := spoil(filepath.Join(dir, copiesDir, "EV_splunk", "obs", "ticket", stateSum)); err != nil {
				t.Fatal(err)
			}
			log, options := logged()
			engine := open(t, dir, options)
			run(t, engine, onAlert("ticket", jobs))
			for _, event := range events {
				untilState(t, engine, event.ID, framework.RunDone)
			}
			if strings.Contains(log.String(), "made anew") || isThere(filepath.Join(dir, damagedDir)) {
				t.Errorf("a sound state is refused:\n%s", log.String())
			}
		})
	}
}

// TestChecksumsAreThereOnlyWhileNoServerRuns: one that came back after a power cut would refuse what the server has written since.
func TestChecksumsAreThereOnlyWhileNoServerRuns(t *testing.T) {
	dir := t.TempDir()
	_, jobs := storeOf(t, dir)
	sum := filepath.Join(dir, copiesDir, "EV_splunk", "obs", "ticket", stateSum)
	if text, err := os.ReadFile(sum); err != nil || len(text) != 32 {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	engine := open(t, dir, killOptions)
	if isThere(sum) {
		t.Error("it is there while a server runs")
	}
	run(t, engine, onAlert("ticket", jobs))
	closeEngine(t, engine)
	left, err := filepath.Glob(filepath.Join(dir, copiesDir, "*", "*", "*", "*.new"))
	if err != nil || !isThere(sum) || len(left) > 0 {
		t.Errorf("it is not written, or leaves something: %v, %v", left, err)
	}
}
