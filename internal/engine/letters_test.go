package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// sortedLetters buries letters whose ids tell what they are: automation and minute.
func sortedLetters(t *testing.T, engine *Engine) {
	t.Helper()
	for minute, name := range []string{"ticket.jira", "enrich.virustotal", "ticket.jira", "enrich.ldap", "archive.s3"} {
		automation, service, _ := strings.Cut(name, ".")
		dead := letter{DeadLetter: framework.DeadLetter{
			ID: fmt.Sprintf("%s%d", automation, minute), EventID: alert(t, name).ID, Automation: automation, Service: service,
			Reason: service + ": ask: No such Project " + fmt.Sprint(minute), GivenUpAt: time.Date(2026, 11, 20, 0, minute, 0, 0, time.UTC),
		}}
		if err := engine.bury(t.Context(), dead); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeadLettersAreFilteredAndPagedInBothOrders(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	sortedLetters(t, engine)
	minute := func(n int) time.Time { return time.Date(2026, 11, 20, 0, n, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		filter framework.LetterFilter
		want   []string // oldest first
	}{
		"all":              {framework.LetterFilter{}, []string{"ticket0", "enrich1", "ticket2", "enrich3", "archive4"}},
		"an automation":    {framework.LetterFilter{Automation: "enrich"}, []string{"enrich1", "enrich3"}},
		"a service":        {framework.LetterFilter{Service: "jira"}, []string{"ticket0", "ticket2"}},
		"part of a reason": {framework.LetterFilter{Reason: "PROJECT 3"}, []string{"enrich3"}},
		"since":            {framework.LetterFilter{Since: minute(3)}, []string{"enrich3", "archive4"}},
		"until":            {framework.LetterFilter{Until: minute(1)}, []string{"ticket0"}},
		"all of it":        {framework.LetterFilter{Automation: "enrich", Service: "ldap", Reason: "such", Since: minute(1), Until: minute(9)}, []string{"enrich3"}},
		"another job":      {framework.LetterFilter{Job: "x"}, []string{}},
	} {
		for _, newest := range []bool{false, true} {
			for _, limit := range []int{1, 2, 5, 100} {
				got := []string{}
				for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
					letters, next, err := engine.DeadLetters(t.Context(), c.filter, framework.Page{Limit: limit, Cursor: cursor, Newest: newest})
					if err != nil || pages > 9 || len(letters) > limit {
						t.Fatalf("%s: page %d of %d letters, error %v", name, pages, len(letters), err)
					}
					for _, letter := range letters {
						got = append(got, letter.ID)
					}
					cursor = next
				}
				if newest {
					slices.Reverse(got)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("%s, newest first %t, %d a page: %s", name, newest, limit, diff)
				}
			}
		}
	}
}

func TestAFilterIsReplayedOnceEachAndWhatFailsAgainIsNotReplayedTwice(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	ticket, archive := failing(1000, forbidden), &action{}
	run(t, engine, onAlert("ticket", ticket), onAlert("archive", archive))
	const events = 7
	for n := range events {
		event := alert(t, fmt.Sprint(n))
		publish(t, engine, event)
		untilState(t, engine, event.ID, framework.RunDead, framework.RunDone)
	}
	filter := framework.LetterFilter{Automation: "ticket"}
	count, err := engine.CountLetters(t.Context(), filter, framework.Page{Limit: 1000})
	if err != nil || count.Count != events || count.Next != "" {
		t.Errorf("counted %+v, error %v", count, err)
	}
	replayed, calls := 0, 0
	for cursor := ""; calls == 0 || cursor != ""; calls++ {
		batch, err := engine.ReplayAll(t.Context(), framework.Act{Caller: "token:on-call"}, filter, framework.Page{Limit: 2, Cursor: cursor})
		if err != nil || calls > events {
			t.Fatalf("call %d: %v", calls, err)
		}
		replayed += batch.Count
		cursor = batch.Next
		// The jobs fail at once: their new letters are there before the next call.
		until(t, "all have failed again", func() bool { return len(ticket.attempts()) == events+replayed && len(lettersOf(t, engine)) == events })
	}
	if replayed != events {
		t.Errorf("%d were replayed in %d calls", replayed, calls)
	}
	if diff := cmp.Diff(events, len(archive.attempts())); diff != "" {
		t.Errorf("the other automation's attempts: %s", diff)
	}
}

func TestOperatorsWhoReplayTheSameFilterAtOnceReplayEachOnce(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	const events = 10
	var again atomic.Bool
	ticket := &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		if again.Load() {
			return framework.Result{Summary: "done"}, nil
		}
		return framework.Result{}, forbidden()
	}}
	run(t, engine, onAlert("ticket", ticket))
	for n := range events {
		event := alert(t, fmt.Sprint(n))
		publish(t, engine, event)
		untilState(t, engine, event.ID, framework.RunDead)
	}
	again.Store(true)
	var total atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			batch, err := engine.ReplayAll(t.Context(), framework.Act{}, framework.LetterFilter{Service: "jira"}, framework.Page{Limit: 100})
			if err != nil || len(batch.Failed) > 0 {
				t.Errorf("batch %+v, error %v", batch, err)
			}
			total.Add(int32(batch.Count))
		})
	}
	all.Wait()
	for n := range events {
		untilState(t, engine, alert(t, fmt.Sprint(n)).ID, framework.RunDone)
	}
	closeEngine(t, engine)
	if total.Load() != events || len(ticket.attempts()) != 2*events {
		t.Errorf("%d replays, %d attempts of %d events", total.Load(), len(ticket.attempts()), events)
	}
}

