package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"funnelweb/framework"
)

func TestWhatAnUnfinishedTailCostsIsTheTailAlone(t *testing.T) {
	dir := t.TempDir()
	var up atomic.Bool
	jobs := &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		if !up.Load() {
			return framework.Result{}, errors.New("down")
		}
		return framework.Result{Summary: "done"}, nil
	}}
	engine := open(t, dir, killOptions)
	run(t, engine, onAlert("ticket", jobs))
	var events []framework.Event
	for n := range 10 {
		events = append(events, alert(t, strconv.Itoa(n)))
	}
	publish(t, engine, events...)
	until(t, "all were tried", func() bool { return len(jobs.attempts()) >= 20 })
	closeEngine(t, engine)
	block := filepath.Join(dir, "jetstream", "$G", "streams", "EV_splunk", "msgs", "1.blk")
	info, err := os.Stat(block)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(block, info.Size()-19); err != nil {
		t.Fatal(err)
	}
	up.Store(true)
	engine = open(t, dir, killOptions)
	run(t, engine, onAlert("ticket", jobs))
	for _, event := range events[:9] {
		if _, err := engine.Event(t.Context(), event.ID); err != nil {
			t.Errorf("an event that was not hit: %v", err)
			continue
		}
		untilState(t, engine, event.ID, framework.RunDone)
	}
	for n := range 5 { // their places are those of events that were lost
		event := alert(t, "new "+strconv.Itoa(n))
		publish(t, engine, event)
		untilState(t, engine, event.ID, framework.RunDone)
	}
}

// storeOf is a closed store with events in it of which some are done, and the automation's action, which works from now on.
func storeOf(t *testing.T, dir string) (events []framework.Event, jobs *action) {
	t.Helper()
	var up atomic.Bool
	jobs = &action{do: func(_ context.Context, job framework.Job) (framework.Result, error) {
		if !up.Load() && job.Event.ID != events[0].ID {
			return framework.Result{}, errors.New("down")
		}
		return framework.Result{Summary: "done"}, nil
	}}
	for n := range 5 {
		events = append(events, alert(t, strconv.Itoa(n)))
	}
	engine := open(t, dir, killOptions)
	publish(t, engine, alert(t, "before the automation")) // which it does not get, whatever is damaged
	run(t, engine, onAlert("ticket", jobs))
	publish(t, engine, events...)
	untilState(t, engine, events[0].ID, framework.RunDone)
	until(t, "all were tried", func() bool { return len(jobs.attempts()) >= 10 })
	closeEngine(t, engine)
	up.Store(true)
	return events, jobs
}

func TestDamageToWhatDescribesAStreamOrAQueueLosesNothing(t *testing.T) {
	for _, c := range []struct{ name, file string }{
		{"a stream's description", "meta.inf"},
		{"a stream's checksum", "meta.sum"},
		{"a stream's index", "msgs/index.db"},
		{"a queue's description", "obs/ticket/meta.inf"},
		{"a queue's checksum", "obs/ticket/meta.sum"},
		{"a queue's state", "obs/ticket/o.dat"},
	} {
		for _, left := range []int64{0, 5} {
			t.Run(c.name+" cut to "+strconv.FormatInt(left, 10), func(t *testing.T) {
				dir := t.TempDir()
				events, jobs := storeOf(t, dir)
				if err := os.Truncate(filepath.Join(dir, "jetstream", "$G", "streams", "EV_splunk", c.file), left); err != nil {
					t.Fatal(err)
				}
				engine := open(t, dir, killOptions)
				run(t, engine, onAlert("ticket", jobs))
				for _, event := range events {
					untilState(t, engine, event.ID, framework.RunDone)
				}
				done := map[string]int{}
				for _, job := range jobs.jobs {
					if job.Attempt == 1 {
						done[job.Event.ID]++
					}
				}
				if done[events[0].ID] != 1 || done[alert(t, "before the automation").ID] != 0 {
					t.Errorf("a finished event was begun %d times, one from before the automation %d times",
						done[events[0].ID], done[alert(t, "before the automation").ID])
				}
			})
		}
	}
}

