package engine

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"funnelweb/framework"
)

func forbidden() error {
	return &framework.ServiceError{Service: "jira", Op: "create issue", Status: 403, Reason: "the bot may not create issues in SEC", Permanent: true}
}

func lettersOf(tb testing.TB, engine *Engine) []framework.DeadLetter {
	tb.Helper()
	letters, _, err := engine.DeadLetters(tb.Context(), framework.LetterFilter{}, framework.Page{Limit: 100})
	if err != nil {
		tb.Fatal(err)
	}
	return letters
}

func TestAPermanentFailureIsReplayedToTheFailingJobAlone(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	ticket, archive := failing(2, forbidden), &action{}
	run(t, engine, onAlert("ticket", ticket), onAlert("archive", archive))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDead, framework.RunDone)

	letters := lettersOf(t, engine)
	want := []framework.DeadLetter{{
		EventID: event.ID, EventType: "splunk.alert", Automation: "ticket", Attempts: 1,
		Service: "jira", Reason: "jira: create issue: the bot may not create issues in SEC (status 403)",
	}}
	ignored := cmpopts.IgnoreFields(framework.DeadLetter{}, "ID", "FirstTry", "GivenUpAt")
	if diff := cmp.Diff(want, letters, ignored); diff != "" {
		t.Fatal(diff)
	}
	letter, kept, err := engine.DeadLetter(t.Context(), letters[0].ID)
	if err != nil || cmp.Diff(letters[0], letter) != "" || kept.ID != event.ID || string(kept.Data) != string(event.Data) {
		t.Errorf("letter %+v, event %+v, error %v", letter, kept, err)
	}
	if letter.FirstTry.IsZero() || letter.GivenUpAt.Before(letter.FirstTry) {
		t.Errorf("times of the letter: %v, %v", letter.FirstTry, letter.GivenUpAt)
	}

	for _, state := range []framework.RunState{framework.RunDead, framework.RunDone} { // it fails again, then works
		tried := len(ticket.attempts())
		if err := engine.replay(t.Context(), letters[0].ID); err != nil {
			t.Fatal(err)
		}
		until(t, "the job ran again", func() bool { return len(ticket.attempts()) > tried })
		untilState(t, engine, event.ID, state, framework.RunDone)
	}
	if diff := cmp.Diff([]int{1, 1, 1}, ticket.attempts()); diff != "" {
		t.Errorf("attempts of the replayed job: %s", diff)
	}
	if diff := cmp.Diff([]int{1}, archive.attempts()); diff != "" {
		t.Errorf("attempts of the other job: %s", diff)
	}
	if letters := lettersOf(t, engine); len(letters) != 0 {
		t.Errorf("letters left: %v", letters)
	}
	if diff := cmp.Diff([]framework.Failure{{
		Reason: "jira: create issue: the bot may not create issues in SEC (status 403)", Attempts: 1,
	}}, ticket.shown()[:1]); diff != "" {
		t.Error(diff)
	}
}

func TestAJobThatKeepsFailingIsGivenUp(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.Retry.GiveUpAfter = 150 * time.Millisecond })
	ticket := failing(1000, down)
	run(t, engine, onAlert("ticket", ticket))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDead)
	letter := lettersOf(t, engine)[0]
	if lasted := letter.GivenUpAt.Sub(letter.FirstTry); lasted < 150*time.Millisecond {
		t.Errorf("given up after %s", lasted)
	}
	if letter.Attempts < 3 || letter.Attempts != len(ticket.attempts()) {
		t.Errorf("the letter tells of %d attempts, there were %d", letter.Attempts, len(ticket.attempts()))
	}
	shown := ticket.shown()
	if last := shown[len(shown)-1]; !last.Next.IsZero() || last.Attempts != letter.Attempts {
		t.Errorf("the end is shown as %+v", last)
	}
}

