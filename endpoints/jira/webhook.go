package jira

import (
	"net/http"

	"funnelweb/framework"
)

// Webhook is the body of a webhook, as Cloud and Data Center send it. Only what is named here is kept. Nothing but
// the webhook's name is required, because webhooks other than an issue's have other bodies.
type Webhook struct {
	Timestamp          int64          `json:"timestamp,omitempty" doc:"When it happened, in milliseconds since 1970" minimum:"0"`
	WebhookEvent       string         `json:"webhookEvent" doc:"What happened, such as jira:issue_created" maxLength:"100" pattern:"^[A-Za-z0-9_:.-]+$"`
	IssueEventTypeName string         `json:"issue_event_type_name,omitempty" doc:"What happened to the issue, more exactly; old versions do not say" maxLength:"255"`
	User               framework.JSON `json:"user,omitempty" doc:"Who did it: with accountId from Cloud, with name and key from Data Center"`
	Issue              *Issue         `json:"issue,omitempty" doc:"The issue after the change"`
	Changelog          framework.JSON `json:"changelog,omitempty" doc:"The fields that were changed"`
}

// Issue is an issue in the form of Jira's REST API version 2, in which texts are strings in wiki markup or null.
type Issue struct {
	ID     string                    `json:"id" required:"false" doc:"Number of the issue" maxLength:"20" pattern:"^[0-9]+$"`
	Self   string                    `json:"self" required:"false" doc:"URL of the issue in the REST API" maxLength:"2048"`
	Key    string                    `json:"key" required:"false" doc:"Project and number, such as SEC-1" maxLength:"255" pattern:"^[A-Z][A-Z0-9_]*-[1-9][0-9]*$"`
	Fields map[string]framework.JSON `json:"fields,omitempty" doc:"Every field by its id, as Jira sent it" maxProperties:"5000"`
}

// complete returns a Problem that names everything which an issue of an issue's webhook lacks.
func (i *Issue) complete() error {
	var missing []framework.Field
	require := func(pointer string, present bool) {
		if !present {
			missing = append(missing, framework.Field{In: "body", Pointer: pointer, Rule: "required", Message: "is missing"})
		}
	}
	if i == nil {
		require("/issue", false)
	} else {
		require("/issue/id", i.ID != "")
		require("/issue/key", i.Key != "")
		require("/issue/fields", i.Fields != nil)
	}
	if missing == nil {
		return nil
	}
	problem := framework.NewProblem(http.StatusUnprocessableEntity, "the webhook does not hold the issue that it is about")
	problem.Errors = missing
	return problem
}

// example is a webhook as Jira Cloud sends it, for the document.
func example() Webhook {
	return Webhook{
		Timestamp:          1_700_000_000_000,
		WebhookEvent:       "jira:issue_created",
		IssueEventTypeName: "issue_created",
		User:               framework.JSON(`{"accountId":"5b10a2844c20165700ede21g","displayName":"Jane Doe"}`),
		Issue: &Issue{
			ID: "10001", Key: "SEC-1", Self: "https://example.atlassian.net/rest/api/2/issue/10001",
			Fields: map[string]framework.JSON{
				"summary":     framework.JSON(`"Malware found on host"`),
				"description": framework.JSON(`null`),
				"labels":      framework.JSON(`["funnelweb"]`),
			},
		},
	}
}
