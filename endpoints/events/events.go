// Package events shows operators what became of the stored events and what waits, and lets them repeat, drop or hand over
// what was given up or left behind.
package events

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"funnelweb/framework"
)

// Config is empty: there is nothing to choose.
type Config struct{}

// Defaults returns the empty configuration.
func Defaults() Config { return Config{} }

// New returns the routes for events, dead letters, queues and the audit log.
func New(_ Config, deps framework.Deps) (framework.Routes, error) {
	o := operator{activity: deps.Activity}
	var all framework.Routes
	for _, routes := range []framework.Routes{o.eventRoutes(), o.deadLetterRoutes(), o.bulkRoutes(), o.queueRoutes(), o.auditRoutes()} {
		all = append(all, routes...)
	}
	return all, nil
}

// operator serves people who look after the engine.
type operator struct{ activity framework.Activity }

// ListCall is a call for events.
type ListCall struct {
	Source     string             `query:"source" maxLength:"63" doc:"Only events of this source: the part of their type before the dot" example:"splunk"`
	Type       string             `query:"type" maxLength:"127" doc:"Only events of this type" example:"splunk.alert"`
	Automation string             `query:"automation" maxLength:"63" doc:"Only events that go to this automation" example:"ticket-for-alert"`
	State      framework.RunState `query:"state" enum:"waiting,running,retrying,done,skipped,dead" doc:"Only events with a run in this state; with automation, a run of that"`
	Since      time.Time          `query:"since" doc:"Only events accepted then or later" example:"2026-11-20T00:00:00Z"`
	Until      time.Time          `query:"until" doc:"Only events accepted before" example:"2026-11-21T00:00:00+01:00"`
	Limit      int                `query:"limit" doc:"The most entries to return" default:"50" minimum:"1" maximum:"500"`
	Cursor     string             `query:"cursor" maxLength:"8192" doc:"next of the page before" example:"eyJsIjoiZXZlbnRzIiwiYSI6eyJzcGx1bmsiOjd9fQ"`
}

// One is a call for one event.
type One struct {
	ID string `path:"id" doc:"Id of the event" maxLength:"200" pattern:"^[A-Za-z0-9._:=-]+$" example:"splunk-mq7mqn4ycphcbhlwxfhwnlqg6e"`
}

// List is a page of events.
type List struct {
	Events []framework.EventSummary `json:"events" doc:"Newest first"`
	Next   string                   `json:"next,omitempty" doc:"cursor of the next page; absent at the end. A page may be short, or empty, and not the last"`
}

func (o operator) eventRoutes() framework.Routes {
	list := framework.Endpoint[ListCall, List]{
		Method: http.MethodGet, Path: "/api/v1/events", ID: "list-events", Scope: framework.ScopeRead,
		Tag: "Events", TagDescription: "What came in, and what automations did with it.",
		Summary: "List events with what became of them, without their data",
		Description: "Newest first. Events are kept for 30 days, and longer while an automation needs them. A call looks at 5000 events at most, at " +
			"1000 where it asks for a state or an automation: what it does not get to, next goes on with. since and until cost nothing.",
		Answer: &List{Events: []framework.EventSummary{exampleSummary()}},
		Handle: o.list,
	}
	changes := framework.Endpoint[ChangesCall, Changes]{
		Method: http.MethodGet, Path: "/api/v1/events/changes", ID: "follow-events", Scope: framework.ScopeRead, Tag: "Events",
		Summary: "Wait for what happens next",
		Description: "Without after it answers at once, with the cursor of now. With it, it answers when something happened, or after wait seconds " +
			"with nothing; next is where to go on. Of several changes of one run, the last is told.",
		Answer: &Changes{Next: "eyJsIjoiY2hhbmdlcyIsImEiOnsic3BsdW5rIjo4fX0", Changes: []framework.EventChange{
			{Time: exampleTime(), EventID: exampleEvent().ID, Type: exampleEvent().Type},
			{Time: exampleTime().Add(time.Second), EventID: exampleEvent().ID, Type: exampleEvent().Type, Run: new(exampleRun())},
		}},
		Handle: o.changes,
	}
	one := framework.Endpoint[One, framework.EventStatus]{
		Method: http.MethodGet, Path: "/api/v1/events/{id}", ID: "get-event", Scope: framework.ScopeRead, Tag: "Events",
		Summary: "Show an event and how far each automation is with it",
		Description: "An automation has a run for each of its jobs, such as one an enricher. A run that was given up is among the " +
			"dead letters.",
		Answer: &framework.EventStatus{Event: exampleEvent(), Runs: []framework.Run{exampleRun()}},
		Handle: o.event,
	}
	return framework.Routes{list.Route(), changes.Route(), one.Route()}
}

func (o operator) list(ctx context.Context, call *ListCall) (*List, error) {
	filter := framework.EventFilter{
		Source: call.Source, Type: call.Type, Automation: call.Automation, State: call.State, Since: call.Since, Until: call.Until,
	}
	events, next, err := o.activity.Events(ctx, filter, framework.Page{Limit: call.Limit, Cursor: call.Cursor})
	if err != nil {
		return nil, refused(err, "list events", "")
	}
	return &List{Events: events, Next: next}, nil
}

func (o operator) event(ctx context.Context, call *One) (*framework.EventStatus, error) {
	status, err := o.activity.Event(ctx, call.ID)
	if err != nil {
		return nil, refused(err, "show event", "no event of this id is stored; events are kept for 30 days, and longer while an automation needs them")
	}
	return &status, nil
}

// refused makes a 404 of an unknown id, a 422 of a strange cursor, and wraps every other error with what was being done.
func refused(err error, doing, missing string) error {
	switch {
	case errors.Is(err, framework.ErrNoEvent):
		return framework.NewProblem(http.StatusNotFound, missing)
	case errors.Is(err, framework.ErrCursor):
		problem := framework.NewProblem(http.StatusUnprocessableEntity, "The cursor is not one that this list gave. Begin without one.")
		problem.Errors = []framework.Field{{In: "query", Pointer: "cursor", Rule: "cursor", Message: "must be next of an earlier page of this list"}}
		return problem
	}
	return fmt.Errorf("%s: %w", doing, err)
}
