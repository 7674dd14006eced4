package engine

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestOfManyDeliveriesAtOnceOneIsNotADuplicate(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	for _, key := range []string{"first", "second", "third"} {
		if news := publishAtOnce(t, engine, alert(t, key), 32); news != 1 {
			t.Errorf("%d of 32 deliveries were taken for the first", news)
		}
	}
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	if news := publishAtOnce(t, engine, alert(t, "first"), 32); news != 0 {
		t.Errorf("after a restart %d deliveries of a known event were taken for the first", news)
	}
}

// publishAtOnce returns how many of the deliveries were no duplicates.
func publishAtOnce(t *testing.T, engine *Engine, event framework.Event, deliveries int) (news int) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for range deliveries {
		all.Go(func() {
			<-start
			receipts, err := engine.Publish(t.Context(), event)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || len(receipts) != 1 || receipts[0].ID != event.ID {
				t.Errorf("receipts %v, error %v", receipts, err)
			} else if !receipts[0].Duplicate {
				news++
			}
		})
	}
	close(start)
	all.Wait()
	return news
}

func TestADuplicateKeepsWhatWasStoredFirst(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	first, again := alert(t, "same"), alert(t, "same")
	again.Data = framework.JSON(`{"search_name":"changed"}`)
	publish(t, engine, first)
	if diff := cmp.Diff([]framework.Receipt{{ID: first.ID, Duplicate: true}}, publish(t, engine, again)); diff != "" {
		t.Error(diff)
	}
	status, err := engine.Event(t.Context(), first.ID)
	if err != nil || !bytes.Equal(first.Data, status.Event.Data) {
		t.Errorf("stored %s, error %v", status.Event.Data, err)
	}
}

func TestABatchGivesReceiptsInOrder(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	first, second := alert(t, "first"), alert(t, "second")
	threat, err := framework.NewEvent("threatstack.alert", "first", "x")
	if err != nil {
		t.Fatal(err)
	}
	want := []framework.Receipt{{ID: first.ID}, {ID: threat.ID}, {ID: first.ID, Duplicate: true}, {ID: second.ID}}
	if diff := cmp.Diff(want, publish(t, engine, first, threat, first, second)); diff != "" {
		t.Error(diff)
	}
	if receipts := publish(t, engine); len(receipts) != 0 {
		t.Errorf("no events gave %v", receipts)
	}
}

func TestEventsThatCannotBeAreRefused(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	change := func(change func(*framework.Event)) framework.Event {
		event := alert(t, "any")
		change(&event)
		return event
	}
	for name, event := range map[string]framework.Event{
		"a type without a source":              change(func(e *framework.Event) { e.Type = "alert" }),
		"a type that is a pattern":             change(func(e *framework.Event) { e.Type = "splunk.*" }),
		"a type of three parts":                change(func(e *framework.Event) { e.Type = "splunk.alert.new" }),
		"an id of another source":              change(func(e *framework.Event) { e.ID = "jira-abc" }),
		"an id that is a pattern":              change(func(e *framework.Event) { e.ID = "splunk->" }),
		"an id with a dot":                     change(func(e *framework.Event) { e.ID = "splunk-a.b" }),
		"an id without a hash":                 change(func(e *framework.Event) { e.ID = "splunk-" }),
		"data that is no JSON":                 change(func(e *framework.Event) { e.Data = framework.JSON(`{"a":`) }),
		"a source that leaves the store's dir": change(func(e *framework.Event) { e.Type, e.ID = "../x.alert", "../x-abc" }),
	} {
		t.Run(name, func(t *testing.T) {
			receipts, err := engine.Publish(t.Context(), event)
			if _, isProblem := errors.AsType[*framework.Problem](err); err == nil || isProblem || receipts != nil {
				t.Errorf("receipts %v, error %v", receipts, err)
			}
		})
	}
	if events := eventsOf(t, engine, 10); len(events) != 0 {
		t.Errorf("stored %v", events)
	}
}

func TestAnEventMayBeAsLargeAsAMessageAndNoLarger(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	sized := func(key string, size int) framework.Event {
		event := alert(t, key)
		event.Data = framework.JSON(`"` + strings.Repeat("x", size) + `"`)
		return event
	}
	publish(t, engine, sized("fits", engine.maxEvent-1000))
	_, err := engine.Publish(t.Context(), sized("does not", engine.maxEvent))
	problem, ok := errors.AsType[*framework.Problem](err)
	if !ok || problem.Status != http.StatusRequestEntityTooLarge {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff("An event may have at most 8323072 bytes.", problem.Detail); diff != "" {
		t.Error(diff)
	}
}

func TestRecentIsNewestFirstOverAllSources(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	want := []string{}
	for _, key := range []string{"a", "b", "c"} {
		event := alert(t, key)
		issue, err := framework.NewEvent("jira.issue_created", key, "x")
		if err != nil {
			t.Fatal(err)
		}
		publish(t, engine, event)
		publish(t, engine, issue)
		want = append([]string{issue.ID, event.ID}, want...)
	}
	for limit := range 8 {
		if diff := cmp.Diff(want[:min(limit, len(want))], eventsOf(t, engine, limit)); diff != "" {
			t.Errorf("limit %d: %s", limit, diff)
		}
	}
}
