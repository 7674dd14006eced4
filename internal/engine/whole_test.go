package engine

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const alertBlocks = "EV_splunk"

// tamper changes a byte in the last record of a block, and, unless it is to be seen, notes the file as it is then: a bit that
// flips on the disk changes no time, and a test cannot set the time of change.
func tamper(dir string, number int, seen bool) error {
	path, noted := blockPath(dir, alertBlocks, number), readWhole(dir, alertBlocks)
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	content[bytes.LastIndex(content, []byte("Malware found"))] ^= 0x2a
	if err := os.WriteFile(path, content, 0o600); err != nil || seen {
		return err
	}
	block, known := noted.Blocks[number]
	if !known {
		return fmt.Errorf("block %d is not noted", number)
	}
	if block.File, err = stampOf(path); err != nil {
		return err
	}
	noted.Blocks[number] = block
	return writeWhole(dir, alertBlocks, noted)
}

// checked are the blocks of the events that a check of a closed store takes for damaged.
func checked(t *testing.T, dir string) []int {
	t.Helper()
	found, err := examine(dir, alertBlocks)
	if err != nil {
		t.Fatal(err)
	}
	return found.damaged
}

func TestABlockIsReadUnlessItIsAsItWasNoted(t *testing.T) {
	pattern, _ := blockStore(t, false)
	for _, c := range []struct {
		name string
		do   func(dir string) error
		want []int
	}{
		{"nothing was changed", func(string) error { return nil }, nil},
		{"what is noted was changed, and nobody can see it", func(dir string) error { return tamper(dir, 2, false) }, nil},
		{"what is noted was changed", func(dir string) error { return tamper(dir, 2, true) }, []int{2}},
		{"its time was set back", func(dir string) error {
			info, err := os.Stat(blockPath(dir, alertBlocks, 2))
			if err != nil {
				return err
			}
			return errors.Join(tamper(dir, 2, true), os.Chtimes(blockPath(dir, alertBlocks, 2), info.ModTime(), info.ModTime()))
		}, []int{2}},
		{"the last, which is not noted", func(dir string) error { return tamper(dir, 4, true) }, []int{4}},
		{"the server's summary is gone", func(dir string) error {
			return errors.Join(tamper(dir, 2, false), os.Remove(filepath.Join(filepath.Dir(blockPath(dir, alertBlocks, 1)), "index.db")))
		}, []int{2}},
		{"the server's summary is older than the last block", func(dir string) error {
			last, err := readBlock(filepath.Dir(blockPath(dir, alertBlocks, 4)), alertBlocks, 4, nil)
			if err != nil {
				return err
			}
			more := append(last.content, last.message(5, "ev.splunk.alert.new", []byte("{}"))...)
			return errors.Join(tamper(dir, 2, false), os.WriteFile(last.path, more, 0o600))
		}, []int{2}},
		{"something else is damaged", func(dir string) error {
			return errors.Join(tamper(dir, 2, false), tamper(dir, 3, true))
		}, []int{2, 3}},
		{"the note is gone", func(dir string) error {
			return errors.Join(tamper(dir, 2, false), os.Remove(filepath.Join(dir, copiesDir, alertBlocks, wholeFile)))
		}, []int{2}},
		{"the note is damaged", func(dir string) error {
			note := filepath.Join(dir, copiesDir, alertBlocks, wholeFile)
			err := tamper(dir, 2, false)
			content, readErr := os.ReadFile(note)
			return errors.Join(err, readErr, os.WriteFile(note, bytes.Replace(content, []byte(`"last":3`), []byte(`"last":4`), 1), 0o600))
		}, []int{2}},
		{"the server has met damage", func(dir string) error {
			return errors.Join(tamper(dir, 2, false), doubtWhole(dir))
		}, []int{2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := copyStore(t, pattern)
			if err := c.do(dir); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, checked(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// copyStore copies a closed store, with what is noted of its blocks: the copies are other files.
func copyStore(t *testing.T, pattern string) (dir string) {
	t.Helper()
	dir = killedCopy(t, pattern)
	if err := repairStore(dir, time.Now(), slog.New(slog.NewTextHandler(t.Output(), nil))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestACopyOfAStoreIsRead(t *testing.T) {
	pattern, _ := blockStore(t, false)
	dir := killedCopy(t, pattern)
	found, err := examine(dir, alertBlocks)
	if err != nil || found.believed || found.isHurt() {
		t.Errorf("believed: %t, hurt: %t, %v", found.believed, found.isHurt(), err)
	}
	if err := repairStore(dir, time.Now(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if found, err := examine(dir, alertBlocks); err != nil || !found.believed {
		t.Errorf("the second start reads it again, %v", err)
	}
}

// TestABlockThatIsCutOffAtARecordIsMissed: nothing in the file is damaged.
func TestABlockThatIsCutOffAtARecordIsMissed(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(streamsIn(dir), alertBlocks, "msgs")
	made := blocksWith(t, folder, alertBlocks, 3, 4)
	log := new(lockedBuffer)
	repair := func() {
		t.Helper()
		if err := repairStore(dir, time.Now(), slog.New(slog.NewJSONHandler(log, nil))); err != nil {
			t.Fatal(err)
		}
	}
	repair()
	if noted := readWhole(dir, alertBlocks).Blocks; len(noted) != 2 || log.String() != "" {
		t.Fatal(noted, log.String())
	}
	rest := made[0].without(t, made[0].length(0), len(made[0].content))
	if err := os.Truncate(made[0].path, int64(len(rest))); err != nil {
		t.Fatal(err)
	}
	repair()
	if text := log.String(); !strings.Contains(text, "ERROR") || !strings.Contains(text, `"sequences":"2-4","at_most":3`) {
		t.Error(text)
	}
	if content, err := os.ReadFile(made[0].path); err != nil || !bytes.Equal(content, rest) {
		t.Error("what is left is not kept", err)
	}
	told := log.String()
	repair()
	if log.String() != told {
		t.Error(log.String())
	}
}
