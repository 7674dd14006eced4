package jira_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	gojira "github.com/andygrunwald/go-jira"
	"go.uber.org/goleak"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/jira"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	user  = "bot@example.com"
	token = "jira-token-canary"
)

// clock is a clock that only moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// bench is a running stand-in and what tests need around it.
type bench struct {
	*jira.Server
	clock  *clock
	client *http.Client
	flavor string
}

func start(t *testing.T, flavor string, change ...func(*jira.Options)) *bench {
	t.Helper()
	clock := &clock{now: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	options := jira.Options{
		Flavor: flavor, User: user, Token: framework.NewSecret(token), Now: clock.Now, Log: slog.New(slog.DiscardHandler),
		Projects: map[string][]string{"SEC": {"Task", "Incident"}, "OPS": {"Bug"}}, RetryDelay: time.Millisecond,
	}
	for _, one := range change {
		one(&options)
	}
	server, err := jira.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &bench{server, clock, client, flavor}
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// member follows keys and indexes into the JSON of the answer.
func (r reply) member(t *testing.T, path ...any) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(r.body), &value); err != nil {
		t.Fatalf("the answer is no JSON: %v\n%s", err, r.body)
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			array, _ := value.([]any)
			if step >= len(array) {
				t.Fatalf("%v: only %d elements in %s", path, len(array), r.body)
			}
			value = array[step]
		}
	}
	return value
}

// try sends a request as the right user would; edits change it.
func (b *bench) try(t *testing.T, method, path, body string, edits ...func(*http.Request)) (reply, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, b.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if b.flavor == jira.DataCenter {
		request.Header.Set("Authorization", "Bearer "+token)
	} else {
		request.SetBasicAuth(user, token)
	}
	for _, edit := range edits {
		edit(request)
	}
	response, err := b.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(read)}, err
}

func (b *bench) do(t *testing.T, method, path, body string, edits ...func(*http.Request)) reply {
	t.Helper()
	got, err := b.try(t, method, path, body, edits...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// must is do for a request that is part of the preparation.
func (b *bench) must(t *testing.T, status int, method, path, body string) reply {
	t.Helper()
	got := b.do(t, method, path, body)
	if got.status != status {
		t.Fatalf("%s %s answered %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got
}

// create makes an issue with the label and returns its key.
func (b *bench) create(t *testing.T, summary, label string) string {
	t.Helper()
	got := b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue",
		`{"fields":{"project":{"key":"SEC"},"issuetype":{"name":"Task"},"summary":"`+summary+`","labels":["`+label+`"]}}`)
	key, _ := got.member(t, "key").(string)
	return key
}

// The client library that the product uses must find nothing strange here.
func TestGoJiraIsServed(t *testing.T) {
	for _, flavor := range []string{jira.Cloud, jira.DataCenter} {
		t.Run(flavor, func(t *testing.T) {
			b := start(t, flavor)
			client := goJira(t, b)
			issue, _, err := client.Issue.CreateWithContext(t.Context(), &gojira.Issue{Fields: &gojira.IssueFields{
				Project: gojira.Project{Key: "SEC"}, Type: gojira.IssueType{Name: "Task"},
				Summary: "Malware found on host", Description: "on *WS-042*", Labels: []string{"funnelweb", "fw-abc"},
			}})
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := client.Issue.GetWithContext(t.Context(), issue.Key, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.Key != "SEC-1" || got.Fields.Description != "on *WS-042*" || got.Fields.Labels[1] != "fw-abc" {
				t.Errorf("got %s with %+v", got.Key, got.Fields)
			}
			found := search(t, b, client, `project = "SEC" AND labels = "fw-abc" ORDER BY created ASC`)
			if len(found) != 1 || found[0].ID != issue.ID {
				t.Errorf("the search found %v", found)
			}
			request, err := client.NewRequestWithContext(t.Context(), "POST", "rest/api/2/issue/SEC-1/comment", map[string]any{"body": "hi"})
			if err != nil {
				t.Fatal(err)
			}
			var comment gojira.Comment
			response, err := client.Do(request, &comment)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if stored := b.Comments("SEC-1"); len(stored) != 1 || stored[0].ID != comment.ID || stored[0].Body != "hi" {
				t.Errorf("stored %+v, answered %+v", stored, comment)
			}
			if response, err := client.Issue.DoTransitionWithContext(t.Context(), "SEC-1", "31"); err != nil {
				t.Error(err)
			} else {
				_ = response.Body.Close()
			}
			if stored, _ := b.Issue("SEC-1"); stored.Status != "Done" {
				t.Errorf("the status is %q", stored.Status)
			}
		})
	}
}

// The comments that go-jira itself sends are of a family that Cloud refuses.
func TestGoJirasOwnCommentIsRefused(t *testing.T) {
	b := start(t, jira.Cloud)
	b.create(t, "one", "x")
	_, response, err := goJira(t, b).Issue.AddCommentWithContext(t.Context(), "SEC-1", &gojira.Comment{Body: "hi"})
	if err == nil || response.StatusCode != http.StatusBadRequest || !strings.Contains(err.Error(), "Invalid request payload") {
		t.Errorf("got %v", err)
	}
}

func goJira(t *testing.T, b *bench) *gojira.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	var client *http.Client
	if b.flavor == jira.DataCenter {
		client = (&gojira.BearerAuthTransport{Token: token, Transport: transport}).Client()
	} else {
		client = (&gojira.BasicAuthTransport{Username: user, Password: token, Transport: transport}).Client()
	}
	made, err := gojira.NewClient(client, b.URL())
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func search(t *testing.T, b *bench, client *gojira.Client, jql string) []gojira.Issue {
	t.Helper()
	var found []gojira.Issue
	var err error
	if b.flavor == jira.DataCenter {
		found, _, err = client.Issue.SearchWithContext(t.Context(), jql, nil)
	} else {
		found, _, err = client.Issue.SearchV2JQLWithContext(t.Context(), jql, &gojira.SearchOptionsV2{MaxResults: 10})
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// delivered waits until every event was delivered.
func (b *bench) delivered(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := b.Delivered(ctx); err != nil {
		t.Fatalf("events are still waiting: %v", err)
	}
}

// jqlBench is a stand-in with one issue for a fuzz target.
func jqlBench(f *testing.F) *bench {
	f.Helper()
	clock := &clock{now: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	server, err := jira.Start(f.Context(), jira.Options{
		Flavor: jira.DataCenter, User: user, Token: framework.NewSecret(token), Now: clock.Now, Log: quiet(),
		Projects: map[string][]string{"SEC": {"Task"}},
	})
	if err != nil {
		f.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	f.Cleanup(func() {
		client.CloseIdleConnections()
		_ = server.Close()
	})
	return &bench{server, clock, client, jira.DataCenter}
}
