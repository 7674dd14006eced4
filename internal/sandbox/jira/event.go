package jira

import (
	"github.com/go-json-experiment/json"
)

// change is an entry of an issue's history.
type change struct{ field, from, to string }

// event is a webhook call that waits to be made.
type event struct {
	name string // such as jira:issue_created
	key  string // of the issue
	body []byte
}

// envelope is the body of a webhook call. Texts are wiki markup, as in REST version 2.
type envelope struct {
	Timestamp int64        `json:"timestamp"` // milliseconds
	Event     string       `json:"webhookEvent"`
	IssueType string       `json:"issue_event_type_name,omitempty"`
	User      *userView    `json:"user,omitempty"`
	Issue     *issueView   `json:"issue,omitempty"`
	Changelog *changelog   `json:"changelog,omitempty"`
	Comment   *commentView `json:"comment,omitempty"`
	EventType string       `json:"eventType,omitempty"`
}

type changelog struct {
	ID    string         `json:"id"`
	Items []changelogRow `json:"items"`
}

type changelogRow struct {
	Field      string  `json:"field"`
	FieldType  string  `json:"fieldtype"`
	FieldID    string  `json:"fieldId"`
	From       *string `json:"from"`
	FromString string  `json:"fromString"`
	To         *string `json:"to"`
	ToString   string  `json:"toString"`
}

// issueEvent queues what happened to an issue; the lock is held.
func (s *store) issueEvent(name, kind string, issue *Issue, changes []change) {
	log := changelog{ID: s.nextID()}
	for _, one := range changes {
		log.Items = append(log.Items, changelogRow{
			Field: one.field, FieldType: "jira", FieldID: one.field, FromString: one.from, ToString: one.to,
		})
	}
	view, user := s.issueView(issue, []string{"*all"}), s.user(false)
	s.queue(issue, envelope{Event: name, IssueType: kind, User: &user, Issue: &view, Changelog: &log})
}

// commentEvent queues what happened to a comment; the lock is held. Cloud tells the issue in short; Data Center tells
// nothing of it, and sends the issue on its own.
func (s *store) commentEvent(name string, issue *Issue, comment *Comment) {
	view := s.commentView(issue.ID, comment, false)
	if s.options.Flavor == Cloud {
		short := s.issueView(issue, []string{"summary", "issuetype", "project", "assignee", "priority", "status"})
		short.Expand = ""
		s.queue(issue, envelope{Event: name, Comment: &view, Issue: &short, EventType: "primaryAction"})
		return
	}
	s.queue(issue, envelope{Event: name, Comment: &view})
	kinds := map[string]string{
		"comment_created": "issue_commented", "comment_updated": "issue_comment_edited", "comment_deleted": "issue_comment_deleted",
	}
	whole, user := s.issueView(issue, []string{"*all"}), s.user(false)
	s.queue(issue, envelope{Event: "jira:issue_updated", IssueType: kinds[name], User: &user, Issue: &whole, Comment: &view})
}

func (s *store) queue(issue *Issue, what envelope) {
	what.Timestamp = s.options.Now().UnixMilli()
	body, err := json.Marshal(what, json.Deterministic(true))
	if err != nil {
		s.options.Log.Error("the Jira stand-in could not encode an event", "event", what.Event, "err", err)
		return
	}
	s.send(event{name: what.Event, key: issue.Key, body: body})
}
