package jira_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/jira"
	"funnelweb/internal/sandbox/fault"
	sandbox "funnelweb/internal/sandbox/jira"
)

// site is a stand-in for Jira and a client of it, on one clock.
type site struct {
	*sandbox.Server
	client *jira.Client
	clock  *frameworktest.Clock
	deps   framework.Deps
}

func newSite(t *testing.T, flavor string, adjust func(*sandbox.Options)) site {
	t.Helper()
	clock, deps := new(frameworktest.Clock), frameworktest.Deps(t)
	deps.Now, deps.Ledger = clock.Now, &frameworktest.MemoryLedger{Elapsed: clock.Elapsed}
	token := framework.NewSecret(canary)
	options := sandbox.Options{
		Flavor: flavor, User: "bot@example.com", Token: token,
		Projects: map[string][]string{"SEC": {"Task", "Incident"}}, Now: clock.Now, Log: deps.Log,
	}
	if adjust != nil {
		adjust(&options)
	}
	server, err := sandbox.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	client, err := jira.New(jira.Config{URL: server.URL(), User: "bot@example.com", Token: token, Flavor: flavor}, deps)
	if err != nil {
		t.Fatal(err)
	}
	return site{server, client, clock, deps}
}

func flavors(t *testing.T, test func(*testing.T, string)) {
	t.Helper()
	for _, flavor := range []string{jira.Cloud, jira.DataCenter} {
		t.Run(flavor, func(t *testing.T) {
			t.Parallel()
			test(t, flavor)
		})
	}
}

func alert(labels ...string) framework.NewTicket {
	return framework.NewTicket{
		Project: "SEC", Type: "Task", Summary: "Malware found on host", Labels: labels,
		Description: framework.Document{framework.Text("user jdoe on WS-042")},
	}
}

