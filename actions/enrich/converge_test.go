package enrich

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// The comment converges whatever happens: several replicas work on one ticket, each of their steps (a read or write of
// the ledger, a call of Jira, a question to an enricher, a pause) may come at any time between the others', and at any
// step a call may fail, before or after it had its effect, or Jira may want the ticket left alone, or the whole process may
// die. A job may be delivered to two replicas at once, two automations may share the comment, and people may delete it.
func TestTheCommentHoldsEverySectionInTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for steps := 0; w.step(t); steps++ {
			if steps > 2_000 {
				t.Fatal("the jobs do not come to an end")
			}
		}
		w.compare(t)
		for name, asked := range w.asked {
			if asked > w.entitled[name]+w.lost { // a failure of Jira makes nobody ask again
				t.Fatalf("%s was asked %d times, and %d answers may have been lost", name, asked, w.lost)
			}
		}
	})
}

// compare holds the ticket's comments to what they must be in the end: one of each mark, unless it was deleted, with all
// sections in their order.
func (w *world) compare(t *rapid.T) {
	comments := map[string]framework.Document{}
	for _, comment := range w.tickets.Tickets()[0].Comments {
		if _, twice := comments[comment.Mark]; twice {
			t.Fatalf("there are two comments with the mark %s", comment.Mark)
		}
		comments[comment.Mark] = comment.Body
	}
	want := map[string][]string{}
	for _, automation := range w.automations {
		for _, name := range w.names {
			mark, title := "comment.SEC-1", name
			if w.separate {
				mark += "." + name
			}
			if len(w.automations) > 1 {
				title += " (" + automation + ")"
			}
			want[mark] = append(want[mark], title)
		}
	}
	for mark, titles := range want {
		body, ok := comments[mark]
		if !ok && w.deletions == 0 {
			t.Fatalf("there is no comment with the mark %s", mark)
		}
		if diff := cmp.Diff(titles, headings(body)); ok && diff != "" {
			t.Fatalf("sections of %s (-want +got):\n%s", mark, diff)
		}
		if answers := strings.Count(show(body), "\nanswer of "); ok && answers != len(titles) {
			t.Fatalf("%d answers in:\n%s", answers, show(body))
		}
	}
	if len(comments) > len(want) {
		t.Fatalf("%d comments, want %d", len(comments), len(want))
	}
	w.compareFiles(t, comments)
}

// compareFiles holds every comment that has no room for its facts to the one file that has them, and no file to another's name.
func (w *world) compareFiles(t *rapid.T, comments map[string]framework.Document) {
	files := map[string]string{}
	for _, file := range w.tickets.Tickets()[0].Files {
		if _, twice := files[file.Name]; twice || !w.small {
			t.Fatalf("%s is attached twice, or for nothing", file.Name)
		}
		files[file.Name] = string(file.Body)
	}
	for mark, body := range comments {
		_, after, told := strings.Cut(show(body), "the attached ")
		name, _, _ := strings.Cut(after, " ")
		if told != w.small || told && strings.Count(files[name], "  Fact: fact of ") != len(headings(body)) {
			t.Fatalf("%s names the file %q, which holds %q:\n%s", mark, name, files[name], show(body))
		}
	}
}

// fate is what becomes of a step.
type fate int

const (
	succeeds    fate = iota
	failsBefore      // without effect, and the caller knows
	failsAfter       // with its effect, of which the caller does not know
	diesBefore       // the process dies before the effect
	diesAfter        // the process dies after the effect
	held             // without effect: Jira wants the ticket left alone
)

// world is a ticket with several replicas at work. Only one of their goroutines runs at a time, and never
// while the world does: it runs from one step to the next when the world says so.
type world struct {
	clock    frameworktest.Clock
	ledger   frameworktest.MemoryLedger
	tickets  frameworktest.RecordingTickets
	names    []string
	workers  []*worker
	separate bool
	small    bool // the ticket has no room for the facts

	automations []string
	entitled    map[string]int // how often each may be asked when nothing is lost

	faults    int // still allowed
	lost      int // crashes and failures of the ledger
	deletions int
	asked     map[string]int
}

// worker does one job until it succeeds, in one process after the other.
type worker struct {
	world  *world
	job    framework.Job
	action *Action // of the process that is alive
	dead   bool    // the process is
	at     string  // the step that comes next
	steps  chan struct{}
	fates  chan fate
	ended  chan error
	state  workerState
}

type workerState int

