// Package jira receives Jira's webhooks.
package jira

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// The types of the events that Jira's webhooks become.
const (
	IssueCreated = "jira.issue_created"
	IssueUpdated = "jira.issue_updated"
)

// maxBody bounds a webhook in bytes. An issue comes with all its fields and, from Data Center, its comments, each of
// up to 32,767 characters, which is far more than DefaultMaxBody; the engine carries 8 MiB.
const maxBody = 4 << 20

// Config says whose updates are not worth an event.
type Config struct {
	// IgnoreUsers are account ids (Cloud) or names and keys (Data Center) of users whose updates are acknowledged and
	// not stored: the account that Funnelweb itself writes with, so that no automation sets itself off. Issues that
	// they create are stored all the same: a ticket made by Funnelweb is where its enrichment begins.
	IgnoreUsers []string `yaml:"ignore_users"`
}

// Defaults ignores nobody.
func Defaults() Config { return Config{} }

// Input is a call of the webhook.
type Input struct {
	Body Webhook
	Raw  []byte
}

// New returns the webhook's route.
func New(config Config, deps framework.Deps) (framework.Routes, error) {
	if slices.Contains(config.IgnoreUsers, "") {
		return nil, fmt.Errorf("ignore_users: an empty name matches nobody")
	}
	receiver := receiver{events: deps.Events, ignored: config.IgnoreUsers}
	endpoint := framework.Endpoint[Input, Answer]{
		Method:  http.MethodPost,
		Path:    "/api/v1/jira/webhook",
		ID:      "jira-webhook",
		Events:  []string{IssueCreated, IssueUpdated},
		Summary: "Take a webhook from Jira",
		Description: "Created and updated issues become events, and the answer is sent once they are stored safely. Other " +
			"webhooks are acknowledged and not stored, so that Jira does not send them again.",
		Tag: "Jira", TagDescription: "Webhooks of issues.",
		MaxBody:    maxBody,
		Undeclared: framework.Drop,
		Mend:       true, // Data Center repeats nothing
		Success:    []int{http.StatusAccepted, http.StatusOK},
		Example:    example(),
		Answer:     &Answer{EventID: "jira-5yqh3c6rnvgt2swzkx7ydlf4ae"},
		Handle:     receiver.receive,
	}
	return framework.Routes{endpoint.Route()}, nil
}

// Answer tells what became of a webhook: an event, or nothing.
type Answer struct {
	EventID string `json:"event_id,omitempty" doc:"Id of the stored event; the same as before when the webhook came in before"`
	Ignored string `json:"ignored,omitempty" doc:"Why nothing was stored: the webhook's name, or that its user is ignored"`

	duplicate bool
}

// HTTPStatus is 202 for an event that is new and 200 for one that is stored already and for what is ignored.
func (a *Answer) HTTPStatus() int {
	if a.duplicate || a.Ignored != "" {
		return http.StatusOK
	}
	return http.StatusAccepted
}

type receiver struct {
	events  framework.Publisher
	ignored []string
}

func (r receiver) receive(ctx context.Context, input *Input) (*Answer, error) {
	var eventType string
	switch input.Body.WebhookEvent {
	case "jira:issue_created":
		eventType = IssueCreated
	case "jira:issue_updated":
		eventType = IssueUpdated
	default:
		return &Answer{Ignored: input.Body.WebhookEvent}, nil
	}
	if err := input.Body.Issue.complete(); err != nil {
		return nil, err
	}
	if eventType == IssueUpdated && r.ignores(input.Body.User) {
		return &Answer{Ignored: "updates by this user"}, nil
	}
	event, err := framework.NewEvent(eventType, identity(input), input.Body)
	if err != nil {
		return nil, err
	}
	receipts, err := r.events.Publish(ctx, event)
	if err != nil {
		return nil, fmt.Errorf("store webhook for issue %s: %w", input.Body.Issue.Key, err)
	}
	return &Answer{EventID: receipts[0].ID, duplicate: receipts[0].Duplicate}, nil
}

// ignores reports whether a user is one of those whose updates are not stored. A user in a form that Jira does
// not document is nobody: the webhook is kept.
func (r receiver) ignores(user framework.JSON) bool {
	var who struct {
		AccountID string `json:"accountId"` // Cloud
		Name      string `json:"name"`      // Data Center
		Key       string `json:"key"`       // Data Center
	}
	if len(user) == 0 || json.Unmarshal(user, &who) != nil {
		return false
	}
	return slices.ContainsFunc(r.ignored, func(name string) bool {
		return name == who.AccountID || name == who.Name || name == who.Key
	})
}

// identity is what makes two deliveries the same webhook: the whole body, in which the time in milliseconds tells two changes
// apart, and which is the same when Jira tries again. Cloud's X-Atlassian-Webhook-Identifier does not count: it is not signed, so
// that whoever has recorded a signed body could make new events of it.
func identity(input *Input) string { return framework.Fingerprint("body", string(input.Raw)) }
