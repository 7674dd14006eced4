package engine

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestALostQueueIsMadeAnewAndMissesNothing(t *testing.T) {
	var log lockedBuffer
	dir := t.TempDir()
	quiet := func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) }
	engine := open(t, dir, quiet)
	older := alert(t, "from before the automation")
	publish(t, engine, older)
	begun, release := make(chan struct{}, 9), make(chan struct{})
	ticket, blocked := &action{}, slow(begun, release)
	run(t, engine, onAlert("ticket", ticket), onAlert("slow", blocked))
	first, second, third := alert(t, "first"), alert(t, "second"), alert(t, "third")
	publish(t, engine, first)
	until(t, "it is done once", func() bool { return runsOf(t, engine, first.ID)[0].State == framework.RunDone })
	<-begun

	stream, _ := engine.streams.known("splunk")
	for _, name := range []string{"ticket", "slow"} {
		if err := stream.DeleteConsumer(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, engine, second) // while there is no queue
	close(release)
	for _, event := range []framework.Event{first, second} {
		untilState(t, engine, event.ID, framework.RunDone, framework.RunDone)
	}
	closeEngine(t, engine)
	if diff := cmp.Diff([]int{1, 1}, ticket.attempts()); diff != "" {
		t.Errorf("what was done is not done again: %s", diff)
	}
	for text, want := range map[string]int{"queue is out of order": 2, "queue works again": 2} {
		if n := strings.Count(log.String(), text); n != want {
			t.Errorf("the log says %q %d times, not %d", text, n, want)
		}
	}

	engine = open(t, dir, nil) // the store refuses to change where a queue began
	run(t, engine, onAlert("ticket", ticket), onAlert("slow", &action{}))
	publish(t, engine, third)
	untilState(t, engine, third.ID, framework.RunDone, framework.RunDone)
	if runs := runsOf(t, engine, older.ID); len(runs) != 0 {
		t.Errorf("runs of an older event: %v", runs)
	}
	if n := len(ticket.attempts()); n != 3 {
		t.Errorf("%d attempts", n)
	}
}

// lose deletes a stream. Nobody may make it anew meanwhile, or the store would delete the new one's files.
func lose(t *testing.T, engine *Engine, source string) {
	t.Helper()
	engine.streams.making.Lock()
	defer engine.streams.making.Unlock()
	if err := engine.js.DeleteStream(t.Context(), streamPrefix+source); err != nil {
		t.Fatal(err)
	}
}

func TestALostStreamIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	ticket := &action{}
	run(t, engine, onAlert("ticket", ticket))
	again, after := alert(t, "delivered again"), alert(t, "after")
	publish(t, engine, again)
	untilState(t, engine, again.ID, framework.RunDone)
	lose(t, engine, "splunk")
	until(t, "events are taken again", func() bool {
		_, err := engine.Publish(t.Context(), after)
		return err == nil
	})
	untilState(t, engine, after.ID, framework.RunDone)
	publish(t, engine, again) // nobody knows any more that it was there before
	until(t, "it is done again", func() bool { return len(ticket.attempts()) == 3 })
	untilState(t, engine, again.ID, framework.RunDone)
	closeEngine(t, engine)

	engine = open(t, dir, nil) // the stream's first place is no reason to refuse or to purge it
	for _, event := range []framework.Event{again, after} {
		untilState(t, engine, event.ID, framework.RunDone)
	}
}

func TestALostStreamWithoutQueuesIsMadeAnew(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	publish(t, engine, alert(t, "first"))
	lose(t, engine, "splunk")
	if _, err := engine.Publish(t.Context(), alert(t, "second")); err == nil {
		t.Error("an event was stored nowhere")
	}
	publish(t, engine, alert(t, "second"))
	stream, err := engine.streams.remake(t.Context(), "splunk") // it is there: nothing is made
	if err != nil {
		t.Fatal(err)
	}
	if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 1 {
		t.Errorf("state %+v, error %v", info.State, err)
	}
}
