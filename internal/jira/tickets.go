package jira

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"funnelweb/framework"
)

// An issue's key. Project keys are two or more capitals, digits and underscores by default; Data Center lets an
// administrator allow more, which we do not: the key goes into paths and queries.
var issueKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,254}-[0-9]{1,18}$`)

// maxLabel bounds a label in bytes (Jira's own limit is 255 characters).
const maxLabel = 255

type createIssue struct {
	Fields issueFields `json:"fields"`
}

type issueFields struct {
	Project     named    `json:"project"`
	IssueType   named    `json:"issuetype"`
	Summary     string   `json:"summary"`
	Description string   `json:"description,omitempty"`
	Labels      []string `json:"labels,omitempty"`
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
	op := operation{name: "create issue", method: http.MethodPost, path: "rest/api/2/issue"}
	for _, label := range ticket.Labels {
		if label == "" || len(label) > maxLabel || strings.ContainsAny(label, " \t\r\n") {
			return "", invalid(op, "a label is empty, too long or has a space")
		}
	}
	op.body = createIssue{issueFields{
		Project: named{Key: ticket.Project}, IssueType: named{Name: ticket.Type},
		Summary: summaryLine(ticket.Summary), Description: Markup(ticket.Description), Labels: ticket.Labels,
	}}
	var created createdIssue
	if err := c.call(ctx, op, &created); err != nil {
		return "", err
	}
	return created.Key, nil
}

// invalid is a request that is not worth sending.
func invalid(op operation, reason string) error {
	return &framework.ServiceError{Service: service, Op: op.name, Reason: reason, Permanent: true}
}

type foundIssues struct {
	Issues *[]createdIssue `json:"issues"`
}

func (f *foundIssues) complete() bool {
	return f.Issues != nil && (len(*f.Issues) == 0 || (*f.Issues)[0].complete())
}

// FindByLabel returns the key of the oldest ticket of the project with the label, or "". On Cloud the search is
// eventually consistent: a ticket may take seconds, rarely minutes, to be seen.
func (c *Client) FindByLabel(ctx context.Context, project, label string) (string, error) {
	query := url.Values{
		"jql":        {"project = " + quoteJQL(project) + " AND labels = " + quoteJQL(label) + " ORDER BY created ASC"},
		"fields":     {"key"}, // Cloud's search/jql gives ids alone when no fields are asked for
		"maxResults": {"1"},
	}
	op := operation{name: "search issues", method: http.MethodGet, path: c.searchPath + "?" + query.Encode()}
	var found foundIssues
	if err := c.call(ctx, op, &found); err != nil {
		return "", err
	}
	if len(*found.Issues) == 0 {
		return "", nil
	}
	return (*found.Issues)[0].Key, nil
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
