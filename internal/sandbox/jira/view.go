package jira

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// stamp is how Jira writes times.
const stamp = "2006-01-02T15:04:05.000-0700"

func when(t time.Time) string { return t.UTC().Format(stamp) }

// issueView is an issue as the REST interface and the webhooks show it.
type issueView struct {
	Expand     string                    `json:"expand,omitempty"`
	ID         string                    `json:"id"`
	Self       string                    `json:"self,omitempty"`
	Key        string                    `json:"key,omitempty"`
	Fields     map[string]any            `json:"fields,omitzero"`
	Properties map[string]jsontext.Value `json:"properties,omitzero"`

	Transitions []map[string]any `json:"transitions,omitzero"`
}

// issueView shows the wanted fields; *all and *navigable are all of them. The lock is held.
func (s *store) issueView(issue *Issue, wanted []string) issueView {
	fields := s.fields(issue)
	if !slices.Contains(wanted, "*all") && !slices.Contains(wanted, "*navigable") {
		maps.DeleteFunc(fields, func(name string, _ any) bool { return !slices.Contains(wanted, name) })
	}
	return issueView{
		Expand: "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
		ID:     issue.ID, Self: s.issueURL(issue), Key: issue.Key, Fields: fields,
	}
}

func (s *store) fields(issue *Issue) map[string]any {
	var description any // null when there is none
	if issue.Description != "" {
		description = issue.Description
	}
	comments, files := s.commentViews(issue.ID, false), []map[string]any{}
	for _, file := range issue.Attachments {
		files = append(files, s.attachmentView(file))
	}
	fields := map[string]any{
		"project":     s.projectView(issue.Project),
		"issuetype":   s.typeView(issue.Project, issue.Type),
		"summary":     issue.Summary,
		"description": description,
		"labels":      slices.Clone(issue.Labels),
		"status":      s.statusView(issue.Status),
		"created":     when(issue.Created),
		"updated":     when(issue.Updated),
		"creator":     s.user(false),
		"reporter":    s.user(false),
		"assignee":    nil,
		"priority":    nil,
		"attachment":  files,
		"comment": map[string]any{
			"comments": comments, "maxResults": len(comments), "total": len(comments), "startAt": 0,
		},
	}
	for id, value := range issue.Fields {
		fields[id] = value.Clone()
	}
	return fields
}

// userView is a user: Cloud has account ids, Data Center names and keys.
type userView struct {
	Self         string `json:"self"`
	AccountID    string `json:"accountId,omitempty"`
	AccountType  string `json:"accountType,omitempty"`
	Name         string `json:"name,omitempty"`
	Key          string `json:"key,omitempty"`
	EmailAddress string `json:"emailAddress,omitempty"`
	DisplayName  string `json:"displayName"`
	Active       bool   `json:"active"`
	TimeZone     string `json:"timeZone,omitempty"`
}

// user is the one user. Cloud shows the e-mail address only to the user, for privacy.
func (s *store) user(own bool) userView {
	name, _, _ := strings.Cut(s.options.User, "@")
	view := userView{DisplayName: name, Active: true, TimeZone: "Etc/UTC"}
	if s.options.Flavor == Cloud {
		hash := sha256.Sum256([]byte(s.options.User))
		view.AccountID, view.AccountType = "712020:"+hex.EncodeToString(hash[:16]), "atlassian"
		view.Self = s.url + "/rest/api/2/user?accountId=" + view.AccountID
		if own {
			view.EmailAddress = s.options.User
		}
		return view
	}
	view.Name, view.Key, view.EmailAddress = name, "JIRAUSER10100", name+"@jira.example"
	view.Self = s.url + "/rest/api/2/user?username=" + name
	return view
}

// status is a step of the one workflow that every project has; transition and by are the id and the name of what leads there.
type status struct{ id, name, transition, by, category string }

// statuses are all steps; each can be reached from every other, and not from itself.
func statuses() []status {
	return []status{
		{"1", "To Do", "11", "Reopen", "new"},
		{"3", "In Progress", "21", "Start work", "indeterminate"},
		{"10001", "Done", "31", "Resolve", "done"},
	}
}

func (s *store) statusView(name string) map[string]any {
	for _, one := range statuses() {
		if one.name == name {
			return map[string]any{
				"self": s.url + "/rest/api/2/status/" + one.id, "id": one.id, "name": one.name,
				"statusCategory": map[string]any{"key": one.category, "name": one.name},
			}
		}
	}
	return nil
}

func projectID(projects map[string][]string, key string) string {
	return strconv.Itoa(firstID + slices.Index(slices.Sorted(maps.Keys(projects)), key))
}

func typeID(index int) string { return strconv.Itoa(firstID + 1 + index) }

func (s *store) projectView(key string) map[string]any {
	id := projectID(s.options.Projects, key)
	return map[string]any{
		"self": s.url + "/rest/api/2/project/" + id, "id": id, "key": key, "name": key, "projectTypeKey": "software",
	}
}

func (s *store) typeView(project, name string) map[string]any {
	id := typeID(slices.Index(s.options.Projects[project], name))
	return map[string]any{
		"self": s.url + "/rest/api/2/issuetype/" + id, "id": id, "name": name, "description": "", "subtask": false,
	}
}
