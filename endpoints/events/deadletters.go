package events

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"funnelweb/framework"
)

const noDeadLetter = "no dead letter of this id is stored; it may have been replayed or dropped before"

// OneLetter is a call for one dead letter. Request is the call itself, for the log to say who made it.
type OneLetter struct {
	ID      string `path:"id" doc:"Id of the dead letter" maxLength:"200" pattern:"^[A-Za-z0-9._:=-]+$" example:"lq6f2w7m5v4sjz3d7kx5yhgn2a"`
	Request *framework.Request
}

// Letters is the dead letters.
type Letters struct {
	DeadLetters []framework.DeadLetter `json:"deadletters" doc:"Oldest first"`
}

// Letter is a dead letter with the event that it is about.
type Letter struct {
	DeadLetter framework.DeadLetter `json:"deadletter"`
	Event      framework.Event      `json:"event"`
}

// Replayed says where to see what comes of a replay.
type Replayed struct {
	EventID string `json:"event_id" doc:"The event that was given to its automation again"`
}

// HTTPStatus is 202: the automation runs after the answer.
func (Replayed) HTTPStatus() int { return http.StatusAccepted }

// operator serves people who look after the engine.
type operator struct {
	activity framework.Activity
	log      *slog.Logger
}

func (o operator) deadLetterRoutes() framework.Routes {
	const all, one = "/api/v1/deadletters", "/api/v1/deadletters/{id}"
	list := framework.Endpoint[Page, Letters]{
		Method: http.MethodGet, Path: all, ID: "list-deadletters", Scope: framework.ScopeRead,
		Tag: "Dead letters", TagDescription: "What automations gave up on, to be repeated or dropped.",
		Summary:     "List what automations gave up on",
		Description: "Oldest first, each with the reason of the last attempt.",
		Answer:      &Letters{DeadLetters: []framework.DeadLetter{exampleLetter()}},
		Handle:      o.letters,
	}
	show := framework.Endpoint[OneLetter, Letter]{
		Method: http.MethodGet, Path: one, ID: "get-deadletter", Scope: framework.ScopeRead, Tag: "Dead letters",
		Summary:     "Show a dead letter and its event",
		Description: "The event is whole, with its data as it was validated.",
		Answer:      &Letter{DeadLetter: exampleLetter(), Event: exampleEvent()},
		Handle:      o.letter,
	}
	replay := framework.Endpoint[OneLetter, Replayed]{
		Method: http.MethodPost, Path: one + "/replay", ID: "replay-deadletter", Scope: framework.ScopeAdmin, Tag: "Dead letters",
		Summary:     "Give the event to the one job that gave it up",
		Description: "The dead letter is gone with that; if the job gives up again, there is a new one. No other job sees the event again.",
		Success:     []int{http.StatusAccepted},
		Answer:      &Replayed{EventID: exampleEvent().ID},
		Handle:      o.replay,
	}
	drop := framework.Endpoint[OneLetter, framework.DeadLetter]{
		Method: http.MethodDelete, Path: one, ID: "drop-deadletter", Scope: framework.ScopeAdmin, Tag: "Dead letters",
		Summary:     "Remove a dead letter for good",
		Description: "The answer is what was removed.",
		Answer:      new(exampleLetter()),
		Handle:      o.drop,
	}
	return framework.Routes{list.Route(), show.Route(), replay.Route(), drop.Route()}
}

func (o operator) letters(ctx context.Context, page *Page) (*Letters, error) {
	letters, err := o.activity.DeadLetters(ctx, page.Limit)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return &Letters{DeadLetters: letters}, nil
}

func (o operator) letter(ctx context.Context, call *OneLetter) (*Letter, error) {
	letter, event, err := o.activity.DeadLetter(ctx, call.ID)
	if err != nil {
		return nil, missing(err, "show dead letter", noDeadLetter)
	}
	return &Letter{DeadLetter: letter, Event: event}, nil
}

func (o operator) replay(ctx context.Context, call *OneLetter) (*Replayed, error) {
	letter, _, err := o.activity.DeadLetter(ctx, call.ID)
	if err != nil {
		return nil, missing(err, "read dead letter to replay", noDeadLetter)
	}
	if err := o.activity.Replay(ctx, call.ID); err != nil {
		return nil, missing(err, "replay dead letter", noDeadLetter)
	}
	o.log.LogAttrs(ctx, slog.LevelInfo, "dead letter replayed", trace(letter, call.Request)...)
	return &Replayed{EventID: letter.EventID}, nil
}

func (o operator) drop(ctx context.Context, call *OneLetter) (*framework.DeadLetter, error) {
	letter, _, err := o.activity.DeadLetter(ctx, call.ID)
	if err != nil {
		return nil, missing(err, "read dead letter to drop", noDeadLetter)
	}
	if err := o.activity.Drop(ctx, call.ID); err != nil {
		return nil, missing(err, "drop dead letter", noDeadLetter)
	}
	o.log.LogAttrs(ctx, slog.LevelInfo, "dead letter dropped", trace(letter, call.Request)...)
	return &letter, nil
}

// trace is what the log keeps of an operator's act: a dropped dead letter is nowhere else afterwards.
func trace(letter framework.DeadLetter, call *framework.Request) []slog.Attr {
	return []slog.Attr{
		slog.String("request_id", call.ID), slog.String("caller", call.Identity()),
		slog.String("deadletter", letter.ID), slog.String("event", letter.EventID),
		slog.String("automation", letter.Automation), slog.String("job", letter.Job),
	}
}
