package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"funnelweb/framework"
)

func auditOf(t *testing.T, engine *Engine) []framework.AuditEntry {
	t.Helper()
	entries, _, err := engine.Audit(t.Context(), framework.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestTheAuditLogTellsWhoDidWhatAndOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	var log lockedBuffer
	engine := open(t, dir, func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	event, _, dead := deadAlert(t, engine)
	act := framework.Act{Caller: "token:on-call", Address: "192.0.2.7", RequestID: "req-1"}
	if err := engine.Replay(t.Context(), act, dead.ID); err != nil {
		t.Fatal(err)
	}
	sortedLetters(t, engine)
	filter := framework.LetterFilter{Service: "jira"}
	act.Reason = "the \x1b[31mlab\nwas closed" + strings.Repeat("x", 2*maxReason)
	if _, err := engine.DropAll(t.Context(), act, filter, framework.Page{Limit: 100}); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.DropAll(t.Context(), act, framework.LetterFilter{Service: "nosuch"}, framework.Page{Limit: 100}); err != nil {
		t.Fatal(err)
	}
	if err := engine.Drop(t.Context(), act, "nosuch"); !errors.Is(err, framework.ErrNoEvent) {
		t.Errorf("got %v", err)
	}
	closeEngine(t, engine)
	engine = open(t, dir, nil)
	id := alert(t, "ticket.jira").ID
	want := []framework.AuditEntry{
		{
			Act: framework.AuditDrop, Caller: "token:on-call", Address: "192.0.2.7", RequestID: "req-1", Filter: &filter, Outcome: framework.AuditDone, Meant: 2, Count: 2,
			Letters: []framework.AuditLetter{{ID: "ticket0", EventID: id, Automation: "ticket"}, {ID: "ticket2", EventID: id, Automation: "ticket"}},
		},
		{
			Act: framework.AuditReplay, Caller: "token:on-call", Address: "192.0.2.7", RequestID: "req-1", Outcome: framework.AuditDone, Meant: 1, Count: 1,
			Letters: []framework.AuditLetter{{ID: dead.ID, EventID: event.ID, Automation: "ticket"}},
		},
	}
	got := auditOf(t, engine)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(framework.AuditEntry{}, "ID", "Time", "EndedAt", "Reason")); diff != "" {
		t.Fatal(diff)
	}
	if reason := got[0].Reason; strings.ContainsAny(reason, "\x1b\n") || len([]rune(reason)) > maxReason || !strings.Contains(reason, "lab was closed") {
		t.Errorf("reason %q", reason)
	}
	if got[0].Time.IsZero() || got[0].EndedAt.Before(got[0].Time) || got[0].Time.Before(got[1].Time) || got[0].ID == got[1].ID {
		t.Errorf("entries %+v", got)
	}
	if n := strings.Count(log.String(), `"an operator acted"`); n != 2 || !strings.Contains(log.String(), `"caller":"token:on-call"`) {
		t.Errorf("the log has %d acts:\n%s", n, log.String())
	}
}

func TestTheAuditLogTellsOfWhatWasMeantAndNotDone(t *testing.T) {
	var log lockedBuffer
	engine := open(t, t.TempDir(), func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	sortedLetters(t, engine) // of automations that nobody configured
	filter := framework.LetterFilter{Service: "jira"}
	batch, err := engine.ReplayAll(t.Context(), framework.Act{}, filter, framework.Page{Limit: 100})
	if err != nil || batch.Count != 0 || len(batch.Failed) != 2 {
		t.Fatalf("batch %+v, error %v", batch, err)
	}
	got := auditOf(t, engine)
	want := []framework.AuditEntry{{Act: framework.AuditReplay, Filter: &filter, Outcome: framework.AuditPartly, Meant: 2, Count: 0}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(framework.AuditEntry{}, "ID", "Time", "EndedAt", "Letters")); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(log.String(), `"meant":2,"count":0`) || !strings.Contains(log.String(), `"filter":{"service":"jira"}`) {
		t.Errorf("the log does not tell:\n%s", log.String())
	}
}

// Events that wait nowhere any more leave no line that says nothing: the last call for a queue often finds none.
func TestACallThatFindsNothingToDoIsNotInTheAuditLog(t *testing.T) {
	dir := t.TempDir()
	keys := []string{"w0"}
	leave(t, dir, keys...)
	engine := open(t, dir, nil)
	run(t, engine)
	from, err := engine.leftQueue(t.Context(), framework.QueueName{Name: "old"})
	if err != nil {
		t.Fatal(err)
	}
	s := &settling{engine: engine, from: from, fate: fateDrop, result: "dropped by an operator"}
	if err := errors.Join(s.decide(t.Context()), s.gather(t.Context())); err != nil || len(s.batch) != 1 {
		t.Fatalf("%d gathered, error %v", len(s.batch), err)
	}
	if err := s.close(t.Context(), s.batch[0]); err != nil { // and then the process was ended
		t.Fatal(err)
	}
	if batch, err := engine.DropQueue(t.Context(), framework.Act{}, framework.QueueName{Name: "old"}); err != nil || batch.Count != 0 || batch.Next != "" {
		t.Errorf("batch %+v, error %v", batch, err)
	}
	if entries := auditOf(t, engine); len(entries) != 0 {
		t.Errorf("audit %+v", entries)
	}
}

func TestAnActIsInTheAuditLogAndSafeBeforeItIsDone(t *testing.T) {
	var fail atomic.Bool
	engine := open(t, t.TempDir(), func(o *Options) {
		o.syncStore = func() error {
			if fail.Load() {
				return errors.New("the disk is gone")
			}
			return nil
		}
	})
	sortedLetters(t, engine)
	fail.Store(true)
	act := framework.Act{Caller: "token:1", Reason: "a test"}
	_, many := engine.DropAll(t.Context(), act, framework.LetterFilter{}, framework.Page{Limit: 9})
	for name, err := range map[string]error{"one": engine.Drop(t.Context(), act, "ticket0"), "many": many} {
		if problem, ok := errors.AsType[*framework.Problem](err); !ok || problem.Status != 503 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if letters := lettersOf(t, engine); len(letters) != 5 {
		t.Errorf("letters left: %v", letters)
	}
	for _, entry := range auditOf(t, engine) {
		if entry.Outcome != framework.AuditBegun || entry.Count != 0 {
			t.Errorf("entry %+v", entry)
		}
	}
}

func TestTheAuditLogIsPagedAndAnActThatWasCutShortStaysBegun(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	for n := range 7 {
		begun, err := engine.begin(t.Context(), framework.Act{Caller: fmt.Sprint(n)}, framework.AuditEntry{Act: framework.AuditReplay})
		if err != nil {
			t.Fatal(err)
		}
		if n != 3 { // there the process ends
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			begun.end(gone, n, nil)
		}
	}
	var got []string
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		entries, next, err := engine.Audit(t.Context(), framework.Page{Limit: 3, Cursor: cursor})
		if err != nil || pages > 5 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, entry := range entries {
			got = append(got, fmt.Sprintf("%s %s %d", entry.Caller, entry.Outcome, entry.Count))
		}
		cursor = next
	}
	if diff := cmp.Diff([]string{"6 done 6", "5 done 5", "4 done 4", "3 begun 0", "2 done 2", "1 done 1", "0 done 0"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheAuditLogCannotBeChangedAndIsBounded(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	if _, err := engine.begin(t.Context(), framework.Act{}, framework.AuditEntry{Act: framework.AuditReplay}); err != nil {
		t.Fatal(err)
	}
	if err := engine.audit.DeleteMsg(t.Context(), 1); err == nil {
		t.Error("an entry was removed")
	}
	if err := engine.audit.Purge(t.Context()); err == nil {
		t.Error("all entries were removed")
	}
	config := engine.audit.CachedInfo().Config
	if config.MaxAge != 400*24*time.Hour || config.MaxBytes <= 0 || config.MaxBytes > maxAudit {
		t.Errorf("kept for %s, at most %d bytes", config.MaxAge, config.MaxBytes)
	}
}

func TestTheAuditLogHoldsNothingOfTheEvent(t *testing.T) {
	const canary = "canary-2f9c1d7e"
	var log lockedBuffer
	engine := open(t, t.TempDir(), func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	event := alert(t, "first")
	event.Data = framework.JSON(`{"password":"` + canary + `"}`)
	if err := engine.bury(t.Context(), letter{Event: event, DeadLetter: framework.DeadLetter{ID: "abc", EventID: event.ID, Automation: "ticket"}}); err != nil {
		t.Fatal(err)
	}
	if err := engine.Drop(t.Context(), framework.Act{Reason: "a test"}, "abc"); err != nil {
		t.Fatal(err)
	}
	for sequence := uint64(1); sequence <= 2; sequence++ {
		message, err := engine.audit.GetMsg(t.Context(), sequence)
		if err != nil || bytes.Contains(message.Data, []byte(canary)) {
			t.Errorf("entry %v, error %v", message, err)
		}
	}
	if strings.Contains(log.String(), canary) {
		t.Errorf("the log tells of it:\n%s", log.String())
	}
}
