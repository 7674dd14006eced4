package events

import (
	"context"
	"net/http"

	"funnelweb/framework"
)

// Choice says which dead letters a call is about.
type Choice struct {
	Filter framework.LetterFilter `json:"filter,omitzero" doc:"Which dead letters"`
	All    bool                   `json:"all,omitempty" doc:"Must be true where the filter is empty: a filter that was forgotten is not all"`
	DryRun bool                   `json:"dry_run,omitempty" doc:"Count them and do nothing"`
	Limit  int                    `json:"limit,omitempty" minimum:"1" maximum:"100" default:"100" doc:"The most to act on in this call"`
	Cursor string                 `json:"cursor,omitempty" maxLength:"8192" doc:"next of the call before"`
}

// ReplayCall is a call to replay several dead letters.
type ReplayCall struct {
	Body    Choice
	Request *framework.Request
}

// DropChoice says which dead letters are to be dropped, and why.
type DropChoice struct {
	Choice

	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, for the audit log"`
}

// DropCall is a call to drop several dead letters.
type DropCall struct {
	Body    DropChoice
	Request *framework.Request
}

// Acted says what was done.
type Acted struct {
	Count  int                      `json:"count" doc:"How many it was done to, or would be"`
	Failed []framework.FailedLetter `json:"failed,omitempty" doc:"Those it could not be done to; they stay"`
	Next   string                   `json:"next,omitempty" doc:"cursor of the next call; absent when all were looked at"`
}

// countLimit is how many a call counts at once.
const countLimit = 5000

func (o operator) bulkRoutes() framework.Routes {
	replay := framework.Endpoint[ReplayCall, Acted]{
		Method: http.MethodPost, Path: "/api/v1/deadletters/replay", ID: "replay-deadletters", Scope: framework.ScopeAdmin, Tag: lettersTag,
		Summary: "Replay the dead letters that a filter lets through",
		Description: "Oldest first, at most limit in one call, and for about 10 seconds; next goes on. What is given up again meanwhile is not " +
			"replayed a second time. One whose automation is not configured any more is among failed, and stays.",
		Example: Choice{Filter: framework.LetterFilter{Service: "jira", Reason: "no such project"}, Limit: 100},
		Answer:  &Acted{Count: 2, Failed: []framework.FailedLetter{{ID: exampleLetter().ID, Reason: "The automation that gave the event up is not configured for it any more."}}},
		Handle:  o.replayAll,
	}
	drop := framework.Endpoint[DropCall, Acted]{
		Method: http.MethodPost, Path: "/api/v1/deadletters/drop", ID: "drop-deadletters", Scope: framework.ScopeAdmin, Tag: lettersTag,
		Summary:     "Drop the dead letters that a filter lets through, for good",
		Description: "At most limit in one call; next goes on. The audit log keeps which they were.",
		Example:     DropChoice{Choice: Choice{Filter: framework.LetterFilter{Automation: "ticket-for-alert"}, Limit: 100}, Reason: "alerts of the lab that was closed"},
		Answer:      &Acted{Count: 3},
		Handle:      o.dropAll,
	}
	return framework.Routes{replay.Route(), drop.Route()}
}

func (o operator) replayAll(ctx context.Context, call *ReplayCall) (*Acted, error) {
	return o.act(ctx, call.Body, framework.ActOf(call.Request, ""), o.activity.ReplayAll)
}

func (o operator) dropAll(ctx context.Context, call *DropCall) (*Acted, error) {
	return o.act(ctx, call.Body.Choice, framework.ActOf(call.Request, call.Body.Reason), o.activity.DropAll)
}

func (o operator) act(ctx context.Context, choice Choice, act framework.Act,
	do func(context.Context, framework.Act, framework.LetterFilter, framework.Page) (framework.Batch, error),
) (*Acted, error) {
	if choice.Filter.IsZero() != choice.All {
		problem := framework.NewProblem(http.StatusUnprocessableEntity, "Say which dead letters: by a filter, or all: true without one.")
		problem.Errors = []framework.Field{{In: "body", Pointer: "/filter", Rule: "required", Message: "must choose something, or all must be true, and not both"}}
		return nil, problem
	}
	page := framework.Page{Limit: choice.Limit, Cursor: choice.Cursor}
	var batch framework.Batch
	var err error
	if choice.DryRun {
		page.Limit = countLimit
		batch, err = o.activity.CountLetters(ctx, choice.Filter, page)
	} else {
		batch, err = do(ctx, act, choice.Filter, page)
	}
	if err != nil {
		return nil, refused(err, "act on dead letters", noDeadLetter)
	}
	return &Acted{Count: batch.Count, Failed: batch.Failed, Next: batch.Next}, nil
}
