package jira_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gojira "github.com/andygrunwald/go-jira"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/jira"
)

// receiver takes webhooks and answers the statuses in turn, then 202.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int
	headers  []http.Header
	bodies   []string
}

func receive(t *testing.T, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{statuses: statuses}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.headers, r.bodies = append(r.headers, request.Header), append(r.bodies, string(body))
		status := http.StatusAccepted
		if len(r.statuses) > 0 {
			status, r.statuses = r.statuses[0], r.statuses[1:]
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

const hookSecret = "It's a Secret to Everybody"

func hooked(t *testing.T, flavor string, r *receiver) *bench {
	t.Helper()
	return start(t, flavor, func(o *jira.Options) {
		o.WebhookURL, o.WebhookSecret = r.URL+"/hook?token=url-canary", framework.NewSecret(hookSecret)
	})
}

func TestSignatureVector(t *testing.T) {
	got := jira.Signature(framework.NewSecret(hookSecret), []byte("Hello World!"))
	if want := "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestACreatedIssueIsAnnounced(t *testing.T) {
	r := receive(t)
	b := hooked(t, jira.Cloud, r)
	b.create(t, "Malware found on host", "fw-a")
	b.delivered(t)
	if len(r.bodies) != 1 {
		t.Fatalf("%d calls", len(r.bodies))
	}
	header, body := r.headers[0], r.bodies[0]
	if got := header.Get("X-Hub-Signature"); got != jira.Signature(framework.NewSecret(hookSecret), []byte(body)) {
		t.Errorf("the signature is %q", got)
	}
	if header.Get("X-Atlassian-Webhook-Identifier") == "" || header.Get("X-Atlassian-Webhook-Flow") != "Primary" ||
		header.Get("X-Atlassian-Webhook-Retry") != "" || header.Get("User-Agent") != "Atlassian Webhook HTTP Client" {
		t.Errorf("headers %v", header)
	}
	var envelope struct {
		Timestamp int64        `json:"timestamp"`
		Event     string       `json:"webhookEvent"`
		Type      string       `json:"issue_event_type_name"`
		User      gojira.User  `json:"user"`
		Issue     gojira.Issue `json:"issue"`
		Changelog struct {
			Items []map[string]any `json:"items"`
		} `json:"changelog"`
	}
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	got := []any{
		envelope.Timestamp, envelope.Event, envelope.Type, envelope.Issue.Key, envelope.Issue.Fields.Labels,
		envelope.User.Name, envelope.User.EmailAddress, strings.HasPrefix(envelope.User.AccountID, "712020:"), len(envelope.Changelog.Items),
	}
	want := []any{b.clock.Now().UnixMilli(), "jira:issue_created", "issue_created", "SEC-1", []string{"fw-a"}, "", "", true, 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the event (-want +got):\n%s\n%s", diff, body)
	}
	if !strings.Contains(body, `"description":null`) {
		t.Errorf("an empty description is null: %s", body)
	}
}

func TestEachFlavorTellsOfComments(t *testing.T) {
	for _, test := range []struct {
		flavor string
		want   []string
	}{
		{jira.Cloud, []string{"jira:issue_created", "comment_created", "comment_updated", "comment_deleted", "jira:issue_updated"}},
		{jira.DataCenter, []string{
			"jira:issue_created", "comment_created", "jira:issue_updated", "comment_updated", "jira:issue_updated",
			"comment_deleted", "jira:issue_updated", "jira:issue_updated",
		}},
	} {
		t.Run(test.flavor, func(t *testing.T) {
			r := receive(t)
			b := hooked(t, test.flavor, r)
			b.create(t, "one", "x")
			id, _ := b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue/SEC-1/comment", `{"body":"a"}`).member(t, "id").(string)
			b.must(t, http.StatusOK, "PUT", "/rest/api/2/issue/SEC-1/comment/"+id, `{"body":"b"}`)
			b.must(t, http.StatusNoContent, "DELETE", "/rest/api/2/issue/SEC-1/comment/"+id, "")
			b.must(t, http.StatusNoContent, "PUT", "/rest/api/2/issue/SEC-1", `{"fields":{"summary":"two"}}`)
			b.must(t, http.StatusNoContent, "PUT", "/rest/api/2/issue/SEC-1", `{"fields":{"summary":"two"}}`) // changes nothing
			b.delivered(t)
			var got []string
			for _, delivery := range b.Deliveries() {
				got = append(got, delivery.Event)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			withIssue := strings.Contains(r.bodies[1], `"issue":`)
			if withIssue != (test.flavor == jira.Cloud) {
				t.Errorf("comment_created is %s", r.bodies[1])
			}
			identified := r.headers[0].Get("X-Atlassian-Webhook-Identifier") != ""
			if identified != (test.flavor == jira.Cloud) {
				t.Errorf("headers %v", r.headers[0])
			}
		})
	}
}

func TestDeliveriesAreRepeated(t *testing.T) {
	for _, test := range []struct {
		name, flavor string
		statuses     []int
		attempts     int
		status       int
	}{
		{"an answer in the 200s is the end", jira.Cloud, []int{204}, 1, 204},
		{"what may pass is tried again", jira.Cloud, []int{408, 409, 425, 429, 503}, 6, 202},
		{"five times at most", jira.Cloud, slices.Repeat([]int{500}, 9), 6, 500},
		{"a refusal is final", jira.Cloud, []int{401}, 1, 401},
		{"so is what cannot be processed", jira.Cloud, []int{422}, 1, 422},
		{"a redirect is not followed", jira.Cloud, []int{307}, 1, 307},
		{"Data Center never repeats", jira.DataCenter, []int{503}, 1, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := receive(t, test.statuses...)
			b := hooked(t, test.flavor, r)
			b.create(t, "one", "x")
			b.delivered(t)
			got := b.Deliveries()[0]
			if got.Attempts != test.attempts || got.Status != test.status || !got.Done || got.Err != "" {
				t.Errorf("%d attempts, status %d, done %v, %q", got.Attempts, got.Status, got.Done, got.Err)
			}
			if len(r.bodies) != test.attempts {
				t.Fatalf("%d calls", len(r.bodies))
			}
			for i, header := range r.headers {
				if test.flavor == jira.Cloud && header.Get("X-Atlassian-Webhook-Identifier") != got.ID {
					t.Errorf("attempt %d has identifier %q, want %q", i, header.Get("X-Atlassian-Webhook-Identifier"), got.ID)
				}
				if retry := map[bool]string{true: "", false: string(rune('0' + i))}[i == 0]; header.Get("X-Atlassian-Webhook-Retry") != retry {
					t.Errorf("attempt %d is marked %q, want %q", i, header.Get("X-Atlassian-Webhook-Retry"), retry)
				}
				if r.bodies[i] != r.bodies[0] {
					t.Errorf("attempt %d has another body", i)
				}
			}
		})
	}
}

func TestAReceiverThatIsAwayIsTriedAgain(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	b := start(t, jira.Cloud, func(o *jira.Options) { o.WebhookURL = away.URL + "/?token=url-canary" })
	b.create(t, "one", "x")
	b.delivered(t)
	got := b.Deliveries()[0]
	if got.Attempts != 6 || got.Status != 0 || !strings.Contains(got.Err, "connection refused") {
		t.Errorf("%d attempts, status %d, %q", got.Attempts, got.Status, got.Err)
	}
	if strings.Contains(got.Err, "url-canary") {
		t.Errorf("the error holds the address: %s", got.Err)
	}
}

func TestEventsComeInOrderAlthoughTheFirstIsRepeated(t *testing.T) {
	r := receive(t, 503)
	b := hooked(t, jira.Cloud, r)
	for range 3 {
		b.create(t, "one", "x")
	}
	b.delivered(t)
	var keys []string
	for _, body := range r.bodies {
		var event struct{ Issue struct{ Key string } }
		if err := json.Unmarshal([]byte(body), &event); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, event.Issue.Key)
	}
	if diff := cmp.Diff([]string{"SEC-1", "SEC-1", "SEC-2", "SEC-3"}, keys); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestTheWebhookIsSetLater(t *testing.T) {
	r := receive(t)
	b := start(t, jira.Cloud)
	b.create(t, "nobody hears of it", "x")
	b.delivered(t)
	b.SetWebhook(r.URL, framework.Secret{})
	b.create(t, "two", "x")
	b.delivered(t)
	if len(r.bodies) != 1 || !strings.Contains(r.bodies[0], "SEC-2") || r.headers[0].Get("X-Hub-Signature") != "" {
		t.Errorf("got %v %v", r.headers, r.bodies)
	}
}

// Close must not wait for a receiver that does not answer.
func TestCloseAbandonsDeliveries(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		close(arrived)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(release)
	b := start(t, jira.Cloud, func(o *jira.Options) { o.WebhookURL, o.RetryDelay = slow.URL, time.Hour })
	b.create(t, "one", "x")
	<-arrived
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

// Whatever happens, neither the log nor what is read back or answered holds a secret.
func TestSecretsStayInside(t *testing.T) {
	const hook, inURL = "webhook-secret-canary", "url-secret-canary"
	var log lockedBuffer
	r := receive(t, 503, 202, 401)
	b := start(t, jira.Cloud, func(o *jira.Options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.WebhookURL, o.WebhookSecret = r.URL+"/?token="+inURL, framework.NewSecret(hook)
	})
	texts := []string{}
	keep := func(got reply) { texts = append(texts, got.body, fmt.Sprint(got.header)) }
	keep(b.do(t, "POST", "/rest/api/2/issue", issue(`,"summary":"s"`)))
	keep(b.do(t, "POST", "/rest/api/2/issue", issue(``)))
	keep(b.do(t, "GET", "/rest/api/2/myself", "", func(r *http.Request) { r.SetBasicAuth(user, "x"+token) }))
	keep(b.do(t, "GET", "/browse/SEC-1", ""))
	b.delivered(t)
	r.Close() // nobody answers any more
	keep(b.do(t, "POST", "/rest/api/2/issue", issue(`,"summary":"s"`)))
	b.delivered(t)
	for _, delivery := range b.Deliveries() {
		texts = append(texts, fmt.Sprintf("%+v", delivery), string(delivery.Body))
	}
	texts = append(texts, log.String())
	if !strings.Contains(log.String(), "jira webhook") {
		t.Errorf("nothing was logged: %q", log.String())
	}
	for _, canary := range []string{token, hook, inURL} {
		frameworktest.LeaksNoSecret(t, canary, texts...)
	}
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func TestManyMayWriteAtOnce(t *testing.T) {
	r := receive(t)
	b := hooked(t, jira.Cloud, r)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if got, err := b.try(t, "POST", "/rest/api/2/issue", issue(`,"summary":"s"`)); err != nil || got.status != http.StatusCreated {
				t.Errorf("answered %d %s %v", got.status, got.body, err)
			}
		})
	}
	group.Wait()
	b.delivered(t)
	keys := map[string]bool{}
	for i, one := range b.Issues() {
		keys[one.Key] = true
		if delivery := b.Deliveries()[i]; delivery.IssueKey != one.Key {
			t.Errorf("event %d is of %s, want %s", i, delivery.IssueKey, one.Key)
		}
	}
	if len(keys) != 20 {
		t.Errorf("%d different keys", len(keys))
	}
}