const (
	idle     workerState = iota // to be started
	parked                      // before a step
	sleeping                    // put back by the engine until its time comes
	finished
)

func newWorld(t *rapid.T) *world {
	w := &world{faults: uniform(t, "faults", 8), asked: map[string]int{}, entitled: map[string]int{}}
	w.ledger.Elapsed = w.clock.Elapsed
	_, _ = w.tickets.Create(context.Background(), framework.NewTicket{Project: "SEC", Type: "Task", Summary: "x"})
	for i := range 1 + uniform(t, "enrichers", 4) {
		w.names = append(w.names, fmt.Sprintf("source%d", 9-i)) // in another order than that of the alphabet
	}
	w.automations = []string{"enrich", "enrich-more"}[:1+uniform(t, "automations", 2)]
	w.separate, w.small = rapid.Bool().Draw(t, "separate"), rapid.Bool().Draw(t, "small")
	event := framework.Event{ID: "jira-1", Type: "jira.issue_created", Time: frameworktest.Start(), Data: framework.JSON(`{"issue":{"key":"SEC-1"},"user":"jdoe"}`)}
	for _, automation := range w.automations {
		for _, name := range w.names {
			for range 1 + uniform(t, "deliveries", 4)/3 {
				w.workers = append(w.workers, &worker{world: w, job: framework.Job{Automation: automation, Name: name, Event: event}})
				w.entitled[name]++
			}
		}
	}
	return w
}

// step lets one thing happen; false means that all jobs are done.
func (w *world) step(t *rapid.T) bool {
	var ready, asleep []*worker
	for _, one := range w.workers {
		switch one.state {
		case idle, parked:
			ready = append(ready, one)
		case sleeping:
			asleep = append(asleep, one)
		case finished:
		}
	}
	if len(ready) == 0 && len(asleep) == 0 {
		return false
	}
	if len(ready) == 0 { // time passes only while nobody is in the middle of a call: calls are short
		w.clock.Advance(framework.DefaultLimit + makeLag)
		for _, one := range asleep {
			one.state = idle
		}
		return true
	}
	one := ready[uniform(t, "worker", len(ready))]
	if one.state == idle {
		one.start()
	} else {
		next := succeeds
		if w.faults > 0 && uniform(t, "fault", 8) == 0 {
			next = []fate{failsBefore, failsAfter, diesBefore, diesAfter, held}[uniform(t, "fate", 5)]
			w.faults--
		}
		one.fates <- next
	}
	one.wait()
	if w.faults > 0 && uniform(t, "delete", 64) == 0 {
		w.faults--
		w.deletions++
		w.tickets.DeleteComments("SEC-1")
	}
	return true
}

// uniform draws a number below n, each as likely as the others up to a power of two; rapid's own ranges prefer small
// ones, with which one worker would do all its work before the next.
func uniform(t *rapid.T, label string, n int) int {
	number := 0
	for range 6 {
		number <<= 1
		if rapid.Bool().Draw(t, label) {
			number++
		}
	}
	return number % n
}

// start begins an attempt in a new process.
func (k *worker) start() {
	k.dead, k.steps, k.fates, k.ended = false, make(chan struct{}), make(chan fate), make(chan error)
	k.action = &Action{
		config:    Config{Indicators: map[framework.Kind]Paths{framework.User: {"user"}}, With: k.world.names, Separate: k.world.separate},
		enrichers: map[string]framework.Enricher{k.job.Name: asker{k}}, now: k.world.clock.Now,
		ledger: steppedLedger{k}, tickets: steppedTickets{worker: k},
		pause: func(context.Context, time.Duration) error { return k.take("pause", func() error { return nil }) },
	}
	go func() {
		_, err := k.action.Do(context.Background(), k.job)
		if wait, ok := errors.AsType[*framework.Wait](err); err != nil && !k.dead {
			failure := framework.Failure{Reason: framework.Reason(err), Waiting: ok, Next: k.world.clock.Now().Add(time.Minute), Attempts: 1}
			if ok {
				failure.Next = wait.Until
			}
			_ = k.action.Failed(context.Background(), k.job, failure) // the engine logs it and goes on
		}
		k.ended <- err
	}()
}

// wait waits until the worker is at its next step or its attempt ended.
func (k *worker) wait() {
	select {
	case <-k.steps:
		k.state = parked
	case err := <-k.ended:
		switch {
		case err == nil && !k.dead:
			k.state = finished
		case k.dead:
			k.state = idle // delivered again
		default:
			k.state = sleeping
		}
	}
}

