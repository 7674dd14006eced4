package jira_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"funnelweb/framework"
	"funnelweb/internal/jira"
	sandbox "funnelweb/internal/sandbox/jira"
)

// Whoever may comment may set a comment's properties, and so could keep the findings about himself off a ticket.
func TestAMarkOnSomebodyElsesCommentIsNotOurs(t *testing.T) {
	t.Parallel()
	for flavor, member := range map[string]string{jira.Cloud: "accountId", jira.DataCenter: "name"} {
		var asked atomic.Int32
		client := serve(t, jira.Config{Flavor: flavor}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if strings.HasSuffix(r.URL.Path, "/myself") {
				asked.Add(1)
				_, _ = fmt.Fprintf(w, `{%q:"us","displayName":"Funnelweb"}`, member)
				return
			}
			of := func(id, who string) string {
				return fmt.Sprintf(`{"id":%q,"author":{%q:%q,"displayName":"Funnelweb"},"properties":[{"key":"funnelweb","value":{"mark":"m"}}]}`, id, member, who)
			}
			_, _ = fmt.Fprintf(w, `{"total":3,"comments":[{"id":"1","properties":[{"key":"funnelweb","value":{"mark":"m"}}]},%s,%s]}`, of("2", "eve"), of("3", "us"))
		})
		for range 2 {
			if got := must(client.FindComment(t.Context(), "SEC-1", "m"))(t); got != "3" {
				t.Errorf("%s: found %q, want 3", flavor, got)
			}
		}
		must(client.FindComment(t.Context(), "SEC-1", "other"))(t)
		if asked.Load() != 1 {
			t.Errorf("%s: asked %d times who we are", flavor, asked.Load())
		}
	}
}

func TestWhoWeAreIsAskedAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	client := serve(t, jira.Config{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case !strings.HasSuffix(r.URL.Path, "/myself"):
			_, _ = io.WriteString(w, `{"total":1,"comments":[{"id":"1","author":{"accountId":"us"},"properties":[{"key":"funnelweb","value":{"mark":"m"}}]}]}`)
		case asked.Add(1) == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = io.WriteString(w, `{"accountId":"us"}`)
		}
	})
	if _, err := client.FindComment(t.Context(), "SEC-1", "m"); framework.Reason(err) != "jira: read who we are: Jira is not available (status 503)" {
		t.Errorf("got %v", err)
	}
	if got := must(client.FindComment(t.Context(), "SEC-1", "m"))(t); got != "1" {
		t.Errorf("found %q", got)
	}
}

// In a service project a comment is its customers' to read unless it says otherwise: what a directory tells of somebody is not.
func TestCommentsAreKeptFromAServiceProjectsCustomers(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, func(*sandbox.Options) {})
		key := must(site.client.Create(t.Context(), alert()))(t)
		id := must(site.client.AddComment(t.Context(), key, "m", framework.Document{framework.Text("x")}))(t)
		internal := func() string { return string(site.Comments(key)[0].Properties["sd.public.comment"]) }
		if got := internal(); got != `{"internal":true}` {
			t.Errorf("added: %s", got)
		}
		if err := site.client.EditComment(t.Context(), key, id, "m", framework.Document{framework.Text("y")}); err != nil {
			t.Fatal(err)
		}
		if got := internal(); got != `{"internal":true}` {
			t.Errorf("edited: %s", got)
		}
	})
}

// Whoever may attach a file could otherwise keep the rows about himself off a ticket.
func TestAFileThatSomebodyElseAttachedIsNotOurs(t *testing.T) {
	t.Parallel()
	for flavor, member := range map[string]string{jira.Cloud: "accountId", jira.DataCenter: "name"} {
		client := serve(t, jira.Config{Flavor: flavor}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if strings.HasSuffix(r.URL.Path, "/myself") {
				_, _ = fmt.Fprintf(w, `{%q:"us","displayName":"Funnelweb"}`, member)
				return
			}
			of := func(id, name, who string) string {
				return fmt.Sprintf(`{"id":%q,"filename":%q,"author":{%q:%q,"displayName":"Funnelweb"}}`, id, name, member, who)
			}
			_, _ = fmt.Fprintf(w, `{"fields":{"attachment":[{"id":"1","filename":"rows.csv"},%s,%s,%s]}}`, of("2", "rows.csv", "eve"), of("3", "rows.csv", "us"), of("4", "eves.csv", "eve"))
		})
		for name, want := range map[string]string{"rows.csv": "3", "eves.csv": "", "none.csv": ""} {
			if got := must(client.FindFile(t.Context(), "SEC-1", name))(t); got != want {
				t.Errorf("%s: %s: found %q, want %q", flavor, name, got, want)
			}
		}
	}
}
