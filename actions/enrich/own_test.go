package enrich

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

const (
	other = "zyxwvutsrqponmlkjihgfedcba"
	sha1  = "3395856ce81f2b7382dee72602f798b642f14140"
)

// cloned is a ticket with these labels and a text of its own.
func cloned(key string, hashes ...string) string {
	return fmt.Sprintf(`{"issue":{"key":%q,"fields":{"labels":["funnelweb","fw-%s"],"summary":"see %s"}}}`, key, strings.Join(hashes, `","fw-`), sha1)
}

// searchingToo looks up what is configured in alerts, and searches tickets that have none.
func searchingToo(c *Config) { c.FindIn = Paths{"issue.fields.summary"} }

// ownStage is a stage with a ticket SEC-2 beside SEC-1, and an enricher that knows the hash in the text of a clone.
func ownStage(t *testing.T, adjust func(*Config)) stage {
	t.Helper()
	s := newStage(t, adjust)
	s.vt.kinds = append(s.vt.kinds, framework.SHA1)
	if _, err := s.tickets.Create(t.Context(), framework.NewTicket{Project: "SEC", Type: "Task", Summary: "y"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// second is the comment on SEC-2.
func (s stage) second(t *testing.T) string {
	t.Helper()
	comments := s.tickets.Tickets()[1].Comments
	if len(comments) != 1 {
		t.Fatalf("%d comments", len(comments))
	}
	return show(comments[0].Body)
}

// record makes the ticket of a label with an outcome, as the action ticket does.
func (s stage) record(t *testing.T, hash, key string, outcome error) {
	t.Helper()
	effect := framework.Effect{
		Find: func(context.Context) (string, error) { return key, nil },
		Do:   func(context.Context) (string, error) { return key, outcome },
	}
	if _, err := framework.Once(t.Context(), s.ledger, s.clock.Now, "ticket."+hash, effect); !errors.Is(err, outcome) {
		t.Fatal(err)
	}
}

func TestALabelThatIsAnotherTicketsDoesNotLeadToItsAlert(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		adjust func(*Config)
		asked  []string
		says   string
	}{
		"its own text is searched":  {searchingToo, []string{"sha1:" + sha1}, "this ticket's own text was searched."},
		"no text is to be searched": {nil, nil, "its alert was not used."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ownStage(t, c.adjust)
			result := s.do(t, job(t, "virustotal", cloned("SEC-2", origin)))
			if diff := cmp.Diff(c.asked, s.vt.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			belongs := "The label fw-" + origin + " belongs to SEC-1"
			if got := s.second(t); strings.Count(got, "\n"+belongs+"; "+c.says+"\n") != 1 {
				t.Errorf("comment:\n%s", got)
			}
			if !strings.HasSuffix(result.Summary, " on SEC-2. "+belongs) {
				t.Errorf("summary %q", result.Summary)
			}
		})
	}
}

func TestAnEnricherThatCannotBeAskedAboutTextDoesNotSayThatItWasSearched(t *testing.T) {
	t.Parallel()
	s := ownStage(t, searchingToo)
	s.do(t, job(t, "activedirectory", cloned("SEC-2", origin)))
	if got := s.second(t); len(s.ad.asked) > 0 || !strings.Contains(got, " belongs to SEC-1; its alert was not used.\n") || strings.Contains(got, "jdoe") {
		t.Errorf("asked %v, comment:\n%s", s.ad.asked, got)
	}
}

func TestOfSeveralLabelsTheTicketsOwnCounts(t *testing.T) {
	t.Parallel()
	many := make([]string, 0, maxLabels+5)
	for i := range maxLabels + 5 {
		many = append(many, other[:25]+string(rune('a'+i)))
	}
	for name, c := range map[string]struct {
		hashes []string
		asked  string
	}{
		"it is the first":                  {[]string{origin, other}, "md5:" + md5},
		"it is the last":                   {[]string{other, many[7], origin}, "md5:" + md5},
		"it stands there often":            {[]string{other, other, origin, origin}, "md5:" + md5},
		"it is beyond what is looked at":   {append(many, origin), "sha1:" + sha1},
		"it is not among them":             {[]string{other, many[7]}, "sha1:" + sha1},
		"copies of one do not hide others": {append(strings.Split(strings.Repeat(other+" ", 100), " ")[:100], origin), "md5:" + md5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ownStage(t, searchingToo)
			s.record(t, other, "SEC-2", nil)
			s.do(t, job(t, "virustotal", cloned("SEC-1", c.hashes...)))
			if diff := cmp.Diff([]string{c.asked}, s.vt.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

// Jira tells of a new ticket before its key is recorded, and sometimes the key is long in doubt.
func TestATicketIsNotJudgedBeforeItIsRecorded(t *testing.T) {
	t.Parallel()
	lost := &framework.ServiceError{Service: "jira", Op: "create ticket", Reason: "cut", Ambiguous: true}
	for name, c := range map[string]struct {
		key   string // of the ticket that was made
		asked string
	}{
		"it is the label's ticket": {"SEC-2", "md5:" + md5},
		"it is a clone":            {"SEC-1", "sha1:" + sha1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ownStage(t, searchingToo)
			if _, err := s.ledger.Put(t.Context(), "origin."+other, []byte(event(t, "splunk.alert", alert).ID), 0); err != nil {
				t.Fatal(err)
			}
			s.record(t, other, c.key, lost)
			// The label of another ticket, which is decided, does not decide about this one.
			job := job(t, "virustotal", cloned("SEC-2", origin, other))
			_, err := s.Do(t.Context(), job)
			want := &framework.Wait{Until: s.clock.Now().Add(time.Second), Reason: "it is not recorded yet of which ticket the label fw-" + other + " is"}
			wait, _ := errors.AsType[*framework.Wait](err)
			if diff := cmp.Diff(want, wait); diff != "" {
				t.Fatalf("%v, wait (-want +got):\n%s", err, diff)
			}
			if err := s.Failed(t.Context(), job, framework.Failure{Reason: wait.Reason, Waiting: true, Next: wait.Until}); err != nil {
				t.Error(err)
			}
			if calls := s.tickets.Calls(); len(s.vt.asked) > 0 || len(calls) > 2 {
				t.Errorf("asked %v, called %v", s.vt.asked, calls)
			}
			s.clock.Advance(framework.DefaultLimit)
			s.record(t, other, c.key, nil)
			s.do(t, job)
			if diff := cmp.Diff([]string{c.asked}, s.vt.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARecordIsAwaitedInShortStepsAndNotForever(t *testing.T) {
	t.Parallel()
	s := ownStage(t, searchingToo)
	s.record(t, other, "", &framework.ServiceError{Service: "jira", Reason: "cut", Ambiguous: true})
	job, waits := job(t, "virustotal", cloned("SEC-2", other)), 0
	for {
		_, err := s.Do(t.Context(), job)
		wait, ok := errors.AsType[*framework.Wait](err)
		if !ok {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if waits++; wait.Until.Sub(s.clock.Now()) > 15*time.Second || waits > 20_000 {
			t.Fatalf("the wait %d is %s", waits, wait.Until.Sub(s.clock.Now()))
		}
		s.clock.Advance(wait.Until.Sub(s.clock.Now()))
	}
	want := "\nWhich ticket the label fw-" + other + " belongs to is not known; this ticket's own text was searched.\n"
	if got := s.second(t); waits < 100 || !strings.Contains(got, want) || cmp.Diff([]string{"sha1:" + sha1}, s.vt.asked) != "" {
		t.Errorf("after %d waits asked %v:\n%s", waits, s.vt.asked, got)
	}
}

// How long it is in doubt whose a label is goes by how long the ledger has had the record, which no clock that is set changes.
func TestAClockThatIsSetDecidesAboutNoLabel(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"forth": framework.AwaitLimit + time.Hour, "back": -framework.AwaitLimit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ownStage(t, searchingToo)
			s.record(t, other, "", &framework.ServiceError{Service: "jira", Reason: "cut", Ambiguous: true})
			job := job(t, "virustotal", cloned("SEC-2", other))
			s.clock.Set(by)
			_, err := s.Do(t.Context(), job)
			wait, ok := errors.AsType[*framework.Wait](err)
			if !ok || wait.Until.Sub(s.clock.Now()) != time.Second {
				t.Fatalf("got %v at %s", err, s.clock.Now())
			}
			s.clock.Advance(framework.AwaitLimit + time.Second)
			s.do(t, job)
			if got := s.second(t); !strings.Contains(got, "\nWhich ticket the label fw-"+other+" belongs to is not known; ") {
				t.Errorf("comment:\n%s", got)
			}
		})
	}
}

func TestALedgerThatIsAwayDecidesAboutNoLabel(t *testing.T) {
	t.Parallel()
	s := ownStage(t, searchingToo)
	away := errors.New("away")
	reads := 0
	for fail := 1; fail <= 2; fail++ {
		reads = 0
		s.ledger.BeforeGet = func(key string) error {
			if key == "ticket."+other {
				reads++
			}
			if reads == fail {
				return away
			}
			return nil
		}
		if _, err := s.Do(t.Context(), job(t, "virustotal", cloned("SEC-2", other))); !errors.Is(err, away) || len(s.vt.asked) > 0 {
			t.Errorf("got %v, asked %v", err, s.vt.asked)
		}
	}
}

func TestWhoseALabelIsThatTheLedgerForgotIsKnownFromTheRunThatMadeTheTicket(t *testing.T) {
	t.Parallel()
	link := "https://jira.example.com/browse/"
	for name, c := range map[string]struct {
		run   framework.Run
		asked []string // nil: the job waits
		says  string
	}{
		"it is its own":            {framework.Run{State: framework.RunDone, Result: "created SEC-1", Link: link + "SEC-1"}, []string{"md5:" + md5}, ""},
		"it is another's":          {framework.Run{State: framework.RunDone, Result: "created SEC-2", Link: link + "SEC-2"}, []string{"sha1:" + sha1}, " belongs to SEC-2; "},
		"it made no ticket":        {framework.Run{State: framework.RunDone, Result: "stored"}, []string{"sha1:" + sha1}, alertLost},
		"it is skipped":            {framework.Run{State: framework.RunSkipped}, []string{"sha1:" + sha1}, alertLost},
		"it is under way":          {framework.Run{State: framework.RunRunning}, nil, ""},
		"it is to be tried again":  {framework.Run{State: framework.RunRetrying}, nil, ""},
		"it may still be replayed": {framework.Run{State: framework.RunDead}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newForgetfulStage(t, searchingToo)
			s.vt.kinds = append(s.vt.kinds, framework.SHA1)
			made := event(t, "splunk.alert", alert)
			c.run.Automation = "ticket-for-alert"
			s.activity.AddEvent(made, framework.Run{Automation: "archive", State: framework.RunDone}, c.run)
			hash := framework.Job{Automation: c.run.Automation, Event: made}.Key()
			_, err := s.Do(t.Context(), job(t, "virustotal", cloned("SEC-1", hash)))
			_, waits := errors.AsType[*framework.Wait](err)
			if waits != (c.asked == nil) || !waits && err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.asked, s.vt.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if got := strings.Join(s.comments(), "\n"); !strings.Contains(got, c.says) {
				t.Errorf("comment:\n%s", got)
			}
		})
	}
}

// TestARecordThatIsOlderThanWhatTheLedgerLostDoesNotKeepALabelOpen: the ledger lost that the ticket was made, and has again that it was
// begun.
func TestARecordThatIsOlderThanWhatTheLedgerLostDoesNotKeepALabelOpen(t *testing.T) {
	t.Parallel()
	lost := &framework.ServiceError{Service: "jira", Op: "create ticket", Reason: "cut", Ambiguous: true}
	for name, c := range map[string]struct {
		state framework.RunState
		waits bool
	}{
		"the run tells of the ticket":  {framework.RunDone, false},
		"the run is still to be ended": {framework.RunRetrying, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newForgetfulStage(t, nil)
			made := event(t, "splunk.alert", alert)
			s.activity.AddEvent(made, framework.Run{Automation: "ticket-for-alert", State: c.state, Result: "created SEC-1", Link: "https://jira.example.com/browse/SEC-1"})
			hash := framework.Job{Automation: "ticket-for-alert", Event: made}.Key()
			s.record(t, hash, "", lost)
			_, err := s.Do(t.Context(), job(t, "virustotal", cloned("SEC-1", hash)))
			if _, waits := errors.AsType[*framework.Wait](err); waits != c.waits || !waits && (err != nil || len(s.vt.asked) != 1) {
				t.Errorf("waits %t, asked %v: %v", waits, s.vt.asked, err)
			}
		})
	}
}

func TestALabelThatTheLedgerForgotIsInDoubtForNoLongerThanThat(t *testing.T) {
	t.Parallel()
	s, _ := newForgetfulStage(t, searchingToo)
	made := event(t, "splunk.alert", alert)
	s.activity.AddEvent(made, framework.Run{Automation: "ticket-for-alert", State: framework.RunDead})
	job := job(t, "virustotal", cloned("SEC-1", framework.Job{Automation: "ticket-for-alert", Event: made}.Key()))
	s.clock.Advance(framework.AwaitLimit - lostBefore)
	if _, err := s.Do(t.Context(), job); err == nil {
		t.Error("it is decided too early")
	}
	s.clock.Advance(time.Second)
	if got := s.do(t, job).Summary; !strings.HasSuffix(got, " belongs to is not known") {
		t.Errorf("got %q", got)
	}
}

func TestLabelsThatAreNotLookedAtAreCounted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		labels int
		more   string
	}{
		"none": {maxLabels, ""}, "one": {maxLabels + 1, ". 1 more label of this form was not looked at"}, "some": {maxLabels + 5, ". 5 more labels of this form were not looked at"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ownStage(t, searchingToo)
			hashes := []string{origin}
			for i := range c.labels - 1 {
				hashes = append(hashes, other[:25]+string(rune('a'+i)))
			}
			s.do(t, job(t, "virustotal", cloned("SEC-2", hashes...)))
			if want := "\nThe label fw-" + origin + " belongs to SEC-1" + c.more + "; this ticket's own text was searched.\n"; !strings.Contains(s.second(t), want) {
				t.Errorf("comment:\n%s", s.second(t))
			}
			if len(hashes) > maxLabels {
				s.do(t, job(t, "virustotal", cloned("SEC-1", hashes...))) // its own is among those that are
				if got := s.comment(t); strings.Contains(got, "looked at") {
					t.Errorf("its own:\n%s", got)
				}
			}
		})
	}
}
