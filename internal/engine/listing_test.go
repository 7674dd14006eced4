package engine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"funnelweb/framework"
)

// eventsOf returns the ids of the newest events.
func eventsOf(tb testing.TB, engine *Engine, limit int) []string {
	tb.Helper()
	events, _, err := engine.Events(tb.Context(), framework.EventFilter{}, framework.Page{Limit: limit})
	if err != nil {
		tb.Fatal(err)
	}
	return summaryIDs(events)
}

func summaryIDs(events []framework.EventSummary) []string {
	ids := []string{}
	for _, event := range events {
		ids = append(ids, event.ID)
	}
	return ids
}

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
		store(letterPrefix + ".damaged" + id)
	}
	store("audit.damaged.begun")
	for range 3 {
		if diff := cmp.Diff([]string{second.ID, first.ID}, eventsOf(t, engine, 10)); diff != "" {
			t.Error(diff)
		}
		var letters []string
		for _, letter := range lettersOf(t, engine) {
			letters = append(letters, letter.ID)
		}
		if diff := cmp.Diff([]string{"a", "b"}, letters); diff != "" {
			t.Error(diff)
		}
		if entries, next, err := engine.Audit(t.Context(), framework.Page{Limit: 9}); err != nil || len(entries) != 0 || next != "" {
			t.Errorf("audit %v, next %q, error %v", entries, next, err)
		}
	}
	if two, _, err := engine.DeadLetters(t.Context(), framework.LetterFilter{}, framework.Page{Limit: 2}); err != nil || len(two) != 2 {
		t.Errorf("the limit counts damaged letters: %v, error %v", two, err)
	}
	for _, subject := range []string{"ev.splunk.alert.splunk-damaged", "dlq.damageda", "dlq.damagedb", "audit.damaged.begun"} {
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

// at publishes an alert that was accepted some minutes after a fixed time.
func at(t *testing.T, engine *Engine, eventType, key string, minutes int) framework.Event {
	t.Helper()
	event, err := framework.NewEvent(eventType, key, map[string]string{"key": key})
	if err != nil {
		t.Fatal(err)
	}
	event.Time = time.Date(2026, 11, 20, 0, minutes, 0, 0, time.UTC)
	publish(t, engine, event)
	return event
}

func TestEventsAreFilteredByWhatTheyAreAndByTime(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	names := map[string]string{}
	add := func(eventType, name string, minutes int) { names[at(t, engine, eventType, name, minutes).ID] = name }
	add("splunk.alert", "a0", 0)
	add("splunk.finding", "f1", 1)
	add("jira.issue_created", "j2", 2)
	add("splunk.alert", "a3", 3)
	add("jira.issue_created", "j4", 4)
	add("splunk.alert", "a90", 90)
	add("splunk.alert", "late", 5) // accepted by a replica whose clock is behind
	minute := func(n int) time.Time { return time.Date(2026, 11, 20, 0, n, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		filter framework.EventFilter
		want   []string
	}{
		"all, each source in its own order": {framework.EventFilter{}, []string{"late", "a90", "j4", "a3", "j2", "f1", "a0"}},
		"a source":                          {framework.EventFilter{Source: "jira"}, []string{"j4", "j2"}},
		"an unknown source":                 {framework.EventFilter{Source: "github"}, []string{}},
		"a type":                            {framework.EventFilter{Type: "splunk.alert"}, []string{"late", "a90", "a3", "a0"}},
		"a type and another source":         {framework.EventFilter{Type: "splunk.alert", Source: "jira"}, []string{}},
		"no type":                           {framework.EventFilter{Type: ">"}, []string{}},
		"since":                             {framework.EventFilter{Since: minute(3)}, []string{"late", "a90", "j4", "a3"}},
		"until":                             {framework.EventFilter{Until: minute(3)}, []string{"j2", "f1", "a0"}},
		"between":                           {framework.EventFilter{Since: minute(1), Until: minute(4)}, []string{"a3", "j2", "f1"}},
		"from a time to itself":             {framework.EventFilter{Since: minute(1), Until: minute(1)}, []string{}},
		"since the future":                  {framework.EventFilter{Since: minute(10_000)}, []string{}},
		"until before all":                  {framework.EventFilter{Until: minute(-10_000)}, []string{}},
		"in another zone":                   {framework.EventFilter{Since: minute(3).In(time.FixedZone("", 3600)), Source: "splunk"}, []string{"late", "a90", "a3"}},
	} {
		for _, limit := range []int{1, 2, 100} {
			var got []string
			for cursor, pages := "", 0; ; pages++ {
				events, next, err := engine.Events(t.Context(), c.filter, framework.Page{Limit: limit, Cursor: cursor})
				if err != nil || pages > 20 || len(events) > limit {
					t.Fatalf("%s: page %d of %d events, error %v", name, pages, len(events), err)
				}
				for _, event := range events {
					got = append(got, names[event.ID])
				}
				if cursor = next; next == "" {
					break
				}
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s, %d a page: %s", name, limit, diff)
			}
		}
	}
}

func TestEventsAreFilteredByTheirRuns(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.Retry.First, o.Retry.Max = time.Hour, time.Hour })
	ticket := byKey(t, map[string]func(context.Context) error{
		"dead": func(context.Context) error { return forbidden() }, "retrying": func(context.Context) error { return down() },
	})
	archive := onAlert("archive", &action{})
	archive.When = func(event framework.Event) (bool, error) { return event.ID == alert(t, "done").ID, nil }
	run(t, engine, onAlert("ticket", ticket), archive)
	names := map[string]string{}
	for _, key := range []string{"done", "dead", "retrying"} {
		publish(t, engine, alert(t, key))
		names[alert(t, key).ID] = key
	}
	issue, err := framework.NewEvent("jira.issue_created", "x", "x")
	if err != nil {
		t.Fatal(err)
	}
	publish(t, engine, issue)
	names[issue.ID] = "issue"
	untilState(t, engine, alert(t, "done").ID, framework.RunDone, framework.RunDone)
	untilState(t, engine, alert(t, "dead").ID, framework.RunDead, framework.RunSkipped)
	untilState(t, engine, alert(t, "retrying").ID, framework.RunRetrying, framework.RunSkipped)
	for name, c := range map[string]struct {
		filter framework.EventFilter
		want   []string
	}{
		"none":                             {framework.EventFilter{}, []string{"issue", "retrying", "dead", "done"}},
		"a state":                          {framework.EventFilter{State: framework.RunDead}, []string{"dead"}},
		"a state that a run is in":         {framework.EventFilter{State: framework.RunSkipped}, []string{"retrying", "dead"}},
		"a state that none is in":          {framework.EventFilter{State: framework.RunRunning}, nil},
		"an automation":                    {framework.EventFilter{Automation: "ticket"}, []string{"retrying", "dead", "done"}},
		"an automation that there is not":  {framework.EventFilter{Automation: "nosuch"}, nil},
		"both: a run of that automation":   {framework.EventFilter{Automation: "archive", State: framework.RunDone}, []string{"done"}},
		"both, in runs that are different": {framework.EventFilter{Automation: "archive", State: framework.RunDead}, nil},
	} {
		events, _, err := engine.Events(t.Context(), c.filter, framework.Page{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, event := range events {
			got = append(got, names[event.ID])
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAListOfMuchIsManyShortCalls(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.syncStore = func() error { return nil } })
	const events = 2500 // the runs of each are read, and a call reads those of 1000 at most
	batch := []framework.Event{}
	for n := range events {
		batch = append(batch, alert(t, strconv.Itoa(n)))
	}
	publish(t, engine, batch...)
	calls, found := 0, 0
	for cursor := ""; calls == 0 || cursor != ""; calls++ {
		page, next, err := engine.Events(t.Context(), framework.EventFilter{State: framework.RunDead}, framework.Page{Limit: 500, Cursor: cursor})
		if err != nil || calls > 10 {
			t.Fatalf("call %d: %v", calls, err)
		}
		found += len(page)
		cursor = next
	}
	if calls < 2 || found != 0 {
		t.Errorf("%d calls found %d", calls, found)
	}
}

func TestACursorThatTheListDidNotGiveIsRefused(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	for n := range 3 {
		publish(t, engine, alert(t, strconv.Itoa(n)))
	}
	_, good, err := engine.Events(t.Context(), framework.EventFilter{}, framework.Page{Limit: 1})
	if err != nil || good == "" {
		t.Fatalf("cursor %q, error %v", good, err)
	}
	list := func(cursor string) []error {
		page := framework.Page{Limit: 1, Cursor: cursor}
		_, _, letters := engine.DeadLetters(t.Context(), framework.LetterFilter{}, page)
		_, _, audit := engine.Audit(t.Context(), page)
		_, _, changes := engine.Changes(t.Context(), framework.EventFilter{}, cursor, 0)
		_, replay := engine.ReplayAll(t.Context(), framework.Act{}, framework.LetterFilter{}, page)
		_, count := engine.CountLetters(t.Context(), framework.LetterFilter{}, page)
		return []error{letters, audit, changes, replay, count}
	}
	for name, cursor := range map[string]string{
		"of another list": good, "text": "page-2", "not base64": "!!", "cut off": good[:len(good)-3], "too long": strings.Repeat("A", maxCursor+1),
		"null": "bnVsbA", "without places": "eyJsIjoiZXZlbnRzIn0",
	} {
		errs := list(cursor)
		if cursor != good {
			_, _, err := engine.Events(t.Context(), framework.EventFilter{}, framework.Page{Limit: 1, Cursor: cursor})
			errs = append(errs, err)
		}
		for i, err := range errs {
			if !errors.Is(err, framework.ErrCursor) {
				t.Errorf("%s, list %d: %v", name, i, err)
			}
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(cursor{"events", map[string]uint64{"splunk": 7}}.String())
	f.Add("bnVsbA")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := parseCursor("events", text)
		if err != nil {
			return
		}
		again, err := parseCursor("events", found.String())
		if err != nil || cmp.Diff(found, again) != "" {
			t.Errorf("%q becomes %v, then %v, %v", text, found, again, err)
		}
	})
}

func TestReadingBackwardsReadsLittleMoreThanItReturns(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	var want []string
	for n := range 5 {
		event := alert(t, strconv.Itoa(n))
		publish(t, engine, event)
		want = append([]string{event.ID}, want...)
	}
	for n := range 3000 { // replays, and gaps that finished ones leave
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
	got := backwards(t, counted, "ev.splunk.>", 3)
	if diff := cmp.Diff(want[:3], got); diff != "" {
		t.Error(diff)
	}
	if counted.gets > 30 {
		t.Errorf("%d reads for 3 events", counted.gets)
	}
}

func TestAStretchThatHoldsMuchIsNotReadToItsEnd(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.syncStore = func() error { return nil } })
	batch := []framework.Event{}
	for n := range 2000 {
		batch = append(batch, alert(t, strconv.Itoa(n)))
	}
	publish(t, engine, batch...)
	for n := range 4000 { // behind this many replays the stretches are long
		if _, err := engine.js.Publish(t.Context(), "redo.splunk.ticket.splunk-x."+strconv.Itoa(n), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	stream, _ := engine.streams.known("splunk")
	counted := &counting{Stream: stream}
	got := backwards(t, counted, "ev.splunk.>", 3)
	if diff := cmp.Diff([]string{batch[1999].ID, batch[1998].ID, batch[1997].ID}, got); diff != "" {
		t.Error(diff)
	}
	if counted.gets > 3*maxStretch {
		t.Errorf("%d reads for 3 events", counted.gets)
	}
}

// backwards returns the ids of the last events.
func backwards(tb interface {
	Context() context.Context
	Fatal(args ...any)
}, stream jetstream.Stream, subject string, limit int,
) []string {
	reader, err := newBackward(tb.Context(), stream, subject, 0, listBudget())
	if err != nil {
		tb.Fatal(err)
	}
	ids := []string{}
	for len(ids) < limit {
		message, err := reader.read(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		if message == nil {
			break
		}
		ids = append(ids, idIn(message.Subject))
	}
	return ids
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

func TestReadingBackwardsGivesAnyStreamFromItsEnd(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.syncStore = func() error { return nil } })
	source := 0
	rapid.Check(t, func(rt *rapid.T) {
		source++
		name := "s" + strconv.Itoa(source)
		stream, err := engine.streams.of(t.Context(), name)
		if err != nil {
			rt.Fatal(err)
		}
		want := []string{} // newest first
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
		limit := rapid.IntRange(0, 60).Draw(rt, "limit")
		if diff := cmp.Diff(want[:min(limit, len(want))], backwards(rt, stream, "ev."+name+".>", limit)); diff != "" {
			rt.Error(diff)
		}
	})
}
