package engine

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// queue is the durable consumer of one job of one automation: its events come, fail and wait apart from all others.
type queue struct {
	engine       *Engine
	automation   Automation
	job          string
	name         string // of the consumer
	source, what string

	consumer jetstream.Consumer // the dispatcher's
	created  time.Time          // events from before do not come to it
	first    uint64             // nor events in front of this place, where it was copied from elsewhere
	state    queueState         // as it was when the queue was opened
	broken   bool               // the store does not answer the dispatcher
	told     told
}

// retryQueue is the pause after the store did not answer a queue.
const retryQueue = time.Second

// matches reports whether events of a type come to this queue.
func (q *queue) matches(eventType string) bool { return q.automation.On == eventType }

// concerns reports whether a message came after the queue was made, and while it was configured. One that was made anew tells by
// its place alone where it began.
func (q *queue) concerns(message *jetstream.RawStreamMsg) bool {
	began := message.Sequence >= q.first
	if q.first == 0 {
		began = !message.Time.Before(q.created)
	}
	return began && q.state.owns(message.Sequence)
}

// start takes events until taking ends and runs each in a goroutine of its own, under jobs, at most Workers at once.
func (q *queue) start(taking, jobs context.Context) {
	q.engine.jobs.Go(func() { q.dispatch(taking, jobs) })
}

func (q *queue) dispatch(taking, jobs context.Context) {
	for {
		err := q.takeBack(taking)
		if taking.Err() != nil {
			return
		}
		if err == nil {
			break
		}
		q.revive(taking, err)
	}
	free := make(chan struct{}, q.engine.opts.Workers)
	for {
		select {
		case free <- struct{}{}:
		case <-taking.Done():
			return
		}
		if q.engine.breakers.holds(q.name) {
			pause(taking, takePause)
		}
		message := q.next(taking)
		if message == nil {
			return
		}
		q.engine.jobs.Go(func() {
			defer func() { <-free }()
			q.engine.under.Add(1)
			defer q.engine.under.Add(-1)
			q.handle(jobs, message)
		})
	}
}

// next asks for one event, when a worker is free for it: one that lay in a buffer behind a slow job would outlast
// AckWait and be delivered twice. It returns nil when taking ends. Consumer.Messages is of no use here: with a buffer of
// one it may miss to ask for the next message when the last came very fast, and stands still for half a minute
// (nats.go v1.55.0: Next reads fetchInProgress before pullMessages has reset it).
func (q *queue) next(taking context.Context) jetstream.Msg {
	for {
		message, err := q.consumer.Next(jetstream.FetchContext(taking))
		switch {
		case taking.Err() != nil:
			if message != nil {
				q.release(message)
			}
			return nil
		case err == nil:
			q.works()
			return message
		case errors.Is(err, nats.ErrTimeout):
			q.works()
			continue // nothing came; ask again
		}
		q.revive(taking, err)
	}
}

// release gives an event back that nothing was done with. The delay is the least that there is: without one the store
// would forget over a restart that it has the event back, and wait for AckWait.
func (q *queue) release(message jetstream.Msg) { q.settle(message.NakWithDelay(time.Millisecond)) }

// settle logs that the store could not be told what became of an event. It delivers the event again, and the run
// record says what is left to do.
func (q *queue) settle(err error) {
	if err != nil {
		q.engine.log.Warn("answer store", "automation", q.automation.Name, "job", q.job, "err", err)
	}
}

// configured returns the queues in the order of the configuration.
func (e *Engine) configured() []*queue {
	if queues := e.queues.Load(); queues != nil {
		return *queues
	}
	return nil
}

// queueFor returns the queue of a dead letter, if it is still configured for the event's type.
func (e *Engine) queueFor(name string, event framework.Event) *queue {
	for _, queue := range e.configured() {
		if queue.name == name && queue.matches(event.Type) {
			return queue
		}
	}
	return nil
}

// pause waits, or returns early when ctx ends.
func pause(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
