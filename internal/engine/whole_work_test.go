package engine

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"funnelweb/framework"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestDamageThatAStartDidNotSeeCostsWhatItHit: the server meets it when it reads that message.
func TestDamageThatAStartDidNotSeeCostsWhatItHit(t *testing.T) {
	pattern, all := blockStore(t, false)
	dir := copyStore(t, pattern)
	if err := tamper(dir, 2, false); err != nil {
		t.Fatal(err)
	}
	log := new(lockedBuffer)
	engine := open(t, dir, func(o *Options) {
		killOptions(o)
		o.mendEvery = 10 * time.Millisecond
		o.Log = slog.New(slog.NewJSONHandler(log, nil))
	})
	if strings.Contains(log.String(), "records of the store are damaged") {
		t.Fatal("it was read at the start")
	}
	run(t, engine, onAlert("ticket", &action{}))
	if _, err := engine.Event(t.Context(), all[1].ID); err == nil {
		t.Error("an event that is damaged is served")
	}
	until(t, "it is repaired", func() bool {
		return strings.Count(log.String(), "records of the store are damaged; they are left out") == 1
	})
	for _, n := range []int{0, 2, 3} {
		until(t, "it is there again", func() bool {
			_, err := engine.Event(t.Context(), all[n].ID)
			return err == nil
		})
		untilState(t, engine, all[n].ID, framework.RunDone)
	}
	if noted := readWhole(dir, alertBlocks); noted.Doubted {
		t.Error("what was checked is still doubted")
	}
}

func TestBlocksThatTheServerFilledAreNotedWhileItWorks(t *testing.T) {
	dir, _ := blockStore(t, false)
	engine := open(t, dir, func(o *Options) { o.mendEvery = 10 * time.Millisecond })
	stream, err := engine.streams.of(t.Context(), "splunk")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 { // blocks are of 8 MB
		event, err := framework.NewEvent("splunk.alert", "large "+strconv.Itoa(n), map[string]string{"text": strings.Repeat("x", 9<<19)})
		if err != nil {
			t.Fatal(err)
		}
		publish(t, engine, event)
	}
	isNoted := func(number int) bool {
		_, noted := readWhole(dir, alertBlocks).Blocks[number]
		return noted
	}
	until(t, "the fourth is noted too", func() bool { return isNoted(4) })
	if diff := cmp.Diff(wholeBlock{Top: 4, Messages: 1, First: 4, Last: 4}, readWhole(dir, alertBlocks).Blocks[4], cmpopts.IgnoreFields(wholeBlock{}, "File")); diff != "" {
		t.Error(diff)
	}
	if err := stream.DeleteMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	until(t, "a block of which nothing is left is not missed", func() bool { return !isNoted(2) })
}

// TestWhatTheServerCutsOffAtWorkIsToldOf: where the length of a record is damaged, and no start saw it, the server cuts the file
// off when it reads a message of it, and what is left is whole.
func TestWhatTheServerCutsOffAtWorkIsToldOf(t *testing.T) {
	dir, all := blockStore(t, false)
	folder := filepath.Dir(blockPath(dir, alertBlocks, 1))
	both, err := readBlock(folder, alertBlocks, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := len(both.content)
	next, err := readBlock(folder, alertBlocks, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	both.content = append(both.content, both.rekeyed(t, next.content)...)
	err = errors.Join(os.WriteFile(both.path, both.content, 0o600), os.Remove(next.path), os.Remove(filepath.Join(folder, "index.db")),
		os.Remove(filepath.Join(dir, copiesDir, alertBlocks, wholeFile)))
	if err != nil {
		t.Fatal(err)
	}
	closeEngine(t, open(t, dir, killOptions))
	both.content[at+1] ^= 0x40
	if err := os.WriteFile(both.path, both.content, 0o600); err != nil {
		t.Fatal(err)
	}
	noted := readWhole(dir, alertBlocks)
	block := noted.Blocks[2]
	if block.File, err = stampOf(both.path); err != nil || block.Last != 3 {
		t.Fatal(block, err)
	}
	noted.Blocks[2] = block
	if err := writeWhole(dir, alertBlocks, noted); err != nil {
		t.Fatal(err)
	}
	log := new(lockedBuffer)
	engine := open(t, dir, func(o *Options) {
		killOptions(o)
		o.mendEvery = 10 * time.Millisecond
		o.Log = slog.New(slog.NewJSONHandler(log, nil))
	})
	run(t, engine, onAlert("ticket", &action{}))
	until(t, "it is told", func() bool { return strings.Contains(log.String(), `"sequences":"3-3"`) })
	for _, n := range []int{0, 1, 3} {
		until(t, "it is there again", func() bool {
			_, err := engine.Event(t.Context(), all[n].ID)
			return err == nil
		})
		untilState(t, engine, all[n].ID, framework.RunDone)
	}
}