func TestATicketLivesThroughItsCommentsOnBothFlavours(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		jira, ctx := newSite(t, flavor, nil), t.Context()
		key := must(jira.client.Create(ctx, alert("funnelweb", "fw-abc")))(t)
		if got := must(jira.client.FindByLabel(ctx, "SEC", "fw-abc"))(t); got != key {
			t.Errorf("the label finds %q, want %q", got, key)
		}
		if got := must(jira.client.FindByLabel(ctx, "SEC", `fw-"none\`))(t); got != "" {
			t.Errorf("a label on no ticket finds %q", got)
		}
		id := must(jira.client.AddComment(ctx, key, "mark", framework.Document{framework.Text("waiting")}))(t)
		if err := jira.client.EditComment(ctx, key, id, "mark", framework.Document{framework.Text("done")}); err != nil {
			t.Fatal(err)
		}
		if got := must(jira.client.FindComment(ctx, key, "mark"))(t); got != id {
			t.Errorf("the mark finds %q, want %q", got, id)
		}
		if got := must(jira.client.FindComment(ctx, key, "other"))(t); got != "" {
			t.Errorf("a mark on no comment finds %q", got)
		}
		issue, _ := jira.Issue(key)
		var bodies []string
		for _, comment := range jira.Comments(key) {
			bodies = append(bodies, comment.Body)
		}
		got := []any{issue.Project, issue.Type, issue.Summary, issue.Description, issue.Labels, bodies}
		want := []any{"SEC", "Task", "Malware found on host", "user jdoe on WS-042", []string{"funnelweb", "fw-abc"}, []string{"done"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what Jira holds (-want +got):\n%s", diff)
		}
		if err := jira.client.Check(ctx); err != nil {
			t.Errorf("check: %v", err)
		}
	})
}

// must returns a function that ends the test on an error.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func TestAMarkIsFoundBehindManyOtherComments(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		jira, ctx := newSite(t, flavor, nil), t.Context()
		key := must(jira.client.Create(ctx, alert()))(t)
		for i := range 205 {
			must(jira.client.AddComment(ctx, key, fmt.Sprint("other ", i), framework.Document{framework.Text("noise")}))(t)
		}
		want := must(jira.client.AddComment(ctx, key, "mine", framework.Document{framework.Text("found")}))(t)
		if got := must(jira.client.FindComment(ctx, key, "mine"))(t); got != want {
			t.Errorf("found %q, want %q", got, want)
		}
	})
}

func TestADeletedCommentOrTicketIsToldApartFromOtherFailures(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		jira, ctx := newSite(t, flavor, nil), t.Context()
		key := must(jira.client.Create(ctx, alert()))(t)
		body := framework.Document{framework.Text("x")}
		_, addErr := jira.client.AddComment(ctx, "SEC-99", "mark", body)
		_, findErr := jira.client.FindComment(ctx, "SEC-99", "mark")
		for what, err := range map[string]error{
			"no such comment":               jira.client.EditComment(ctx, key, "4711", "mark", body),
			"no such ticket, edit comment":  jira.client.EditComment(ctx, "SEC-99", "4711", "mark", body),
			"no such ticket, add comment":   addErr,
			"no such ticket, read comments": findErr,
		} {
			if !isGone(err) {
				t.Errorf("%s: %v is not ErrNoComment, or not permanent", what, err)
			}
		}
		jira.Faults().Add(fault.Fault{Status: 500})
		if err := jira.client.EditComment(ctx, key, "4711", "mark", body); isGone(err) {
			t.Errorf("a broken Jira seems to have no comment: %v", err)
		}
	})
}

// Once is what makes the client's calls happen once; here it meets all the ways in which Jira can leave it unknown
// whether they did.
func TestMisbehavingJiraStillEndsWithOneTicketAndOneComment(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fault.Fault{
		"the connection is cut after Jira did it":     {CutAfter: true, Times: 1},
		"the connection is cut before Jira did it":    {CutBefore: true, Times: 1},
		"a login page answers 200":                    {HTML: true, Times: 1},
		"a proxy answers 502":                         {Status: 502, Times: 2},
		"Jira answers 503 with Retry-After":           {Status: 503, RetryAfter: 7 * time.Second, Times: 1},
		"Jira answers 429 with Retry-After":           {Status: 429, RetryAfter: 7 * time.Second, Times: 2},
		"Jira answers 201 with half an answer":        {Status: 201, Body: `{"id":"1`, Times: 1},
		"Jira answers 201 with a key that is no key":  {Status: 201, Body: `{"id":"../x","key":"../../etc"}`, Times: 1},
		"Jira answers 401 until the token is renewed": {Status: 401, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flavors(t, func(t *testing.T, flavor string) {
				t.Helper()
				site := newSite(t, flavor, func(o *sandbox.Options) { o.SearchLag = 20 * time.Second })
				fault := fault
				fault.Match = "POST /rest/api/2/issue$"
				site.Faults().Add(fault)
				key := site.untilDone(t, "ticket", framework.Effect{
					Find: func(ctx context.Context) (string, error) { return site.client.FindByLabel(ctx, "SEC", "fw-abc") },
					Do:   func(ctx context.Context) (string, error) { return site.client.Create(ctx, alert("fw-abc")) },
					Lag:  30 * time.Second,
				})
				fault.Match = "POST /rest/api/2/issue/" + key + "/comment"
				site.Faults().Add(fault)
				id := site.untilDone(t, "comment", framework.Effect{
					Find: func(ctx context.Context) (string, error) { return site.client.FindComment(ctx, key, "mark") },
					Do: func(ctx context.Context) (string, error) {
						return site.client.AddComment(ctx, key, "mark", framework.Document{framework.Text("hello")})
					},
					Lag: 30 * time.Second,
				})
				var ids []string
				for _, comment := range site.Comments(key) {
					ids = append(ids, comment.ID)
				}
				if diff := cmp.Diff([]any{1, []string{id}}, []any{len(site.Issues()), ids}); diff != "" {
					t.Errorf("tickets and comments (-want +got):\n%s", diff)
				}
				if got := len(site.Faults().List()); got != 0 {
					t.Errorf("%d faults were not met", got)
				}
			})
		})
	}
}

// untilDone does an effect as the engine would: again and again, each time when the failure says, on the test's clock.
func (s site) untilDone(t *testing.T, key string, effect framework.Effect) string {
	t.Helper()
	for range 20 {
		result, err := framework.Once(t.Context(), s.deps.Ledger, s.clock.Now, key, effect)
		if err == nil {
			return result
		}
		if framework.IsPermanent(err) {
			t.Fatalf("given up: %v", err)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("the failure has more than one line: %v", err)
		}
		next := s.clock.Now().Add(max(time.Second, framework.RetryAfter(err)))
		if wait, ok := errors.AsType[*framework.Wait](err); ok {
			next = wait.Until
		}
		s.clock.Advance(next.Sub(s.clock.Now()))
	}
	t.Fatal("20 attempts failed")
	return ""
}
