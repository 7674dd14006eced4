package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"funnelweb/framework"
)

// rekeyed is a record as it would be in another block.
func (b *block) rekeyed(t *testing.T, record []byte) []byte {
	t.Helper()
	body := record[recordHeader : len(record)-recordSum]
	subject := int(binary.LittleEndian.Uint16(record[20:]))
	b.sum.Reset()
	parts := [][]byte{record[4:20], body}
	if binary.LittleEndian.Uint32(record)&withHeaders != 0 {
		parts = [][]byte{record[4:20], body[:subject], body[subject+4:]}
	}
	for _, part := range parts {
		_, _ = b.sum.Write(part)
	}
	rekeyed := b.sum.Sum(bytes.Clone(record[:len(record)-recordSum]))
	if b.with(rekeyed).record(0) != len(record) {
		t.Fatal("a record that was made for another block is not whole there")
	}
	return rekeyed
}

// split puts each message of a closed store's stream into a block of its own.
func split(t *testing.T, dir, stream string) {
	t.Helper()
	folder := filepath.Dir(blockOf(dir, stream))
	whole, err := readBlock(folder, stream, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	for at, number := 0, 1; at < len(whole.content); number++ {
		size := whole.record(at)
		part, err := newBlock(folder, stream, number, nil)
		if err == nil {
			err = os.WriteFile(part.path, part.rekeyed(t, whole.content[at:at+size]), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		at += size
	}
	if err := os.Remove(filepath.Join(folder, "index.db")); err != nil {
		t.Fatal(err)
	}
}

// isNoted reports whether as many blocks of a stream are noted to be whole.
func isNoted(dir, stream string, count int) bool { return len(readWhole(dir, stream).Blocks) == count }

// blockStore is a store in which events wait and the ledger has entries, each in a block of its own, as a stop in order or a
// kill leaves it.
func blockStore(t *testing.T, killed bool) (dir string, events []framework.Event) {
	t.Helper()
	const count = 4
	dir = t.TempDir()
	engine := open(t, dir, killOptions)
	down := &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		return framework.Result{}, errors.New("down")
	}}
	run(t, engine, onAlert("ticket", down))
	for n := range count {
		events = append(events, alert(t, strconv.Itoa(n+1)))
		publish(t, engine, events[n])
		if _, err := engine.Ledger().Put(t.Context(), "entry"+strconv.Itoa(n+1), []byte("SEC-1"), 0); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "all were tried", func() bool { return len(down.attempts()) >= 2*count })
	closeEngine(t, engine)
	split(t, dir, "EV_splunk")
	split(t, dir, "KV_ledger")
	engine = open(t, dir, func(o *Options) { killOptions(o); o.mendEvery = 10 * time.Millisecond })
	until(t, "it is noted", func() bool { return isNoted(dir, "EV_splunk", count-1) && isNoted(dir, "KV_ledger", count-1) })
	if killed {
		dir = killedCopy(t, dir)
	}
	closeEngine(t, engine)
	return dir, events
}

func blockPath(dir, stream string, number int) string {
	return filepath.Join(streamsIn(dir), stream, "msgs", strconv.Itoa(number)+".blk")
}

func swap(one, other string) error {
	return errors.Join(os.Rename(one, one+".swap"), os.Rename(other, one), os.Rename(one+".swap", other))
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// disorder is what somebody does to the blocks of a stream, of which there are four and one that is written to.
type disorder struct {
	name string
	do   func(dir, stream, other string) error
	lost []int  // which of the events, or entries
	told string // a text in the log
}

func disorders() []disorder {
	const moved, gone = "files of messages were not in their places", "messages of the store are gone"
	return []disorder{
		{"two are swapped", func(dir, stream, _ string) error {
			return swap(blockPath(dir, stream, 1), blockPath(dir, stream, 2))
		}, nil, moved},
		{"three are in each other's places", func(dir, stream, _ string) error {
			return errors.Join(swap(blockPath(dir, stream, 1), blockPath(dir, stream, 2)), swap(blockPath(dir, stream, 2), blockPath(dir, stream, 4)))
		}, nil, moved},
		{"one has another number", func(dir, stream, _ string) error {
			return os.Rename(blockPath(dir, stream, 2), blockPath(dir, stream, 9))
		}, nil, moved},
		{"one has a name that is no number", func(dir, stream, _ string) error {
			return os.Rename(blockPath(dir, stream, 2), filepath.Join(filepath.Dir(blockPath(dir, stream, 2)), "02.blk"))
		}, nil, moved},
		{"the last is in the place of the first, which is overwritten", func(dir, stream, _ string) error {
			return os.Rename(blockPath(dir, stream, 4), blockPath(dir, stream, 1))
		}, []int{1}, moved},
		{"two are those of another stream, swapped", func(dir, stream, other string) error {
			return swap(blockPath(dir, stream, 2), blockPath(dir, other, 3))
		}, nil, moved},
		{"one is a copy of another stream's", func(dir, stream, other string) error {
			return copyFile(blockPath(dir, other, 3), blockPath(dir, stream, 2))
		}, []int{2}, gone},
		{"one is a copy of the next", func(dir, stream, _ string) error {
			return copyFile(blockPath(dir, stream, 3), blockPath(dir, stream, 2))
		}, []int{2}, gone},
		{"one in the middle is empty", func(dir, stream, _ string) error {
			return os.Truncate(blockPath(dir, stream, 2), 0)
		}, []int{2}, gone},
		{"one in the middle is deleted", func(dir, stream, _ string) error {
			return os.Remove(blockPath(dir, stream, 2))
		}, []int{2}, gone},
		{"the first is deleted", func(dir, stream, _ string) error {
			return os.Remove(blockPath(dir, stream, 1))
		}, []int{1}, gone},
		{"the last is empty", func(dir, stream, _ string) error {
			return os.Truncate(blockPath(dir, stream, 4), 0)
		}, []int{4}, gone},
		{"the last is deleted", func(dir, stream, _ string) error {
			return os.Remove(blockPath(dir, stream, 4))
		}, []int{4}, gone},
	}
}

func TestBlocksThatAreNotInTheirPlacesArePutBackAndThoseThatAreGoneAreToldOf(t *testing.T) {
	for _, killed := range []bool{false, true} {
		pattern, events := blockStore(t, killed)
		for _, streams := range [][2]string{{"EV_splunk", "KV_ledger"}, {"KV_ledger", "EV_splunk"}} {
			for _, c := range disorders() {
				name := streams[0] + ": " + c.name
				if killed {
					name += ", after a kill"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					dir := killedCopy(t, pattern)
					if err := c.do(dir, streams[0], streams[1]); err != nil {
						t.Fatal(err)
					}
					c.served(t, dir, streams[0], events)
				})
			}
		}
	}
}

// served opens the store and looks for what must be there.
func (c disorder) served(t *testing.T, dir, stream string, events []framework.Event) {
	t.Helper()
	log, options := logged()
	engine := open(t, dir, options)
	text := log.String()
	if !strings.Contains(text, c.told) || !strings.Contains(text, `"stream":"`+stream+`"`) {
		t.Errorf("it is not told that %s:\n%s", c.told, text)
	}
	lost := map[string]bool{}
	for _, n := range c.lost {
		lost[stream+strconv.Itoa(n)] = true
		if sequences := `"sequences":"` + strconv.Itoa(n) + `-` + strconv.Itoa(n) + `"`; !strings.Contains(text, sequences) {
			t.Errorf("it is not told that %s are lost:\n%s", sequences, text)
		}
	}
	if forgets(engine) != (stream == "KV_ledger" && len(c.lost) > 0) {
		t.Errorf("the ledger forgets: %t", forgets(engine))
	}
	run(t, engine, onAlert("ticket", &action{}))
	for n, event := range events {
		number := strconv.Itoa(n + 1)
		_, _, err := engine.Ledger().Get(t.Context(), "entry"+number)
		if (err != nil) != lost["KV_ledger"+number] {
			t.Errorf("entry %s: %v", number, err)
		}
		_, err = engine.Event(t.Context(), event.ID)
		if (err != nil) != lost["EV_splunk"+number] {
			t.Errorf("event %s: %v", number, err)
		} else if err == nil {
			untilState(t, engine, event.ID, framework.RunDone)
		}
	}
	fresh := alert(t, "new")
	publish(t, engine, fresh)
	untilState(t, engine, fresh.ID, framework.RunDone)
	closeEngine(t, engine)
	log, options = logged()
	closeEngine(t, open(t, dir, options))
	if text := log.String(); strings.Contains(text, "ERROR") || strings.Contains(text, "WARN") {
		t.Errorf("it is told again:\n%s", text)
	}
}

// TestBlocksAreFoundHoweverManyThereWere: their numbers rise for as long as a store is there.
func TestBlocksAreFoundHoweverManyThereWere(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(streamsIn(dir), "EV_splunk", "msgs")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{}
	for sequence, number := range []int{19_998, 19_999, 20_000} {
		made, err := newBlock(folder, "EV_splunk", number, nil)
		if err != nil {
			t.Fatal(err)
		}
		want[made.path] = made.message(uint64(sequence+1), "ev.splunk.alert.a", []byte("{}"))
		if err := os.WriteFile(made.path, want[made.path], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(swap(blockPath(dir, "EV_splunk", 19_998), blockPath(dir, "EV_splunk", 20_000)),
		os.Rename(blockPath(dir, "EV_splunk", 19_999), blockPath(dir, "EV_splunk", 4_000_000_000)))
	if err != nil {
		t.Fatal(err)
	}
	if err := repairStore(dir, time.Now(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	for path, content := range want {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if numbers, err := blockNumbers(folder); err != nil || len(numbers) != 3 {
		t.Error(numbers, err)
	}
}

// TestNothingIsPutOverWhatNobodyKnows: a file under a block's name may be all that there is of something.
func TestNothingIsPutOverWhatNobodyKnows(t *testing.T) {
	junk := bytes.Repeat([]byte("what somebody may want to look at "), 30)
	for name, file := range map[string]string{
		"in the block's place":                      "2.blk",
		"where it waits for its place":              "2.blk.found",
		"in the place of a block that is not there": "7.blk",
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := blockStore(t, true)
			block, err := os.ReadFile(blockPath(dir, "EV_splunk", 2))
			if err != nil {
				t.Fatal(err)
			}
			err = errors.Join(os.Rename(blockPath(dir, "EV_splunk", 2), filepath.Join(filepath.Dir(blockPath(dir, "EV_splunk", 2)), "02.blk")),
				os.WriteFile(filepath.Join(filepath.Dir(blockPath(dir, "EV_splunk", 2)), file), junk, 0o600))
			if err != nil {
				t.Fatal(err)
			}
			if err := repairStore(dir, time.Now(), slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			if kept := putAsideWith(t, dir, junk); len(kept) != 1 {
				t.Errorf("it is kept in %q", kept)
			}
			if got, err := os.ReadFile(blockPath(dir, "EV_splunk", 2)); err != nil || !bytes.Equal(got, block) {
				t.Errorf("the block is not back in its place: %v", err)
			}
		})
	}
}

// TestWhatIsPutAsideIsNotWrittenOver: what takes the place of a file that was put aside may be damaged itself.
func TestWhatIsPutAsideIsNotWrittenOver(t *testing.T) {
	dir, _ := blockStore(t, true)
	junk := bytes.Repeat([]byte("what somebody may want to look at "), 30)
	block, err := os.ReadFile(blockPath(dir, "EV_splunk", 2))
	if err != nil {
		t.Fatal(err)
	}
	damaged := append(block, "damage"...)
	err = errors.Join(os.Remove(blockPath(dir, "EV_splunk", 2)), os.WriteFile(blockPath(dir, "EV_splunk", 9), damaged, 0o600),
		os.WriteFile(blockPath(dir, "EV_splunk", 2), junk, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if err := repairStore(dir, time.Now(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	for _, content := range [][]byte{junk, damaged} {
		if kept := putAsideWith(t, dir, content); len(kept) != 1 {
			t.Errorf("%.20q is kept in %q", content, kept)
		}
	}
}