func TestAReplayThatWasCutShortPublishesOnce(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	ticket := failing(1, forbidden)
	run(t, engine, onAlert("ticket", ticket))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDead)
	id := lettersOf(t, engine)[0].ID

	// What Replay does before the crash: publish, and nothing more.
	dead, err := engine.letter(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.redo(t.Context(), engine.configured()[0], dead); err != nil {
		t.Fatal(err)
	}
	untilState(t, engine, event.ID, framework.RunDone)

	if err := engine.replay(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if letters := lettersOf(t, engine); len(letters) != 0 {
		t.Errorf("letters left: %v", letters)
	}
	closeEngine(t, engine) // any second delivery has been handled
	if diff := cmp.Diff([]int{1, 1}, ticket.attempts()); diff != "" {
		t.Error(diff)
	}
}

func TestAnOldDeliveryGivesWayToAReplay(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, func(o *Options) { o.Retry.First, o.Retry.Max = time.Hour, time.Hour })
	run(t, engine, onAlert("ticket", failing(1, down)))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunRetrying)

	record, err := engine.runs.read(t.Context(), event.ID, "ticket")
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.restart(t.Context(), engine.configured()[0], event.ID, record.Sequence+1); err != nil {
		t.Fatal(err)
	}
	untilState(t, engine, event.ID, framework.RunWaiting)
	// The worker of the old delivery may not write over it.
	record.State = framework.RunDone
	if err := engine.runs.write(t.Context(), event.ID, "ticket", record); !errors.Is(err, errSuperseded) {
		t.Errorf("got %v", err)
	}
	// Nor may an earlier place in the stream.
	if err := engine.restart(t.Context(), engine.configured()[0], event.ID, 1); err != nil {
		t.Fatal(err)
	}
	if again, err := engine.runs.read(t.Context(), event.ID, "ticket"); err != nil || again.Sequence != record.Sequence+1 {
		t.Errorf("record %+v, error %v", again, err)
	}
}

func TestDeadLettersOutliveARestartAndCanBeDropped(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	run(t, engine, onAlert("ticket", failing(1000, forbidden)))
	events := []framework.Event{alert(t, "first"), alert(t, "second"), alert(t, "third")}
	for _, event := range events {
		publish(t, engine, event)
		untilState(t, engine, event.ID, framework.RunDead)
	}
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	letters := lettersOf(t, engine)
	if len(letters) != 3 || letters[0].EventID != events[0].ID || letters[2].EventID != events[2].ID {
		t.Fatalf("letters, oldest first: %+v", letters)
	}
	if two, _, err := engine.DeadLetters(t.Context(), framework.LetterFilter{}, framework.Page{Limit: 2}); err != nil || cmp.Diff(letters[:2], two) != "" {
		t.Errorf("two letters: %+v, error %v", two, err)
	}
	if err := engine.drop(t.Context(), letters[1].ID); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]framework.DeadLetter{letters[0], letters[2]}, lettersOf(t, engine)); diff != "" {
		t.Error(diff)
	}
	for name, id := range map[string]string{"a dropped id": letters[1].ID, "an unknown id": "abc", "a pattern": ">", "nothing": ""} {
		_, _, show := engine.DeadLetter(t.Context(), id)
		for _, err := range []error{show, engine.replay(t.Context(), id), engine.drop(t.Context(), id)} {
			if !errors.Is(err, framework.ErrNoEvent) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestALetterOfAnAutomationThatIsGoneIsNotLostByReplay(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	run(t, engine, onAlert("ticket", failing(1, forbidden)))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDead)
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	run(t, engine, onAlert("renamed", &action{}), Automation{Name: "ticket", On: "jira.issue_created", Action: &action{}})
	letter := lettersOf(t, engine)[0]
	problem, ok := errors.AsType[*framework.Problem](engine.replay(t.Context(), letter.ID))
	if !ok || problem.Status != http.StatusConflict {
		t.Fatalf("got %v", problem)
	}
	if diff := cmp.Diff([]framework.DeadLetter{letter}, lettersOf(t, engine)); diff != "" {
		t.Error(diff)
	}
	untilState(t, engine, event.ID, framework.RunDead) // of the automation that is gone
}

func TestALetterIsStoredEvenWhenJobsAreInterrupted(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	event := alert(t, "first")
	if err := engine.bury(ctx, letter{Event: event, DeadLetter: framework.DeadLetter{ID: "abc", EventID: event.ID}}); err != nil {
		t.Fatal(err)
	}
	if letters := lettersOf(t, engine); len(letters) != 1 {
		t.Errorf("letters: %v", letters)
	}
}
