package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// provider counts what it is asked.
type provider struct {
	now   func() time.Time
	fresh time.Duration
	value string
	calls atomic.Int32
}

func (p *provider) answer(context.Context) (framework.Answer, error) {
	p.calls.Add(1)
	now := p.now()
	return framework.Answer{Value: []byte(p.value), AskedAt: now, StaleAt: now.Add(p.fresh)}, nil
}

func ask(t *testing.T, answers framework.Answers, question string, call func(context.Context) (framework.Answer, error)) framework.Answer {
	t.Helper()
	answer, err := answers.Ask(t.Context(), "virustotal", question, call)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestAnAnswerOutlivesRestartsAndSaysWhenItWasAsked(t *testing.T) {
	dir, clock := t.TempDir(), &frameworktest.Clock{}
	at := func(o *Options) { o.Now = clock.Now }
	vt := &provider{now: clock.Now, fresh: time.Hour, value: "malicious"}
	engine := open(t, dir, at)
	first := ask(t, engine.Answers(), "md5:44d8", vt.answer)
	closeEngine(t, engine)
	clock.Advance(time.Hour - time.Second)
	engine = open(t, dir, at)
	again := ask(t, engine.Answers(), "md5:44d8", vt.answer)
	if diff := cmp.Diff(first, again); diff != "" || vt.calls.Load() != 1 || !again.AskedAt.Equal(frameworktest.Start()) {
		t.Errorf("%d calls; (-first +again):\n%s", vt.calls.Load(), diff)
	}
	ask(t, engine.Answers(), "md5:other", vt.answer)
	if vt.calls.Load() != 2 {
		t.Errorf("another question was answered with %d calls", vt.calls.Load())
	}
	clock.Advance(time.Second)
	if later := ask(t, engine.Answers(), "md5:44d8", vt.answer); vt.calls.Load() != 3 || !later.AskedAt.Equal(clock.Now()) {
		t.Errorf("a stale answer of %s was used at %s", later.AskedAt, clock.Now())
	}
}

// twoOn returns two that share a bucket, as replicas do.
func twoOn(engine *Engine) [2]framework.Answers {
	mine := engine.answers
	mine.alone = false
	return [2]framework.Answers{mine, &answers{bucket: mine.bucket, now: mine.now, log: mine.log, timeout: mine.timeout, id: "the other", claims: &sightings{elapsed: monotonic()}}}
}

func TestAQuestionInFlightIsAskedOnceByAllReplicas(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	release := make(chan struct{})
	vt := &provider{now: time.Now, fresh: time.Hour, value: "malicious"}
	slow := func(ctx context.Context) (framework.Answer, error) {
		<-release
		return vt.answer(ctx)
	}
	var all sync.WaitGroup
	for _, replica := range twoOn(engine) {
		for range 20 {
			all.Go(func() {
				answer, err := replica.Ask(t.Context(), "virustotal", "md5:44d8", slow)
				if err != nil || string(answer.Value) != "malicious" {
					t.Errorf("got %q, %v", answer.Value, err)
				}
			})
		}
	}
	close(release)
	all.Wait()
	if vt.calls.Load() != 1 {
		t.Errorf("%d calls", vt.calls.Load())
	}
}

func TestAQuestionThatAnotherReplicaAsksForLongIsPutOff(t *testing.T) {
	clock := &frameworktest.Clock{}
	engine := open(t, t.TempDir(), func(o *Options) { o.Now = clock.Now })
	replicas := twoOn(engine)
	replicas[1].(*answers).claims = &sightings{elapsed: clock.Elapsed}
	begun, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		ask(t, replicas[0], "md5:44d8", func(context.Context) (framework.Answer, error) {
			close(begun)
			<-release
			return framework.Answer{Value: []byte("late"), AskedAt: clock.Now(), StaleAt: clock.Now().Add(time.Hour)}, nil
		})
	})
	<-begun
	never := func(context.Context) (framework.Answer, error) { return framework.Answer{}, errors.New("asked twice") }
	_, err := replicas[1].Ask(t.Context(), "virustotal", "md5:44d8", never)
	wait, ok := errors.AsType[*framework.Wait](err)
	if !ok || !wait.Until.Equal(clock.Now().Add(lookAgain)) || wait.Reason != "another replica is asking virustotal the same" {
		t.Errorf("got %v", err)
	}
	clock.Advance(askLimit) // whoever claimed it must be dead
	vt := &provider{now: clock.Now, fresh: time.Hour, value: "mine"}
	if answer := ask(t, replicas[1], "md5:44d8", vt.answer); string(answer.Value) != "mine" {
		t.Errorf("got %q", answer.Value)
	}
	close(release)
	all.Wait()
	if answer := ask(t, replicas[0], "md5:44d8", never); string(answer.Value) != "mine" {
		t.Errorf("the answer of who had lost the claim was kept: %q", answer.Value)
	}
}