func TestWhatCannotBeReplayedIsToldOfAndDoesNotKeepTheOthers(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	ticket := failing(1, forbidden)
	run(t, engine, onAlert("ticket", ticket))
	sortedLetters(t, engine) // of automations and events that there are not
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDead)
	batch, err := engine.ReplayAll(t.Context(), framework.Act{}, framework.LetterFilter{}, framework.Page{Limit: 100})
	if err != nil || batch.Count != 1 || len(batch.Failed) != 5 || batch.Failed[0].ID != "ticket0" || !strings.Contains(batch.Failed[0].Reason, "not configured") {
		t.Errorf("batch %+v, error %v", batch, err)
	}
	untilState(t, engine, event.ID, framework.RunDone)
	if letters := lettersOf(t, engine); len(letters) != 5 {
		t.Errorf("letters left: %v", letters)
	}
	dropped, err := engine.DropAll(t.Context(), framework.Act{Reason: "a test"}, framework.LetterFilter{Service: "jira"}, framework.Page{Limit: 100})
	if err != nil || dropped.Count != 2 || len(lettersOf(t, engine)) != 3 {
		t.Errorf("dropped %+v, error %v", dropped, err)
	}
}

func TestABatchStopsAfterAWhileAndGoesOnWhereItStopped(t *testing.T) {
	var clock later
	engine := open(t, t.TempDir(), clock.use)
	sortedLetters(t, engine)
	slow := func(ctx context.Context, id string) error {
		clock.advance(maxActing / 2)
		return engine.drop(ctx, id)
	}
	cursor, counts := "", []int{}
	for range 5 {
		batch, err := engine.each(t.Context(), framework.Act{}, framework.AuditDrop, framework.LetterFilter{}, framework.Page{Limit: 100, Cursor: cursor}, slow)
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, batch.Count)
		if cursor = batch.Next; cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]int{2, 2, 1}, counts); diff != "" || len(lettersOf(t, engine)) != 0 {
		t.Errorf("in each call: %s", diff)
	}
}

func TestABatchThatTheStoreBreaksOffSaysHowFarItCame(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	sortedLetters(t, engine)
	done := 0
	breaks := func(ctx context.Context, id string) error {
		if done == 2 {
			return unavailable(errors.New("the disk is gone"))
		}
		done++
		return engine.drop(ctx, id)
	}
	batch, err := engine.each(t.Context(), framework.Act{}, framework.AuditDrop, framework.LetterFilter{}, framework.Page{Limit: 100}, breaks)
	if problem, ok := errors.AsType[*framework.Problem](err); !ok || problem.Status != 503 || batch.Count != 2 {
		t.Errorf("batch %+v, error %v", batch, err)
	}
	entries, _, err := engine.Audit(t.Context(), framework.Page{Limit: 9})
	if err != nil || len(entries) != 1 || entries[0].Outcome != framework.AuditFailed || entries[0].Count != 2 || len(entries[0].Letters) != 5 {
		t.Errorf("audit %+v, error %v", entries, err)
	}
}
