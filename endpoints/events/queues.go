package events

import (
	"context"
	"math"
	"net/http"

	"funnelweb/framework"
)

const noQueue = "no queue of this name is left over: funnelweb queues, or GET /api/v1/queues, lists what there is"

// Nothing is a call that says nothing.
type Nothing struct{}

// Queues is what waits.
type Queues struct {
	Queues []framework.Queue `json:"queues" doc:"Those of the configuration, in its order, then those that it does not have"`
}

// QueueDrop says which queue's events to drop, and why.
type QueueDrop struct {
	Queue  string `json:"queue" minLength:"1" maxLength:"127" pattern:"^[a-z0-9_-]+(/[a-z0-9_-]+)?$" doc:"Name of a queue that is not configured"`
	Source string `json:"source,omitempty" maxLength:"63" doc:"Its source, where queues of several have this name"`
	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, for the audit log"`
	DryRun bool   `json:"dry_run,omitzero" doc:"Say what it would be done to, and do nothing"`
}

// QueueDropCall is a call to drop the events of a queue.
type QueueDropCall struct {
	Body    QueueDrop
	Request *framework.Request
}

// QueueHandOver says which queue's events to give to which other.
type QueueHandOver struct {
	From   string `json:"from" minLength:"1" maxLength:"127" pattern:"^[a-z0-9_-]+(/[a-z0-9_-]+)?$" doc:"Name of a queue that is not configured"`
	To     string `json:"to" minLength:"1" maxLength:"127" pattern:"^[a-z0-9_-]+(/[a-z0-9_-]+)?$" doc:"Name of one that is, for the same type of event"`
	Source string `json:"source,omitempty" maxLength:"63" doc:"Their source, where queues of several have the name"`
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the audit log"`
	DryRun bool   `json:"dry_run,omitzero" doc:"Say what it would be done to, and do nothing"`
}

// QueueHandOverCall is a call to hand over the events of a queue.
type QueueHandOverCall struct {
	Body    QueueHandOver
	Request *framework.Request
}

// QueueActed says what was done.
type QueueActed struct {
	Count int              `json:"count" doc:"How many events it was done to in this call, or would be in all"`
	More  bool             `json:"more" doc:"Whether some are left: call again"`
	Queue *framework.Queue `json:"queue,omitempty" doc:"Of a dry run: what it would be done to"`
}

const queuesTag = "Queues"

func (o operator) queueRoutes() framework.Routes {
	list := framework.Endpoint[Nothing, Queues]{
		Method: http.MethodGet, Path: "/api/v1/queues", ID: "list-queues", Scope: framework.ScopeRead,
		Tag: queuesTag, TagDescription: "What waits for automations, also for those that the configuration does not have any more.",
		Summary: "List what waits for each automation",
		Description: "A queue that is not configured holds what waited when its automation was removed or renamed: it is kept until the automation " +
			"comes back, or somebody drops it or hands it over.",
		Answer: &Queues{Queues: []framework.Queue{
			{Name: "ticket-for-alert", Source: "splunk", Type: "splunk.alert", Configured: true, Waiting: 2, Oldest: exampleTime()},
			{Name: "old-ticket", Source: "splunk", Type: "splunk.alert", Waiting: 7, Oldest: exampleTime(), LeftAt: exampleTime()},
		}},
		Handle: o.queues,
	}
	drop := framework.Endpoint[QueueDropCall, QueueActed]{
		Method: http.MethodPost, Path: "/api/v1/queues/drop", ID: "drop-queue", Scope: framework.ScopeAdmin, Tag: queuesTag,
		Summary:     "Drop what waits for an automation that is not configured",
		Description: "At most 500 events in one call. The events stay readable; their runs say that they were dropped.",
		Example:     QueueDrop{Queue: "old-ticket", Reason: "tickets are made by another system"},
		Answer:      &QueueActed{Count: 7},
		Handle:      o.dropQueue,
	}
	handOver := framework.Endpoint[QueueHandOverCall, QueueActed]{
		Method: http.MethodPost, Path: "/api/v1/queues/handover", ID: "hand-over-queue", Scope: framework.ScopeAdmin, Tag: queuesTag,
		Summary: "Give what waits for an automation that is not configured to one that is",
		Description: "At most 500 events in one call. Each is given once, however often the call is repeated or cut short, and not at all where the " +
			"other automation has it already.",
		Example: QueueHandOver{From: "old-ticket", To: "ticket-for-alert", Reason: "it was renamed"},
		Answer:  &QueueActed{Count: 7},
		Handle:  o.handOver,
	}
	return framework.Routes{list.Route(), drop.Route(), handOver.Route()}
}

func (o operator) queues(ctx context.Context, _ *Nothing) (*Queues, error) {
	queues, err := o.activity.Queues(ctx)
	if err != nil {
		return nil, refused(err, "list queues", noQueue)
	}
	return &Queues{Queues: queues}, nil
}

func (o operator) dropQueue(ctx context.Context, call *QueueDropCall) (*QueueActed, error) {
	name := framework.QueueName{Name: call.Body.Queue, Source: call.Body.Source}
	if call.Body.DryRun {
		return o.check(ctx, name, framework.QueueName{})
	}
	batch, err := o.activity.DropQueue(ctx, framework.ActOf(call.Request, call.Body.Reason), name)
	return settled(batch, err, "drop queue")
}

func (o operator) handOver(ctx context.Context, call *QueueHandOverCall) (*QueueActed, error) {
	from := framework.QueueName{Name: call.Body.From, Source: call.Body.Source}
	to := framework.QueueName{Name: call.Body.To, Source: call.Body.Source}
	if call.Body.DryRun {
		return o.check(ctx, from, to)
	}
	batch, err := o.activity.HandOver(ctx, framework.ActOf(call.Request, call.Body.Reason), from, to)
	return settled(batch, err, "hand over queue")
}

func (o operator) check(ctx context.Context, from, to framework.QueueName) (*QueueActed, error) {
	queue, err := o.activity.CheckQueue(ctx, from, to)
	if err != nil {
		return nil, refused(err, "check queue", noQueue)
	}
	return &QueueActed{Count: int(min(queue.Waiting, math.MaxInt32)), Queue: &queue}, nil
}

func settled(batch framework.Batch, err error, doing string) (*QueueActed, error) {
	if err != nil {
		return nil, refused(err, doing, noQueue)
	}
	return &QueueActed{Count: batch.Count, More: batch.Next != ""}, nil
}
