package events

import (
	"context"
	"net/http"
	"time"

	"funnelweb/framework"
)

const noDeadLetter = "no dead letter of this id is stored; it may have been replayed or dropped before"

// LettersCall is a call for dead letters.
type LettersCall struct {
	Automation string    `query:"automation" maxLength:"63" doc:"Only those of this automation" example:"ticket-for-alert"`
	Job        string    `query:"job" maxLength:"63" doc:"Only those of this job of automations that have several" example:"virustotal"`
	Service    string    `query:"service" maxLength:"100" doc:"Only those that this service failed for" example:"jira"`
	Reason     string    `query:"reason" maxLength:"200" doc:"Only those whose reason contains this text, in upper or lower case" example:"no such project"`
	Since      time.Time `query:"since" doc:"Only those given up then or later" example:"2026-11-20T00:00:00Z"`
	Until      time.Time `query:"until" doc:"Only those given up before" example:"2026-11-21T00:00:00+01:00"`
	Order      string    `query:"order" enum:"oldest,newest" default:"oldest" doc:"Which comes first"`
	Limit      int       `query:"limit" doc:"The most entries to return" default:"50" minimum:"1" maximum:"500"`
	Cursor     string    `query:"cursor" maxLength:"8192" doc:"next of the page before" example:"eyJsIjoiZGVhZGxldHRlcnMiLCJhIjp7ImRlYWRsZXR0ZXJzIjo3fX0"`
}

// OneLetter is a call for one dead letter. Request is the call itself, for the audit log to say who made it.
type OneLetter struct {
	ID      string `path:"id" doc:"Id of the dead letter" maxLength:"200" pattern:"^[A-Za-z0-9._:=-]+$" example:"lq6f2w7m5v4sjz3d7kx5yhgn2a"`
	Request *framework.Request
}

// DropLetter is a call to drop one dead letter.
type DropLetter struct {
	ID      string `path:"id" doc:"Id of the dead letter" maxLength:"200" pattern:"^[A-Za-z0-9._:=-]+$" example:"lq6f2w7m5v4sjz3d7kx5yhgn2a"`
	Body    Why
	Request *framework.Request
}

// Why is the reason for an act that cannot be undone.
type Why struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, for the audit log"`
}

// Letters is a page of dead letters.
type Letters struct {
	DeadLetters []framework.DeadLetter `json:"deadletters"`
	Next        string                 `json:"next,omitempty" doc:"cursor of the next page; absent at the end. A page may be short, or empty, and not the last"`
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

const lettersTag = "Dead letters"

func (o operator) deadLetterRoutes() framework.Routes {
	const all, one = "/api/v1/deadletters", "/api/v1/deadletters/{id}"
	list := framework.Endpoint[LettersCall, Letters]{
		Method: http.MethodGet, Path: all, ID: "list-deadletters", Scope: framework.ScopeRead,
		Tag: lettersTag, TagDescription: "What automations gave up on, to be repeated or dropped.",
		Summary:     "List what automations gave up on",
		Description: "Each with the reason of the last attempt. A call looks at 5000 dead letters, or 64 MiB of them, at most; next goes on.",
		Answer:      &Letters{DeadLetters: []framework.DeadLetter{exampleLetter()}},
		Handle:      o.letters,
	}
	show := framework.Endpoint[OneLetter, Letter]{
		Method: http.MethodGet, Path: one, ID: "get-deadletter", Scope: framework.ScopeRead, Tag: lettersTag,
		Summary:     "Show a dead letter and its event",
		Description: "The event is whole, with its data as it was validated.",
		Answer:      &Letter{DeadLetter: exampleLetter(), Event: exampleEvent()},
		Handle:      o.letter,
	}
	replay := framework.Endpoint[OneLetter, Replayed]{
		Method: http.MethodPost, Path: one + "/replay", ID: "replay-deadletter", Scope: framework.ScopeAdmin, Tag: lettersTag,
		Summary:     "Give the event to the one job that gave it up",
		Description: "The dead letter is gone with that; if the job gives up again, there is a new one. No other job sees the event again.",
		Success:     []int{http.StatusAccepted},
		Answer:      &Replayed{EventID: exampleEvent().ID},
		Handle:      o.replay,
	}
	drop := framework.Endpoint[DropLetter, framework.DeadLetter]{
		Method: http.MethodPost, Path: one + "/drop", ID: "drop-deadletter", Scope: framework.ScopeAdmin, Tag: lettersTag,
		Summary:     "Remove a dead letter for good",
		Description: "The answer is what was removed.",
		Example:     Why{Reason: "the host was decommissioned"},
		Answer:      new(exampleLetter()),
		Handle:      o.drop,
	}
	return framework.Routes{list.Route(), show.Route(), replay.Route(), drop.Route()}
}

func (o operator) letters(ctx context.Context, call *LettersCall) (*Letters, error) {
	filter := framework.LetterFilter{
		Automation: call.Automation, Job: call.Job, Service: call.Service, Reason: call.Reason, Since: call.Since, Until: call.Until,
	}
	page := framework.Page{Limit: call.Limit, Cursor: call.Cursor, Newest: call.Order == "newest"}
	letters, next, err := o.activity.DeadLetters(ctx, filter, page)
	if err != nil {
		return nil, refused(err, "list dead letters", "")
	}
	return &Letters{DeadLetters: letters, Next: next}, nil
}

func (o operator) letter(ctx context.Context, call *OneLetter) (*Letter, error) {
	letter, event, err := o.activity.DeadLetter(ctx, call.ID)
	if err != nil {
		return nil, refused(err, "show dead letter", noDeadLetter)
	}
	return &Letter{DeadLetter: letter, Event: event}, nil
}

func (o operator) replay(ctx context.Context, call *OneLetter) (*Replayed, error) {
	letter, _, err := o.activity.DeadLetter(ctx, call.ID)
	if err != nil {
		return nil, refused(err, "read dead letter to replay", noDeadLetter)
	}
	if err := o.activity.Replay(ctx, framework.ActOf(call.Request, ""), call.ID); err != nil {
		return nil, refused(err, "replay dead letter", noDeadLetter)
	}
	return &Replayed{EventID: letter.EventID}, nil
}

func (o operator) drop(ctx context.Context, call *DropLetter) (*framework.DeadLetter, error) {
	letter, _, err := o.activity.DeadLetter(ctx, call.ID)
	if err != nil {
		return nil, refused(err, "read dead letter to drop", noDeadLetter)
	}
	if err := o.activity.Drop(ctx, framework.ActOf(call.Request, call.Body.Reason), call.ID); err != nil {
		return nil, refused(err, "drop dead letter", noDeadLetter)
	}
	return &letter, nil
}
