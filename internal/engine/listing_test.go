package engine

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"funnelweb/framework"
)

func TestADamagedEntryDoesNotHideTheOthers(t *testing.T) {
	var log lockedBuffer
	engine := open(t, t.TempDir(), func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	store := func(subject string) {
		t.Helper()
		if _, err := engine.js.Publish(t.Context(), subject, []byte(`{"id":`)); err != nil {
			t.Fatal(err)
		}
	}
	first, second := alert(t, "first"), alert(t, "second")
	publish(t, engine, first)
	store("ev.splunk.alert.splunk-damaged")
	publish(t, engine, second)
	for _, id := range []string{"a", "b"} {
		if err := engine.bury(t.Context(), letter{DeadLetter: framework.DeadLetter{ID: id}}); err != nil {
			t.Fatal(err)
		}
		store("dlq.damaged" + id)
	}
	for range 3 {
		events, err := engine.Recent(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{second.ID, first.ID}, ids(events)); diff != "" {
			t.Error(diff)
		}
		var letters []string
		for _, letter := range lettersOf(t, engine) {
			letters = append(letters, letter.ID)
		}
		if diff := cmp.Diff([]string{"a", "b"}, letters); diff != "" {
			t.Error(diff)
		}
	}
	if letters, err := engine.DeadLetters(t.Context(), 2); err != nil || len(letters) != 2 {
		t.Errorf("the limit counts damaged letters: %v, error %v", letters, err)
	}
	for _, subject := range []string{"ev.splunk.alert.splunk-damaged", "dlq.damageda", "dlq.damagedb"} {
		if n := strings.Count(log.String(), `"entry":"`+subject); n != 1 {
			t.Errorf("the log tells of %s %d times", subject, n)
		}
	}
}

func TestTheLogOfDamagedEntriesIsBounded(t *testing.T) {
	var log lockedBuffer
	d := damaged{log: slog.New(slog.NewJSONHandler(&log, nil))}
	for range 2 {
		for n := range maxDamaged + 10 {
			d.tell("dlq."+strconv.Itoa(n), uint64(n), errFull)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != maxDamaged {
		t.Errorf("%d lines", n)
	}
}

func ids(events []framework.Event) []string {
	var got []string
	for _, event := range events {
		got = append(got, event.ID)
	}
	return got
}

func TestRecentReadsLittleMoreThanItReturns(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	var want []string
	for n := range 5 {
		event := alert(t, strconv.Itoa(n))
		publish(t, engine, event)
		want = append([]string{event.ID}, want...)
	}
	for n := range 300 { // replays, and gaps that finished ones leave
		ack, err := engine.js.Publish(t.Context(), "redo.splunk.ticket.splunk-x."+strconv.Itoa(n), []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if stream, _ := engine.streams.known("splunk"); n%2 == 0 {
			if err := stream.DeleteMsg(t.Context(), ack.Sequence); err != nil {
				t.Fatal(err)
			}
		}
	}
	stream, _ := engine.streams.known("splunk")
	counted := &counting{Stream: stream}
	events, err := engine.recent(t.Context(), counted, "ev.splunk.>", 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[:3], ids(events)); diff != "" {
		t.Error(diff)
	}
	if counted.gets > 20 {
		t.Errorf("%d reads for 3 events", counted.gets)
	}
}

// counting counts how often a stream is read.
type counting struct {
	jetstream.Stream

	gets int
}

func (c *counting) GetMsg(ctx context.Context, seq uint64, opts ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	c.gets++
	return c.Stream.GetMsg(ctx, seq, opts...)
}

func TestRecentIsTheEndOfAnyStream(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.syncStore = func() error { return nil } })
	source := 0
	rapid.Check(t, func(rt *rapid.T) {
		source++
		name := "s" + strconv.Itoa(source)
		stream, err := engine.streams.of(t.Context(), name)
		if err != nil {
			rt.Fatal(err)
		}
		var want []string // newest first
		for n, kind := range rapid.SliceOfN(rapid.SampledFrom([]string{"event", "replay", "gap"}), 0, 60).Draw(rt, "messages") {
			id := name + "-" + strconv.Itoa(n)
			subject := "ev." + name + ".alert." + id
			if kind != "event" {
				subject = "redo." + name + ".ticket." + id + ".1"
			}
			ack, err := engine.js.Publish(t.Context(), subject, []byte(`{"id":"`+id+`","data":null}`))
			if err != nil {
				rt.Fatal(err)
			}
			switch kind {
			case "event":
				want = append([]string{id}, want...)
			case "gap":
				if err := stream.DeleteMsg(t.Context(), ack.Sequence); err != nil {
					rt.Fatal(err)
				}
			}
		}
		limit := rapid.IntRange(0, 10).Draw(rt, "limit")
		events, err := engine.recent(t.Context(), stream, "ev."+name+".>", limit)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want[:min(limit, len(want))], ids(events), cmpopts.EquateEmpty()); diff != "" {
			rt.Error(diff)
		}
	})
}
