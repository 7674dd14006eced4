package jira_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"funnelweb/framework"
	"funnelweb/internal/jira"
)

// strict is a Jira whose administrator lowered the limit on texts.
func strict(t *testing.T, said string, limit int) *jira.Client {
	t.Helper()
	return serve(t, jira.Config{Flavor: jira.DataCenter}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var body struct {
			Body   string
			Fields struct{ Description string }
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		answer := map[string]any{"id": "1", "key": "SEC-1"}
		for name, text := range map[string]string{"comment": body.Body, "description": body.Fields.Description} {
			if len(text) > limit {
				w.WriteHeader(http.StatusBadRequest)
				answer = map[string]any{"errorMessages": []string{}, "errors": map[string]string{name: "The entered text is too long. It exceeds the allowed limit of " + said + " characters."}}
			}
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
}

func TestALowerLimitOfTheAdministratorsIsLearntFromTheFirstRefusal(t *testing.T) {
	t.Parallel()
	long := framework.Document{framework.Text(strings.Repeat("x", 20_000))}
	for _, said := range []string{"10000", "10,000", "10.000", "10\u00a0000", "10'000"} {
		client := strict(t, said, 10_000)
		if !client.Fits(long) {
			t.Fatal("the limit is known before it was met")
		}
		_, err := client.AddComment(t.Context(), "SEC-1", "m", long)
		if framework.Reason(err) == "" || framework.IsPermanent(err) || framework.MayHaveHappened(err) {
			t.Errorf("%s: got %v, want a failure that the next attempt mends", said, err)
		}
		if client.Fits(long) {
			t.Errorf("%s: the limit was not learnt", said)
		}
		must(client.AddComment(t.Context(), "SEC-1", "m", long))(t)
		ticket := alert()
		ticket.Description = long
		must(client.Create(t.Context(), ticket))(t)
	}
	client := strict(t, "10000", 10_000)
	ticket := alert()
	ticket.Description = long
	if _, err := client.Create(t.Context(), ticket); framework.IsPermanent(err) || err == nil {
		t.Errorf("a ticket: got %v", err)
	}
	must(client.Create(t.Context(), ticket))(t)
}

func TestALimitThatIsNotOneOfTextsIsNotLearnt(t *testing.T) {
	t.Parallel()
	for _, said := range []string{"255", "32767", "99999999999999999999", "some"} {
		client := strict(t, said, 10_000)
		if _, err := client.AddComment(t.Context(), "SEC-1", "m", framework.Document{framework.Text(strings.Repeat("x", 20_000))}); !framework.IsPermanent(err) {
			t.Errorf("%s: got %v", said, err)
		}
		if !client.Fits(framework.Document{framework.Text(strings.Repeat("x", 32_767))}) {
			t.Errorf("%s was learnt", said)
		}
	}
	other := serve(t, jira.Config{}, answers(400, nil, `{"errors":{"customfield_1":"It exceeds the allowed limit of 1255 characters.","x":"comment: allowed limit of 5000"}}`))
	if _, err := other.Create(t.Context(), alert()); !framework.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}