func TestAFailedQuestionIsFreeAtOnce(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	vt := &provider{now: time.Now, fresh: time.Hour, value: "malicious"}
	quota := &framework.Wait{Until: time.Now().Add(time.Hour), Reason: "a quota"}
	for name, fail := range map[string]func(context.Context) (framework.Answer, error){
		"an error":               func(context.Context) (framework.Answer, error) { return framework.Answer{}, quota },
		"an answer without life": func(context.Context) (framework.Answer, error) { return framework.Answer{}, nil },
		"a panic":                func(context.Context) (framework.Answer, error) { panic("planned") },
	} {
		t.Run(name, func(t *testing.T) {
			func() {
				defer func() { _ = recover() }()
				_, err := engine.Answers().Ask(t.Context(), "virustotal", name, fail)
				if name == "an error" && !errors.Is(err, quota) {
					t.Errorf("got %v", err)
				}
			}()
			before := vt.calls.Load()
			for _, replica := range twoOn(engine) {
				ask(t, replica, name, vt.answer)
			}
			if calls := vt.calls.Load() - before; calls != 1 {
				t.Errorf("%d calls after a failure", calls)
			}
		})
	}
}

func TestWhoIsCalledOffLeavesTheQuestionToTheOthers(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	begun := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		_, err := engine.Answers().Ask(ctx, "virustotal", "md5:44d8", func(ctx context.Context) (framework.Answer, error) {
			close(begun)
			<-ctx.Done()
			return framework.Answer{}, ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("who was called off got %v", err)
		}
	})
	<-begun
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := engine.Answers().Ask(gone, "virustotal", "md5:44d8", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	vt := &provider{now: time.Now, fresh: time.Hour, value: "malicious"}
	all.Go(func() {
		if answer, err := engine.Answers().Ask(t.Context(), "virustotal", "md5:44d8", vt.answer); err != nil || string(answer.Value) != "malicious" {
			t.Errorf("who stayed got %q, %v", answer.Value, err)
		}
	})
	cancel()
	all.Wait()
}

func TestAnswersAreBoundedAndTheOldestGiveWay(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.MaxStore = 32 << 20 }) // of which 1 MiB for answers
	vt := &provider{now: time.Now, fresh: time.Hour, value: strings.Repeat("x", 100<<10)}
	for i := range 30 {
		ask(t, engine.Answers(), fmt.Sprint(i), vt.answer)
	}
	info, err := engine.answers.bucket.stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Bytes > 1<<20 || info.State.Msgs == 0 || info.Config.MaxMsgs != maxAnswers {
		t.Errorf("%d answers have %d bytes", info.State.Msgs, info.State.Bytes)
	}
	before := vt.calls.Load()
	ask(t, engine.Answers(), "29", vt.answer)
	if vt.calls.Load() != before {
		t.Error("the newest answer is gone")
	}
	ask(t, engine.Answers(), "0", vt.answer)
	if vt.calls.Load() != before+1 {
		t.Error("the oldest answer is there")
	}
	huge := &provider{now: time.Now, fresh: time.Hour, value: strings.Repeat("x", framework.MaxAnswerKept+1)}
	for range 2 {
		if answer := ask(t, engine.Answers(), "huge", huge.answer); len(answer.Value) != framework.MaxAnswerKept+1 {
			t.Errorf("got %d bytes", len(answer.Value))
		}
	}
	if huge.calls.Load() != 2 {
		t.Error("an answer beyond the bound was kept")
	}
}

func TestAnAnswerFromTheFutureIsNotUsed(t *testing.T) {
	clock := &frameworktest.Clock{}
	engine := open(t, t.TempDir(), func(o *Options) { o.Now = clock.Now })
	vt := &provider{now: clock.Now, fresh: 24 * time.Hour, value: "malicious"}
	clock.Advance(365 * 24 * time.Hour) // a wrong date
	ask(t, engine.Answers(), "md5:44d8", vt.answer)
	clock.Set(-365 * 24 * time.Hour)
	if answer := ask(t, engine.Answers(), "md5:44d8", vt.answer); vt.calls.Load() != 2 || !answer.AskedAt.Equal(clock.Now()) {
		t.Errorf("an answer of %s was used at %s", answer.AskedAt, clock.Now())
	}
}

func TestAClaimFromTheFutureHoldsNobodyUp(t *testing.T) {
	clock := &frameworktest.Clock{}
	engine := open(t, t.TempDir(), func(o *Options) { o.Now = clock.Now })
	key := framework.Fingerprint("virustotal", "md5:44d8")
	claim := storedAnswer{Claimed: clock.Now().Add(24 * time.Hour)}
	if _, err := engine.answers.write(t.Context(), key, claim, 0, askLimit); err != nil {
		t.Fatal(err)
	}
	vt := &provider{now: clock.Now, fresh: time.Hour, value: "malicious"}
	if answer := ask(t, engine.Answers(), "md5:44d8", vt.answer); string(answer.Value) != "malicious" {
		t.Errorf("got %q", answer.Value)
	}
}

func TestADamagedAnswerIsAskedForAgain(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	if _, err := engine.answers.bucket.put(t.Context(), framework.Fingerprint("virustotal", "md5:44d8"), []byte(`{"value":`), 0); err != nil {
		t.Fatal(err)
	}
	vt := &provider{now: time.Now, fresh: time.Hour, value: "malicious"}
	for range 2 {
		ask(t, engine.Answers(), "md5:44d8", vt.answer)
	}
	if vt.calls.Load() != 1 {
		t.Errorf("%d calls", vt.calls.Load())
	}
}

