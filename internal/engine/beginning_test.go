package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// TestAQueueOfWhichTheStateIsTornBesideTheEndOfItsEventsBeginsWhereItBegan: the repair then holds the last place by a record at the
// end that is no message.
func TestAQueueOfWhichTheStateIsTornBesideTheEndOfItsEventsBeginsWhereItBegan(t *testing.T) {
	dir, events := waitingStore(t)
	block := blockOf(dir, "EV_splunk")
	info, err := os.Stat(block)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.Truncate(block, info.Size()-10), os.Truncate(stateOfTicket(dir), 0), os.RemoveAll(filepath.Join(filepath.Dir(block), "index.db")))
	if err != nil {
		t.Fatal(err)
	}
	engine := open(t, dir, killOptions)
	run(t, engine, onAlert("ticket", &action{}))
	for _, event := range events[:len(events)-1] {
		untilState(t, engine, event.ID, framework.RunDone)
	}
}

// TestAQueueThatIsMadeAnewBeginsInFrontOfAReplay: of several filters the server would begin at the first message of the one that has
// none in front of the queue's own time.
func TestAQueueThatIsMadeAnewBeginsInFrontOfAReplay(t *testing.T) {
	for name, times := range map[string]int{"once": 1, "twice": 2} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			engine := open(t, dir, killOptions)
			before := alert(t, "before the automation")
			publish(t, engine, before)
			events := alerts(t, 4)
			tried := &action{do: func(_ context.Context, job framework.Job) (framework.Result, error) {
				if job.Event.ID == events[0].ID {
					return framework.Result{}, &framework.ServiceError{Service: "jira", Op: "create", Reason: "no", Permanent: true}
				}
				return framework.Result{}, errors.New("down")
			}}
			run(t, engine, onAlert("ticket", tried))
			publish(t, engine, events...)
			untilState(t, engine, events[0].ID, framework.RunDead)
			if err := engine.Replay(t.Context(), framework.Act{}, lettersOf(t, engine)[0].ID); err != nil {
				t.Fatal(err)
			}
			publish(t, engine, alert(t, "last"))
			until(t, "all were tried again", func() bool { return len(tried.attempts()) >= 9 })
			for range times {
				dir = killedCopy(t, dir)
				closeEngine(t, engine)
				if err := os.Truncate(stateOfTicket(dir), 0); err != nil {
					t.Fatal(err)
				}
				engine = open(t, dir, killOptions)
				run(t, engine, onAlert("ticket", tried))
			}
			closeEngine(t, engine)
			engine = open(t, dir, killOptions)
			done := &action{}
			run(t, engine, onAlert("ticket", done))
			for _, event := range events[1:] {
				untilState(t, engine, event.ID, framework.RunDone)
			}
			if runs := runsOf(t, engine, before.ID); len(runs) > 0 {
				t.Errorf("an event from before the automation has %v", runs)
			}
		})
	}
}

func TestThePlaceOfATimeComesAfterAllThatIsOlder(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	for _, event := range alerts(t, 5) {
		publish(t, engine, event)
	}
	stream, err := engine.streams.of(t.Context(), "splunk")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(stream.DeleteMsg(t.Context(), 2), stream.DeleteMsg(t.Context(), 5)); err != nil {
		t.Fatal(err)
	}
	at := func(place uint64) time.Time {
		message, err := stream.GetMsg(t.Context(), place)
		if err != nil {
			t.Fatal(err)
		}
		return message.Time
	}
	for name, c := range map[string]struct {
		since time.Time
		want  uint64
	}{
		"before all":                         {time.Time{}, 1},
		"that of the first":                  {at(1), 1},
		"just behind the first, one is gone": {at(1).Add(1), 2},
		"that of the last":                   {at(4), 4},
		"behind all":                         {at(4).Add(time.Hour), 5},
	} {
		t.Run(name, func(t *testing.T) {
			config := jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy, OptStartTime: &c.since}
			if err := beginSince(t.Context(), stream, &config, c.since); err != nil {
				t.Fatal(err)
			}
			want := jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: c.want}
			if diff := cmp.Diff(want, config); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func stateOfTicket(dir string) string {
	return filepath.Join(streamsIn(dir), "EV_splunk", "obs", "ticket", "o.dat")
}
