//go:build unix

package engine

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestABlockThatIsNoFileIsRefusedByName: the server would read through a link, which the check would not see: it would put
// something else in its place, or tell of messages that are there as gone.
func TestABlockThatIsNoFileIsRefusedByName(t *testing.T) {
	pattern, _ := blockStore(t, true)
	numbers, err := blockNumbers(filepath.Dir(blockPath(pattern, "EV_splunk", 1)))
	if err != nil {
		t.Fatal(err)
	}
	link := func(path string) error {
		away := filepath.Join(t.TempDir(), "away")
		return errors.Join(copyFile(path, away), os.Remove(path), os.Symlink(away, path))
	}
	for _, c := range []struct {
		name   string
		number int
		do     func(path string) error
		want   string
	}{
		{"a link in the middle", 2, link, "2.blk is a link: move the file that it leads to there"},
		{"a link in the last place", numbers[len(numbers)-1], link, ".blk is a link"},
		{"a pipe", 3, func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) }, "3.blk is no file"},
		{"a folder", 3, func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, "3.blk is no file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := killedCopy(t, pattern)
			path := blockPath(dir, "EV_splunk", c.number)
			if err := c.do(path); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			engine, err := Open(t.Context(), Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now})
			if err == nil {
				closeEngine(t, engine)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v", err)
			}
			if after, err := os.Lstat(path); err != nil || after.Mode() != before.Mode() {
				t.Errorf("something else is in its place: %v, %v", after, err)
			}
		})
	}
}

// TestTheKeeperOfAPlaceReplacesNothing: what is there was not looked at.
func TestTheKeeperOfAPlaceReplacesNothing(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "2.blk")
	if err := os.WriteFile(path, []byte("there"), 0o600); err != nil {
		t.Fatal(err)
	}
	found := &injury{stream: "EV_splunk", next: 2, last: 1, end: 5}
	if err := found.repair(folder, t.TempDir(), time.Now()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "there" {
		t.Errorf("%q, %v", got, err)
	}
}
