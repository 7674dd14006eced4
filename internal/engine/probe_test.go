package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// reason returns why the engine is not ready, or "ready".
func reason(t *testing.T, engine *Engine) string {
	t.Helper()
	err := engine.Ready(t.Context())
	if err == nil {
		return "ready"
	}
	failure, ok := errors.AsType[*framework.ServiceError](err)
	if !ok {
		t.Fatal(err)
	}
	return failure.Reason
}

func TestReadyNoticesAStoreThatCannotWrite(t *testing.T) {
	var clock later
	engine := open(t, t.TempDir(), clock.use)
	if got := reason(t, engine); got != "ready" {
		t.Fatal(got)
	}
	if err := engine.js.DeleteStream(t.Context(), probeStream); err != nil { // no write can succeed
		t.Fatal(err)
	}
	if got := reason(t, engine); got != "ready" { // it was tried a moment ago
		t.Error(got)
	}
	clock.advance(probeEvery)
	for range 2 {
		if got := reason(t, engine); got != unwritable {
			t.Error(got)
		}
	}
	if _, err := engine.js.CreateStream(t.Context(), engine.probeConfig()); err != nil {
		t.Fatal(err)
	}
	clock.advance(probeEvery)
	if got := reason(t, engine); got != "ready" {
		t.Error(got)
	}
}

func TestAProbeLeavesNothingBehind(t *testing.T) {
	var clock later
	engine := open(t, t.TempDir(), clock.use)
	publish(t, engine, alert(t, "first"))
	for range 20 {
		engine.probe.failed([]framework.Event{alert(t, "x")}, errFull)
		clock.advance(probeEvery)
		if got := reason(t, engine); got != "ready" {
			t.Error(got)
		}
	}
	var messages []uint64
	for _, name := range []string{probeStream, "EV_splunk"} {
		stream, err := engine.js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, stream.CachedInfo().State.Msgs)
	}
	if diff := cmp.Diff([]uint64{1, 1}, messages); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedPublishMakesTheStoreUnreadyUntilAWriteSucceeds(t *testing.T) {
	for name, recover := range map[string]func(*testing.T, *Engine, *later){
		"the next event": func(t *testing.T, engine *Engine, _ *later) {
			t.Helper()
			publish(t, engine, alert(t, "second"))
		},
		"a probe, as nobody sends events to a server that is not ready": func(_ *testing.T, _ *Engine, clock *later) {
			clock.advance(probeEvery)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var clock later
			engine := open(t, t.TempDir(), clock.use)
			publish(t, engine, alert(t, "first"))
			if got := reason(t, engine); got != "ready" {
				t.Fatal(got)
			}
			lose(t, engine, "splunk")
			if _, err := engine.Publish(t.Context(), alert(t, "second")); err == nil {
				t.Fatal("an event was stored nowhere")
			}
			if got := reason(t, engine); got != unwritable {
				t.Error(got)
			}
			// Events of other sources say nothing about this one: each has files of its own, which stay broken alone.
			other, err := framework.NewEvent("jira.issue_created", "first", nil)
			if err != nil {
				t.Fatal(err)
			}
			publish(t, engine, other)
			engine.probe.worked([]framework.Event{alert(t, "a duplicate")}, []framework.Receipt{{Duplicate: true}})
			if got := reason(t, engine); got != unwritable {
				t.Error(got)
			}
			recover(t, engine, &clock)
			if got := reason(t, engine); got != "ready" {
				t.Error(got)
			}
		})
	}
}

func TestASenderThatLeavesSaysNothingAboutTheStore(t *testing.T) {
	release := make(chan struct{})
	engine := open(t, t.TempDir(), func(o *Options) { o.syncStore = func() error { <-release; return nil } })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := engine.Publish(ctx, alert(t, "first"))
	close(release)
	if err == nil || !strings.Contains(errors.Unwrap(err).Error(), context.DeadlineExceeded.Error()) {
		t.Errorf("got %v", err)
	}
	if got := reason(t, engine); got != "ready" {
		t.Error(got)
	}
}
