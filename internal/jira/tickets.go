package jira

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"funnelweb/framework"
)

// An issue's key. Project keys are two or more capitals, digits and underscores by default; Data Center lets an
// administrator allow more, which we do not: the key goes into paths and queries.
var issueKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,254}-[0-9]{1,18}$`)

// maxSearchPages bounds how often a search is continued: Cloud may give empty pages before one that is not, as it leaves away
// what the user may not see.
const maxSearchPages = 20

// maxLabel bounds a label in bytes (Jira's own limit is 255 characters).
const maxLabel = 255

type createIssue struct {
	Fields map[string]any `json:"fields"`
}

// named refers to a project by its key or to an issue type by its name.
type named struct {
	Key  string `json:"key,omitempty"`
	Name string `json:"name,omitempty"`
}

type createdIssue struct {
	Key string `json:"key"`
}

func (i *createdIssue) complete() bool { return issueKey.MatchString(i.Key) }

// Create makes a ticket and returns its key. It is not idempotent.
func (c *Client) Create(ctx context.Context, ticket framework.NewTicket) (string, error) {
	op := operation{name: "create issue", method: http.MethodPost, path: "rest/api/2/issue", needs: "Create Issues"}
	for _, label := range ticket.Labels {
		if label == "" || len(label) > maxLabel || strings.ContainsAny(label, " \t\r\n") {
			return "", invalid(op, "a label is empty, too long or has a space")
		}
	}
	fields, notes, err := c.furtherFields(ctx, op, ticket)
	if err != nil {
		return "", err
	}
	fields["project"], fields["issuetype"] = named{Key: ticket.Project}, named{Name: ticket.Type}
	fields["summary"] = summaryLine(ticket.Summary)
	if description := c.markup(slices.Concat(notes, ticket.Description)); description != "" {
		fields["description"] = description
	}
	if len(ticket.Labels) > 0 {
		fields["labels"] = ticket.Labels
	}
	op.body = createIssue{fields}
	var created createdIssue
	if err := c.call(ctx, op, &created); err != nil {
		if failure, ok := errors.AsType[*framework.ServiceError](err); ok && failure.Status == http.StatusBadRequest {
			c.explain(ctx, op, ticket, fields, failure)
		}
		return "", err
	}
	return created.Key, nil
}

// explain adds to a refused ticket how people call the fields that Jira names by their ids, and which must be configured.
func (c *Client) explain(ctx context.Context, op operation, ticket framework.NewTicket, set map[string]any, failure *framework.ServiceError) {
	c.screens.forget(ticket.Project, ticket.Type) // somebody may have changed it
	screen, err := c.screen(ctx, ticket.Project, ticket.Type)
	if err != nil {
		return // what Jira said is told as it is
	}
	for _, one := range screen.fields {
		if strings.HasPrefix(one.ID, "customfield_") {
			failure.Reason = strings.ReplaceAll(failure.Reason, " "+one.ID+": ", " "+one.called()+": ")
		}
	}
	if missing, ok := errors.AsType[*framework.ServiceError](screen.missing(op, set)); ok {
		failure.Reason += "; " + missing.Reason
	}
}

// invalid is a request that is not worth sending.
func invalid(op operation, reason string) error {
	return &framework.ServiceError{Service: service, Op: op.name, Reason: reason, Permanent: true}
}

type foundIssues struct {
	Issues *[]createdIssue `json:"issues"`
	Next   string          `json:"nextPageToken"` // Cloud
}

func (f *foundIssues) complete() bool {
	return f.Issues != nil && (len(*f.Issues) == 0 || (*f.Issues)[0].complete())
}

// FindByLabel returns the key of the oldest ticket of the project with the label, or "". On Cloud, where the search shows a new
// ticket late, those that it does not show yet are read by their keys.
func (c *Client) FindByLabel(ctx context.Context, project, label string) (string, error) {
	key, err := c.searchOne(ctx, "project = "+quoteJQL(project)+" AND labels = "+quoteJQL(label)+" ORDER BY created ASC")
	if err != nil || key != "" || c.flavor == DataCenter {
		return key, err
	}
	key, err = c.findFresh(ctx, project, label)
	if framework.IsPermanent(err) { // a proxy or a token that allows the search and no more: what it shows is all that can be known
		return "", nil
	}
	return key, err
}

// quoteJQL writes a string of JQL, in which a backslash escapes.
func quoteJQL(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// Link is the ticket's page.
func (c *Client) Link(key string) string {
	return c.base.JoinPath("browse", key).String()
}

type account struct {
	AccountID string `json:"accountId"` // Cloud
	Name      string `json:"name"`      // Data Center
}

func (a *account) complete() bool { return a.AccountID != "" || a.Name != "" }

// Check asks Jira who we are: nil means that the address, the user and the token are right.
func (c *Client) Check(ctx context.Context) error {
	return c.call(ctx, operation{name: "check access", method: http.MethodGet, path: "rest/api/2/myself"}, new(account))
}