// TestACopyLeavesAnswersBehind holds that one which expires while a store is copied does not count as lost.
func TestACopyLeavesAnswersBehind(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	vt := &provider{now: time.Now, fresh: time.Hour, value: "malicious"}
	ask(t, engine.Answers(), "md5:44d8", vt.answer)
	publish(t, engine, alert(t, "first"))
	closeEngine(t, engine)
	from, to := copyOptions(t, dir, startNATS(t, 1, "").options())
	rows, err := Copy(t.Context(), from, to, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Name == answersBucket {
			t.Errorf("copied: %+v", row)
		}
	}
	replica, err := Open(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeEngine(t, replica) })
	ask(t, replica.Answers(), "md5:44d8", vt.answer)
	if vt.calls.Load() != 2 {
		t.Errorf("%d calls", vt.calls.Load())
	}
}

func TestABucketOfAnswersThatFailsKeepsNobodyFromAsking(t *testing.T) {
	clock := &frameworktest.Clock{}
	log := &lockedBuffer{}
	engine := open(t, t.TempDir(), func(o *Options) {
		o.Now, o.Log = clock.Now, slog.New(slog.NewJSONHandler(log, nil))
	})
	engine.answers.timeout = 100 * time.Millisecond
	vt := &provider{now: clock.Now, fresh: time.Hour, value: "malicious"}
	ask(t, engine.Answers(), "md5:44d8", vt.answer)
	working := engine.answers.bucket
	engine.answers.bucket = &bucket{js: working.js, stream: working.stream, prefix: "$KV.nowhere."} // reads find nothing, nobody takes a write
	for n := range 3 {
		if answer := ask(t, engine.Answers(), "md5:44d8", vt.answer); string(answer.Value) != "malicious" || vt.calls.Load() != int32(n+2) {
			t.Errorf("got %q after %d calls", answer.Value, vt.calls.Load())
		}
	}
	if told := strings.Count(log.String(), "answers cannot be kept; providers are asked without"); told != 1 {
		t.Errorf("the log tells it %d times", told)
	}
	engine.answers.bucket = working
	ask(t, engine.Answers(), "md5:44d8", vt.answer)
	if vt.calls.Load() != 5 {
		t.Error("a bucket that has just failed is tried for every question")
	}
	clock.Advance(leaveAlone)
	ask(t, engine.Answers(), "md5:44d8", vt.answer)
	if vt.calls.Load() != 5 {
		t.Error("the bucket is not tried again")
	}
	refused := errors.New("no quota")
	if _, err := engine.Answers().Ask(t.Context(), "virustotal", "md5:other", func(context.Context) (framework.Answer, error) { return framework.Answer{}, refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}

func TestAClaimThatWasLeftBehindKeepsNobodyWaiting(t *testing.T) {
	for name, c := range map[string]struct {
		by    string
		alone bool
	}{
		"by the same process, which did not learn that it was written": {"mine", false},
		"by a process before, on a store of its own":                   {"the last", true},
	} {
		t.Run(name, func(t *testing.T) {
			engine := open(t, t.TempDir(), nil)
			mine := engine.answers
			mine.id, mine.alone = "mine", c.alone
			key := framework.Fingerprint("virustotal", "md5:44d8")
			if _, err := mine.write(t.Context(), key, storedAnswer{Claimed: time.Now().UTC(), By: c.by}, 0, askLimit); err != nil {
				t.Fatal(err)
			}
			vt := &provider{now: time.Now, fresh: time.Hour, value: "malicious"}
			ask(t, mine, "md5:44d8", vt.answer)
			ask(t, mine, "md5:44d8", vt.answer)
			if vt.calls.Load() != 1 {
				t.Errorf("%d calls", vt.calls.Load())
			}
		})
	}
}

// TestAClaimOnAQuestionAgesByAClockThatNobodySets: one set back must not keep a claim, nor one set ahead void it.
func TestAClaimOnAQuestionAgesByAClockThatNobodySets(t *testing.T) {
	clock := &frameworktest.Clock{}
	mine := &answers{now: clock.Now, id: "mine", claims: &sightings{elapsed: clock.Elapsed}}
	stored := storedAnswer{Claimed: clock.Now(), By: "another", revision: 7}
	for _, step := range []struct {
		name      string
		set, pass time.Duration
		want      bool
	}{
		{"when it is met", 0, 0, true},
		{"the clock is set ahead by a day", 24 * time.Hour, time.Second, true},
		{"and back by two", -48 * time.Hour, askLimit - 2*time.Second, true},
		{"a minute after it was met", 0, time.Second, false},
	} {
		clock.Set(step.set)
		clock.Advance(step.pass)
		if got := mine.isAsking(stored); got != step.want {
			t.Errorf("%s: it holds: %t", step.name, got)
		}
	}
	stored.revision = 9
	if !mine.isAsking(stored) {
		t.Error("a later claim is as old as the one before")
	}
}