var errDead = errors.New("this process is dead")

// take is one step of a worker.
func (k *worker) take(name string, effect func() error) error {
	if k.dead {
		return errDead
	}
	k.at = name
	k.steps <- struct{}{}
	fate := <-k.fates
	if fate == diesBefore || fate == diesAfter || fate != succeeds && strings.HasPrefix(name, "ledger") {
		k.world.lost++
	}
	switch fate {
	case failsBefore:
		return &framework.ServiceError{Service: "test", Op: name, Reason: "failed before it had an effect"}
	case failsAfter:
		_ = effect() // the caller is not told
		return &framework.ServiceError{Service: "test", Op: name, Reason: "failed after it had its effect", Ambiguous: true}
	case held:
		if strings.HasSuffix(name, " comment") || strings.HasSuffix(name, " file") {
			return &framework.Wait{Until: k.world.clock.Now().Add(time.Second), Reason: "too fast for one ticket"}
		}
		return effect()
	case diesBefore:
		k.dead = true
		return errDead
	case diesAfter:
		_ = effect() // there is nobody to tell
		k.dead = true
		return errDead
	default:
		return effect()
	}
}

// String says in rapid's report who is about to do what.
func (k *worker) String() string { return k.job.Name + ": " + k.at }

// asker is the worker's enricher.
type asker struct{ *worker }

func (asker) Kinds() []framework.Kind { return []framework.Kind{framework.User} }

func (a asker) Enrich(_ context.Context, indicator framework.Indicator) (finding framework.Finding, err error) {
	err = a.take("ask", func() error {
		finding = framework.Finding{Indicator: indicator, Summary: "answer of " + a.job.Name, StaleAt: a.world.clock.Now().Add(1000 * time.Hour)}
		finding.Facts = []framework.Fact{{Key: "fact", Label: "Fact", Value: "fact of " + a.job.Name}}
		return nil
	})
	if err == nil {
		a.world.asked[a.job.Name]++
	}
	return finding, err
}

type steppedLedger struct{ *worker }

func (l steppedLedger) Get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	err = l.take("ledger read "+key, func() (err error) {
		value, revision, err = l.world.ledger.Get(ctx, key)
		return err
	})
	return value, revision, err
}

func (l steppedLedger) Put(ctx context.Context, key string, value []byte, revision uint64) (written uint64, err error) {
	err = l.take("ledger store "+key, func() (err error) {
		written, err = l.world.ledger.Put(ctx, key, value, revision)
		return err
	})
	return written, err
}

func (l steppedLedger) Age(revision uint64) time.Duration { return l.world.ledger.Age(revision) }

// steppedTickets has what an enrichment does with a ticket; nothing else is called.
type steppedTickets struct {
	*worker
	framework.Tickets
}

// Fits has no room for tables in a small ticket.
func (s steppedTickets) Fits(body framework.Document) bool {
	return !s.world.small || !slices.ContainsFunc(body, func(block framework.Block) bool {
		_, ok := block.(framework.Table)
		return ok
	})
}

func (s steppedTickets) AddFile(ctx context.Context, key string, file framework.TicketFile) (id string, err error) {
	err = s.take("add file", func() (err error) {
		id, err = s.world.tickets.AddFile(ctx, key, file)
		return err
	})
	return id, err
}

func (s steppedTickets) FindFile(ctx context.Context, key, name string) (id string, err error) {
	err = s.take("find file", func() (err error) {
		id, err = s.world.tickets.FindFile(ctx, key, name)
		return err
	})
	return id, err
}

func (s steppedTickets) AddComment(ctx context.Context, key, mark string, body framework.Document) (id string, err error) {
	err = s.take("add comment", func() (err error) {
		id, err = s.world.tickets.AddComment(ctx, key, mark, body)
		return err
	})
	return id, err
}

func (s steppedTickets) EditComment(ctx context.Context, key, id, mark string, body framework.Document) error {
	return s.take("edit comment", func() error { return s.world.tickets.EditComment(ctx, key, id, mark, body) })
}

func (s steppedTickets) FindComment(ctx context.Context, key, mark string) (id string, err error) {
	err = s.take("find comment", func() (err error) {
		id, err = s.world.tickets.FindComment(ctx, key, mark)
		return err
	})
	return id, err
}

func (steppedTickets) Link(key string) string { return key }
