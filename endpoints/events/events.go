// Package events shows operators what became of the stored events, and lets them repeat or drop what was given up.
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

// New returns the routes for events and for dead letters.
func New(_ Config, deps framework.Deps) (framework.Routes, error) {
	o := operator{activity: deps.Activity, log: deps.Log}
	return append(o.eventRoutes(), o.deadLetterRoutes()...), nil
}

// Page is a call for a list.
type Page struct {
	Limit int `query:"limit" doc:"The most entries to return" default:"50" minimum:"1" maximum:"500"`
}

// One is a call for one event.
type One struct {
	ID string `path:"id" doc:"Id of the event" maxLength:"200" pattern:"^[A-Za-z0-9._:=-]+$" example:"splunk-mq7mqn4ycphcbhlwxfhwnlqg6e"`
}

// Summary is an event without its data.
type Summary struct {
	ID        string    `json:"id"`
	Type      string    `json:"type" doc:"source.what, such as splunk.alert"`
	Time      time.Time `json:"time" doc:"When it was accepted"`
	RequestID string    `json:"request_id" doc:"The request that brought it"`
}

// List is the newest events.
type List struct {
	Events []Summary `json:"events" doc:"Newest first"`
}

func (o operator) eventRoutes() framework.Routes {
	list := framework.Endpoint[Page, List]{
		Method: http.MethodGet, Path: "/api/v1/events", ID: "list-events", Scope: framework.ScopeRead,
		Tag: "Events", TagDescription: "What came in, and what automations did with it.",
		Summary:     "List the newest events, without their data",
		Description: "Newest first. Events are kept for 30 days.",
		Answer:      &List{Events: []Summary{exampleSummary()}},
		Handle:      o.recent,
	}
	one := framework.Endpoint[One, framework.EventStatus]{
		Method: http.MethodGet, Path: "/api/v1/events/{id}", ID: "get-event", Scope: framework.ScopeRead, Tag: "Events",
		Summary: "Show an event and how far each automation is with it",
		Description: "An automation has a run for each of its jobs, such as one an enricher. A run that was given up is among the " +
			"dead letters.",
		Answer: &framework.EventStatus{Event: exampleEvent(), Runs: []framework.Run{{
			Automation: "ticket-for-alert", State: framework.RunDone, Attempts: 1, Result: "created SEC-1",
			Link: "https://example.atlassian.net/browse/SEC-1", ChangedAt: exampleTime(),
		}}},
		Handle: o.event,
	}
	return framework.Routes{list.Route(), one.Route()}
}

func (o operator) recent(ctx context.Context, page *Page) (*List, error) {
	recent, err := o.activity.Recent(ctx, page.Limit)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	list := List{Events: make([]Summary, 0, len(recent))}
	for _, event := range recent {
		list.Events = append(list.Events, Summary{ID: event.ID, Type: event.Type, Time: event.Time, RequestID: event.RequestID})
	}
	return &list, nil
}

func (o operator) event(ctx context.Context, call *One) (*framework.EventStatus, error) {
	status, err := o.activity.Event(ctx, call.ID)
	if err != nil {
		return nil, missing(err, "show event", "no event of this id is stored; events are kept for 30 days")
	}
	return &status, nil
}

// missing makes a 404 of an unknown id and wraps every other error with what was being done.
func missing(err error, doing, detail string) error {
	if errors.Is(err, framework.ErrNoEvent) {
		return framework.NewProblem(http.StatusNotFound, detail)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
