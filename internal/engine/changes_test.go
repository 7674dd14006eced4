package engine

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// inShort is changes in short.
func inShort(changes []framework.EventChange) []string {
	short := []string{}
	for _, change := range changes {
		text := change.EventID + " " + change.Type + " accepted"
		if change.Run != nil {
			text = change.EventID + " " + change.Type + " " + change.Run.Automation + " " + string(change.Run.State)
		}
		short = append(short, text)
	}
	return short
}

func changesNow(t *testing.T, engine *Engine) string {
	t.Helper()
	changes, now, err := engine.Changes(t.Context(), framework.EventFilter{}, "", time.Hour) // which does not wait
	if err != nil || len(changes) != 0 || now == "" {
		t.Fatalf("changes %v, cursor %q, error %v", changes, now, err)
	}
	return now
}

func TestChangesTellWhatHappenedSinceInOrder(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	run(t, engine, onAlert("ticket", &action{}))
	publish(t, engine, alert(t, "before"))
	untilState(t, engine, alert(t, "before").ID, framework.RunDone)
	now := changesNow(t, engine)

	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone)
	changes, next, err := engine.Changes(t.Context(), framework.EventFilter{}, now, time.Hour)
	want := []string{event.ID + " splunk.alert accepted", event.ID + " splunk.alert ticket done"}
	if diff := cmp.Diff(want, inShort(changes)); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	if changes, _, err := engine.Changes(t.Context(), framework.EventFilter{}, next, 0); err != nil || len(changes) != 0 {
		t.Errorf("they are told again: %v, error %v", inShort(changes), err)
	}
	// A source that is new since the cursor was given.
	issue, err := framework.NewEvent("jira.issue_created", "x", "x")
	if err != nil {
		t.Fatal(err)
	}
	publish(t, engine, issue)
	changes, _, err = engine.Changes(t.Context(), framework.EventFilter{}, next, time.Hour)
	if diff := cmp.Diff([]string{issue.ID + " jira.issue_created accepted"}, inShort(changes)); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	for name, c := range map[string]struct {
		filter framework.EventFilter
		want   []string
	}{
		"a source":                  {framework.EventFilter{Source: "jira"}, []string{issue.ID + " jira.issue_created accepted"}},
		"a type":                    {framework.EventFilter{Type: "splunk.alert"}, want},
		"another type of a source":  {framework.EventFilter{Type: "splunk.finding"}, []string{}},
		"a state":                   {framework.EventFilter{State: framework.RunDone}, want[1:]},
		"an automation":             {framework.EventFilter{Automation: "ticket"}, want[1:]},
		"an automation and a state": {framework.EventFilter{Automation: "ticket", State: framework.RunDead}, []string{}},
	} {
		changes, _, err := engine.Changes(t.Context(), c.filter, now, 0)
		if diff := cmp.Diff(c.want, inShort(changes)); diff != "" || err != nil {
			t.Errorf("%s: %v: %s", name, err, diff)
		}
	}
}

func TestACallForChangesWaitsForTheNext(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	publish(t, engine, alert(t, "before"))
	now := changesNow(t, engine)
	got := make(chan []string)
	go func() {
		changes, _, err := engine.Changes(t.Context(), framework.EventFilter{}, now, time.Hour)
		if err != nil {
			t.Error(err)
		}
		got <- inShort(changes)
	}()
	event := alert(t, "first")
	publish(t, engine, event)
	select {
	case changes := <-got:
		if diff := cmp.Diff([]string{event.ID + " splunk.alert accepted"}, changes); diff != "" {
			t.Error(diff)
		}
	case <-time.After(deadline):
		t.Fatal("it waits although something happened")
	}
}

func TestACallForChangesEndsWithTheCallerAndWhenTheEngineDrains(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	now := changesNow(t, engine)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := engine.Changes(gone, framework.EventFilter{}, now, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ended := make(chan error)
	go func() {
		_, _, err := engine.Changes(t.Context(), framework.EventFilter{}, now, time.Hour)
		ended <- err
	}()
	if err := engine.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(deadline):
		t.Fatal("it waits although the engine drains")
	}
}

func TestManyChangesComeInParts(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	publish(t, engine, alert(t, "before"))
	now := changesNow(t, engine)
	batch := []framework.Event{}
	for n := range maxChanges + 50 {
		batch = append(batch, alert(t, strconv.Itoa(n)))
	}
	publish(t, engine, batch...)
	var got []int
	for range 3 {
		changes, next, err := engine.Changes(t.Context(), framework.EventFilter{}, now, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, now = append(got, len(changes)), next
	}
	if diff := cmp.Diff([]int{maxChanges, 50, 0}, got); diff != "" {
		t.Error(diff)
	}
}
