// Package ticket makes a ticket of an event, once however often the event is delivered.
package ticket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"funnelweb/framework"
)

const (
	// Label is on every ticket that Funnelweb makes.
	Label = "funnelweb"
	// LabelPrefix begins the label that leads from a ticket back to its event: the job's key follows, under which the
	// ledger holds the event's id (entry origin.<key>).
	LabelPrefix = "fw-"
	// UTF-16 units of a summary that the ticket system surely shows whole. A longer one is told in the description too.
	maxTitle = 250
	// Bytes of a label; Jira's own limit is 255 characters.
	maxLabel = 255
)

// projectKey is what Jira allows in the key of a project unless an administrator changed it.
var projectKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)

// Config says what the ticket is like. Summary, Description, Priority and the values of Fields are Go templates
// (text/template) over the event's data.
type Config struct {
	Project     string   `yaml:"project"`     // key, such as SEC
	IssueType   string   `yaml:"issue_type"`  // name of an issue type of the project
	Summary     string   `yaml:"summary"`     // a title is made up where it renders blank
	Description string   `yaml:"description"` // stands above the alert; nothing when empty
	Labels      []string `yaml:"labels"`      // beside our own
	Priority    string   `yaml:"priority"`    // its name; the project's default where it renders blank
	Assignee    string   `yaml:"assignee"`    // account id, e-mail address or user name; nobody when empty
	// Fields are further ones, by name or id. What a field does not take is left out, and told on the ticket.
	Fields map[string]Texts `yaml:"fields"`
	// Transition moves the new ticket: the name of a transition, or of the status where it is to be. It stays where it is
	// when empty.
	Transition string `yaml:"transition"`
	// EventsURL is where people reach the events endpoint, such as https://automation.example.com/api/v1/events. The ticket
	// then has a link to its event; none when empty.
	EventsURL string `yaml:"events_url"`
	// Links are values of the alert that become links, by their path in the ticket's table, such as results_link. Each has the address
	// with which it must begin, else it stays text: what an alert holds must not lead people elsewhere.
	Links map[string]string `yaml:"links"`
	// SearchLag is how long after a call that may have made a ticket the search may not show it. Jira Cloud's is behind by
	// seconds, seldom minutes; lower it only for a search that is not.
	SearchLag time.Duration `yaml:"search_lag"`
}

// Defaults makes a Task named after the alert.
func Defaults() Config {
	return Config{IssueType: "Task", Summary: "{{or .search_name .title}}", SearchLag: 30 * time.Second}
}

// Action makes tickets.
type Action struct {
	config      Config
	summary     *text
	description *text
	priority    *text
	fields      []fieldText
	log         *slog.Logger
	now         func() time.Time
	ledger      framework.Ledger
	tickets     framework.Tickets
}

