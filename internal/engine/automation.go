package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"funnelweb/framework"
)

// Automation does an action on events of one type.
type Automation struct {
	Name   string // 1 to 63 of a-z, 0-9, - and _; part of stored state, so that renaming makes it a new one
	On     string // the event type, such as splunk.alert
	When   func(framework.Event) (bool, error)
	Action framework.Action
}

// maxWaiting is how many events of one queue may be taken or wait for their next try, for a quota say. Further ones stay
// in the stream, also when they would not have to wait. Only the store knows those that wait, with less than 100 bytes
// of memory for each; at 500 calls a day this many take 40 days.
const maxWaiting = 20_000

// Run makes a queue for each job of each automation and starts their workers. A new automation begins with the events
// that are published from then on; one that was there before goes on where it stopped. When is optional. Run is
// called once.
func (e *Engine) Run(automations []Automation) error {
	queues, err := e.queuesOf(automations)
	if err != nil {
		return err
	}
	e.running.Lock()
	defer e.running.Unlock()
	if e.isDraining() || e.queues.Load() != nil {
		return errors.New("engine: Run was called before, or the engine is drained or closed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, queue := range queues {
		if err := e.setup().do(ctx, queue.open); err != nil {
			return err
		}
	}
	if err := e.leaveUnconfigured(ctx, queues); err != nil {
		return err
	}
	if e.embedded != nil {
		if err := e.keepCopies(); err != nil {
			return fmt.Errorf("keep copies of the store's descriptions: %w", err)
		}
	}
	e.startQueues(queues)
	return nil
}

func (e *Engine) startQueues(queues []*queue) {
	jobs, cancel := context.WithCancel(context.Background())
	taking, stop := context.WithCancel(jobs)
	e.stop, e.cancel = stop, cancel
	for _, queue := range queues {
		queue.start(taking, jobs)
	}
	e.queues.Store(&queues)
	sweeper := e.newSweeper()
	e.jobs.Go(func() { sweeper.run(taking) })
}

// queuesOf checks automations and divides them into queues.
func (e *Engine) queuesOf(automations []Automation) ([]*queue, error) {
	var queues []*queue
	var errs []error
	seen := map[string]bool{}
	for _, automation := range automations {
		source, what, _ := strings.Cut(automation.On, ".")
		switch {
		case !isName(automation.Name):
			errs = append(errs, fmt.Errorf("automation name %q is not 1 to 63 of a-z, 0-9, - and _", automation.Name))
			continue
		case !isName(source) || !isName(what):
			errs = append(errs, fmt.Errorf("automation %s: event type %q is not of the form source.what", automation.Name, automation.On))
			continue
		case automation.Action == nil:
			errs = append(errs, fmt.Errorf("automation %s has no action", automation.Name))
			continue
		}
		for _, job := range jobsOf(automation.Action) {
			name := queueName(automation.Name, job)
			if job != "" && !isName(job) {
				errs = append(errs, fmt.Errorf("automation %s: job name %q is not 1 to 63 of a-z, 0-9, - and _", automation.Name, job))
			}
			if seen[name] {
				errs = append(errs, fmt.Errorf("automation %s: the name is used twice", strings.ReplaceAll(name, "=", ", job ")))
			}
			seen[name] = true
			queues = append(queues, &queue{engine: e, automation: automation, job: job, name: name, source: source, what: what})
		}
	}
	return queues, errors.Join(errs...)
}

// jobsOf names an action's jobs; one that is not divided has one without a name.
func jobsOf(action framework.Action) []string {
	if divided, ok := action.(framework.Divided); ok {
		return divided.Jobs()
	}
	return []string{""}
}

// queueName joins with a character that neither name can hold.
func queueName(automation, job string) string {
	if job == "" {
		return automation
	}
	return automation + "=" + job
}

func splitQueueName(name string) (automation, job string) {
	automation, job, _ = strings.Cut(name, "=")
	return automation, job
}
