package events

import (
	"context"
	"net/http"

	"funnelweb/framework"
)

// AuditCall is a call for the audit log.
type AuditCall struct {
	Limit  int    `query:"limit" doc:"The most entries to return" default:"50" minimum:"1" maximum:"100"`
	Cursor string `query:"cursor" maxLength:"8192" doc:"next of the page before" example:"eyJsIjoiYXVkaXQiLCJhIjp7ImF1ZGl0Ijo3fX0"`
}

// AuditPage is a page of the audit log.
type AuditPage struct {
	Entries []framework.AuditEntry `json:"entries" doc:"Newest first"`
	Next    string                 `json:"next,omitempty" doc:"cursor of the next page; absent at the end"`
}

func (o operator) auditRoutes() framework.Routes {
	list := framework.Endpoint[AuditCall, AuditPage]{
		Method: http.MethodGet, Path: "/api/v1/audit", ID: "list-audit", Scope: framework.ScopeRead,
		Tag: "Audit", TagDescription: "What operators did.",
		Summary: "List what operators did",
		Description: "Every replay, drop and hand-over is written down before it is done, and once more when it is done; a call that finds nothing to act on " +
			"is not. Entries are kept for 400 " +
			"days, and cannot be changed or removed before; the oldest go earlier when they would take more than 64 MiB, or a 64th of the store.",
		Answer: &AuditPage{Entries: []framework.AuditEntry{{
			ID: "5jlqmlxzbunvrhsaz2bd5nqoge", Time: exampleTime(), Act: framework.AuditReplay, Caller: "token:on-call", Address: "192.0.2.7",
			RequestID: exampleEvent().RequestID, Filter: &framework.LetterFilter{Service: "jira"}, Outcome: framework.AuditDone, Meant: 1, Count: 1, EndedAt: exampleTime(),
			Letters: []framework.AuditLetter{{ID: exampleLetter().ID, EventID: exampleEvent().ID, Automation: "ticket-for-alert"}},
		}}},
		Handle: o.audit,
	}
	return framework.Routes{list.Route()}
}

func (o operator) audit(ctx context.Context, call *AuditCall) (*AuditPage, error) {
	entries, next, err := o.activity.Audit(ctx, framework.Page{Limit: call.Limit, Cursor: call.Cursor})
	if err != nil {
		return nil, refused(err, "list audit log", "")
	}
	return &AuditPage{Entries: entries, Next: next}, nil
}