// New checks the configuration and parses its templates.
func New(config Config, deps framework.Deps) (*Action, error) {
	summary, summaryErr := parseText("summary", config.Summary)
	description, descriptionErr := parseText("description", config.Description)
	priority, priorityErr := parseText("priority", config.Priority)
	fields, fieldsErr := parseFields(config.Fields)
	mistakes := []error{config.check(), summaryErr, descriptionErr, priorityErr, fieldsErr}
	if deps.Tickets == nil {
		mistakes = append(mistakes, errors.New("no ticket system is configured: add the section jira"))
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return &Action{
		config: config, summary: summary, description: description, priority: priority, fields: fields,
		log: deps.Log, now: deps.Now, ledger: deps.Ledger, tickets: deps.Tickets,
	}, nil
}

func (c Config) check() error {
	var mistakes []error
	if !projectKey.MatchString(c.Project) {
		mistakes = append(mistakes, errors.New("project: is the key of a project, such as SEC"))
	}
	if strings.TrimSpace(c.IssueType) == "" {
		mistakes = append(mistakes, errors.New("issue_type: is missing"))
	}
	if c.SearchLag < 0 {
		mistakes = append(mistakes, errors.New("search_lag: is negative"))
	}
	if c.EventsURL != "" && !isWebAddress(c.EventsURL) {
		mistakes = append(mistakes, errors.New("events_url: is an absolute https or http address without a query, such as https://automation.example.com/api/v1/events"))
	}
	mistakes = append(mistakes, checkLinks(c.Links)...)
	for i, label := range c.Labels {
		if label == "" || len(label) > maxLabel || strings.ContainsAny(label, " \t\r\n") {
			mistakes = append(mistakes, fmt.Errorf("labels[%d]: is empty, too long or has a space", i))
		}
	}
	return errors.Join(mistakes...)
}

// isWebAddress reports whether people can be sent there. No credentials travel, so that http is as good as https.
func isWebAddress(text string) bool {
	address, err := url.Parse(text)
	return err == nil && (address.Scheme == "https" || address.Scheme == "http") && address.Hostname() != "" &&
		address.User == nil && address.RawQuery == "" && address.Fragment == ""
}

// Do makes the ticket, or finds the one that an earlier attempt made.
func (a *Action) Do(ctx context.Context, job framework.Job) (framework.Result, error) {
	data, err := framework.DecodeData(job.Event.Data)
	if err != nil {
		return framework.Result{}, fmt.Errorf("decode event %s: %w", job.Event.ID, err)
	}
	hash := job.Key()
	if err := a.recordOrigin(ctx, hash, job.Event.ID); err != nil {
		return framework.Result{}, err
	}
	ticket, files := a.ticket(job, data)
	key, err := framework.Once(ctx, a.ledger, a.now, framework.TicketEntry(hash), framework.Effect{
		Find: func(ctx context.Context) (string, error) {
			return a.tickets.FindByLabel(ctx, a.config.Project, LabelPrefix+hash)
		},
		Do:  func(ctx context.Context) (string, error) { return a.tickets.Create(ctx, ticket) },
		Lag: a.config.SearchLag,
	})
	if err != nil {
		return framework.Result{}, err
	}
	if err := a.complete(ctx, job, key, files); err != nil {
		return framework.Result{}, afterwards(key, err)
	}
	return framework.Result{Summary: "created " + key, Link: a.tickets.Link(key)}, nil
}

// ticket is the ticket of an event, and the files that hold what it has no room for.
func (a *Action) ticket(job framework.Job, data any) (framework.NewTicket, []framework.TicketFile) {
	title, text := a.title(job.Event, data), a.render(a.description, job.Event, data)
	if len(utf16.Encode([]rune(title))) > maxTitle {
		text = "The whole summary: " + title + "\n\n" + text
	}
	description, files := a.describe(text, job, data)
	return framework.NewTicket{
		Project: a.config.Project, Type: a.config.IssueType,
		Summary:     title,
		Description: description,
		Labels:      a.labels(job.Key()),
		Priority:    strings.TrimSpace(a.render(a.priority, job.Event, data)),
		Assignee:    a.config.Assignee,
		Fields:      a.further(job.Event, data),
	}, files
}

// recordOrigin writes down, before there is a ticket, which event its label leads back to.
func (a *Action) recordOrigin(ctx context.Context, hash, eventID string) error {
	_, err := a.ledger.Put(ctx, "origin."+hash, []byte(eventID), 0)
	if err != nil && !errors.Is(err, framework.ErrConflict) { // an earlier attempt wrote the same: the hash is of the id
		return fmt.Errorf("record origin of a ticket: %w", err)
	}
	return nil
}

func (a *Action) labels(hash string) []string {
	labels := []string{Label, LabelPrefix + hash}
	for _, label := range a.config.Labels {
		if !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	return labels
}

// title is the summary; Splunk sends alerts without a name, and a ticket without a summary is refused.
func (a *Action) title(event framework.Event, data any) string {
	if title := strings.TrimSpace(a.render(a.summary, event, data)); title != "" {
		return title
	}
	return fmt.Sprintf("%s of %s without a name", event.Type, clockTime(event.Time))
}

// render renders a template. What fails on one event's data gives what was rendered so far: a ticket with a poor title
// is better than none.
func (a *Action) render(t *text, event framework.Event, data any) string {
	rendered, err := t.render(data)
	if err != nil {
		a.log.Warn("template of a ticket failed", "event", event.ID, "template", t.name, "err", err)
	}
	return rendered
}