// TestFlippedBytesInADescriptionLoseNothing flips one byte in forty of the descriptions of a stream and of a queue, one at a time.
func TestFlippedBytesInADescriptionLoseNothing(t *testing.T) {
	dir := t.TempDir()
	events, jobs := storeOf(t, dir)
	for _, file := range []string{"meta.inf", "obs/ticket/meta.inf"} {
		path := filepath.Join(dir, "jetstream", "$G", "streams", "EV_splunk", file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(text); at += 40 {
			flipped := bytes.Clone(text)
			flipped[at] ^= 0x15
			if err := os.WriteFile(path, flipped, 0o600); err != nil {
				t.Fatal(err)
			}
			engine := open(t, dir, killOptions)
			run(t, engine, onAlert("ticket", jobs))
			for _, event := range events {
				untilState(t, engine, event.ID, framework.RunDone)
			}
			closeEngine(t, engine)
		}
	}
	if attempts := len(jobs.attempts()); attempts > 40 {
		t.Errorf("%d attempts at %d events: finished ones were begun again", attempts, len(events))
	}
}

// TestFlippedBytesInAQueuesStateLoseNothing flips each byte of a queue's state, which has no checksum of the server's.
func TestFlippedBytesInAQueuesStateLoseNothing(t *testing.T) {
	dir := t.TempDir()
	events, jobs := storeOf(t, dir)
	path := filepath.Join(streamsIn(dir), "EV_splunk", "obs", "ticket", "o.dat")
	state, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(state); at += 3 {
		trial := t.TempDir()
		if err := os.CopyFS(trial, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(state)
		flipped[at] ^= 0x15
		if err := os.WriteFile(filepath.Join(trial, strings.TrimPrefix(path, dir)), flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		engine := open(t, trial, killOptions)
		run(t, engine, onAlert("ticket", jobs))
		for _, event := range events {
			untilState(t, engine, event.ID, framework.RunDone)
		}
		closeEngine(t, engine)
	}
}

func TestAQueueWhoseStateWasNotDamagedIsNotMadeAnew(t *testing.T) {
	dir := t.TempDir()
	events, jobs := storeOf(t, dir)
	for range 2 {
		var log lockedBuffer
		engine := open(t, dir, func(o *Options) {
			killOptions(o)
			o.Log = slog.New(slog.NewJSONHandler(&log, nil))
		})
		run(t, engine, onAlert("ticket", jobs))
		for _, event := range events {
			untilState(t, engine, event.ID, framework.RunDone)
		}
		if err := engine.embedded.restart(); err != nil {
			t.Fatal(err)
		}
		closeEngine(t, engine)
		if strings.Contains(log.String(), "made anew") {
			t.Error(log.String())
		}
	}
}

// TestAQueueKnowsAfterARestartSinceWhenItIsThere: made anew it begins there, and an event from before may be waiting.
func TestAQueueKnowsAfterARestartSinceWhenItIsThere(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, killOptions)
	run(t, engine, onAlert("ticket", &action{}))
	first := engine.configured()[0].created
	closeEngine(t, engine)
	engine = open(t, dir, killOptions)
	event := alert(t, "while nothing runs")
	publish(t, engine, event)
	run(t, engine, onAlert("ticket", &action{}))
	if created := engine.configured()[0].created; !created.Equal(first) {
		t.Errorf("made at %s, and then at %s", first, created)
	}
	untilState(t, engine, event.ID, framework.RunDone)
}

func TestAQueuesStateIsWholeOnlyWithItsEnd(t *testing.T) {
	number := func(values ...uint64) (encoded []byte) {
		for _, value := range values {
			encoded = binary.AppendUvarint(encoded, value)
		}
		return encoded
	}
	for name, numbers := range map[string][]byte{
		"nothing waits": number(5, 7, 9, 300, 0, 0),
		"two wait":      number(5, 7, 9, 300, 2, 3_000_000_000, 1, 1, 4, 200, 2, 5, 0),
		"two wait, one of which was delivered again":        number(5, 7, 9, 300, 2, 3_000_000_000, 1, 1, 4, 200, 2, 5, 1, 200, 3),
		"two wait, both of which were delivered many times": number(5, 7, 9, 300, 2, 3_000_000_000, 1, 1, 4, 200, 2, 5, 2, 200, 3, 1, 900),
	} {
		t.Run(name, func(t *testing.T) {
			state := append([]byte{22, 2}, numbers...)
			if !wholeState(state) {
				t.Error("a whole state is refused")
			}
			for size := range state {
				if wholeState(state[:size]) {
					t.Errorf("its first %d of %d bytes are taken for whole", size, len(state))
				}
			}
			if wholeState(append(state, 1)) {
				t.Error("a byte too many is taken")
			}
		})
	}
	if !wholeState([]byte{22, 1, 0}) {
		t.Error("a state of another version is refused: the server knows it")
	}
}

func TestAStoreThatCannotBeRepairedSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	storeOf(t, dir)
	stream := filepath.Join(dir, "jetstream", "$G", "streams", "EV_splunk")
	for _, file := range []string{filepath.Join(stream, "meta.inf"), filepath.Join(dir, copiesDir, "EV_splunk", "meta.inf")} {
		if err := os.Truncate(file, 3); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Open(t.Context(), Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "restore "+dir+" from a backup, or move that folder away") || !strings.Contains(err.Error(), stream) {
		t.Errorf("got %v", err)
	}
	if err := os.Rename(stream, stream+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(stream+".away", filepath.Join(t.TempDir(), "away")); err != nil {
		t.Fatal(err)
	}
	open(t, dir, nil)
}
