package archive

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// twoAlerts is a webhook as Threat Stack sends it, with members that nobody declared.
const twoAlerts = `{
	"alerts": [
		{"id": "589b1aa1", "title": "root used", "created_at": 1795176000000, "severity": 1, "organization_id": "5f00",
		 "server_or_region": null, "source": "cloudtrail", "later": {"than": ["documented"]}},
		{"id": "589b1aa2", "title": "jdoe ran nc on WS-042", "created_at": 1795176000001, "severity": 2}
	],
	"sent_by": "nobody has declared this"
}`

func TestEachAlertOfAWebhookBecomesAnEvent(t *testing.T) {
	s := serve(t, Defaults())
	answer := s.call(t, http.MethodPost, "/api/v1/s3/alert", twoAlerts)
	if answer.Code != http.StatusOK || strings.TrimSpace(answer.Body.String()) != `{"success":true}` {
		t.Errorf("got %d %s", answer.Code, answer.Body)
	}
	var got []string
	for _, event := range s.events.Events() {
		if event.Type != "threatstack.alert" || event.Source() != "threatstack" {
			t.Errorf("type: got %s", event.Type)
		}
		got = append(got, string(event.Data))
	}
	want := []string{
		`{"id":"589b1aa1","title":"root used","created_at":1795176000000,"severity":1,"organization_id":"5f00",` +
			`"server_or_region":null,"source":"cloudtrail","later":{"than":["documented"]}}`,
		`{"id":"589b1aa2","title":"jdoe ran nc on WS-042","created_at":1795176000001,"severity":2}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("data of the events (-want +got):\n%s", diff)
	}
}

func TestARepeatIsTheSameEventAndACorrectionANewOne(t *testing.T) {
	const alert = `{"alerts":[{"id":"589b1aa1","created_at":1795176000000,"title":"root"}]}`
	cases := []struct {
		name, second string
		events       int
	}{
		{"the same bytes", alert, 1},
		{"the same alert in another layout", strings.ReplaceAll(alert, ",", " ,\n "), 1},
		{"the same alert with other escapes", strings.Replace(alert, "root", `r\u006fot`, 1), 1},
		{"twice in one webhook", strings.Replace(alert, "[", `[{"id":"589b1aa1","created_at":1795176000000,"title":"root"},`, 1), 1},
		{"another title", strings.Replace(alert, "root", "user", 1), 2},
		{"another time", strings.Replace(alert, "6000000", "6000001", 1), 2},
		{"a member more", strings.Replace(alert, `"id"`, `"severity":1,"id"`, 1), 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, Defaults())
			for _, body := range []string{alert, c.second} {
				wantAnswer(t, s.call(t, http.MethodPost, "/api/v1/s3/alert", body), http.StatusOK, `{"success":true}`)
			}
			if got := len(s.events.Events()); got != c.events {
				t.Errorf("got %d events, want %d", got, c.events)
			}
		})
	}
}

func TestAWebhookThatBreaksARuleStoresNothing(t *testing.T) {
	item := func(members string) string { return `{"alerts":[{"id":"589b1aa1","created_at":1},{` + members + `}]}` }
	at := func(pointer, rule string) framework.Field {
		return framework.Field{In: "body", Pointer: pointer, Rule: rule}
	}
	cases := []struct {
		name, body string
		status     int
		fields     []framework.Field
	}{
		{"no alerts", `{}`, 422, []framework.Field{at("/alerts", "required")}},
		{"an empty list", `{"alerts":[]}`, 422, []framework.Field{at("/alerts", "minItems")}},
		{"null for a list", `{"alerts":null}`, 422, []framework.Field{at("/alerts", "type")}},
		{"a list for the envelope", `[]`, 422, []framework.Field{at("", "type")}},
		{"text for an alert", `{"alerts":["canary-value"]}`, 422, []framework.Field{at("/alerts/0", "type")}},
		{"no id", item(`"created_at":1`), 422, []framework.Field{at("/alerts/1/id", "required")}},
		{"no time", item(`"id":"589b1aa2"`), 422, []framework.Field{at("/alerts/1/created_at", "required")}},
		{"the time 0", item(`"id":"589b1aa2","created_at":0`), 422, []framework.Field{at("/alerts/1/created_at", "minimum")}},
		{"the year 10000", item(`"id":"589b1aa2","created_at":253402300800000`), 422, []framework.Field{at("/alerts/1/created_at", "maximum")}},
		{"a time with a fraction", item(`"id":"589b1aa2","created_at":1.5`), 422, []framework.Field{at("/alerts/1/created_at", "type")}},
		{"a time as text", item(`"id":"589b1aa2","created_at":"1"`), 422, []framework.Field{at("/alerts/1/created_at", "type")}},
		{"an id that climbs", item(`"id":"../../../canary-value","created_at":1`), 422, []framework.Field{at("/alerts/1/id", "pattern")}},
		{"an id with a line feed", item(`"id":"canary-value\n","created_at":1`), 422, []framework.Field{at("/alerts/1/id", "pattern")}},
		{"an id in another case", item(`"ID":"589b1aa2","created_at":1`), 422, []framework.Field{at("/alerts/1/id", "required")}},
		{"an id that is given twice", item(`"id":"589b1aa2","created_at":1,"id":"canary-value"`), 400, []framework.Field{at("/alerts/1/id", "json")}},
		{"something else than JSON", `canary-value`, 400, []framework.Field{at("", "json")}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, Defaults())
			answer := s.call(t, http.MethodPost, "/api/v1/s3/alert", c.body)
			wantProblem(t, answer, c.status, c.fields...)
			if strings.Contains(answer.Body.String(), "canary-value") {
				t.Errorf("the answer tells what was sent: %s", answer.Body)
			}
			if events := s.events.Events(); len(events) != 0 {
				t.Errorf("%d events were stored", len(events))
			}
		})
	}
}

func TestAnAlertWithTextThatIsNotUnicodeIsStored(t *testing.T) {
	s := serve(t, Defaults())
	body := "{\"alerts\":[{\"id\":\"589b1aa1\",\"created_at\":1,\"args\":\"\\udcff \xff\"}]}"
	wantAnswer(t, s.call(t, http.MethodPost, "/api/v1/s3/alert", body), http.StatusOK, `{"success":true}`)
	if diff := cmp.Diff("{\"id\":\"589b1aa1\",\"created_at\":1,\"args\":\"\uFFFD \uFFFD\"}", string(s.events.Events()[0].Data)); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

func TestAWebhookOfTooManyAlertsIsRefused(t *testing.T) {
	s := serve(t, Defaults())
	alerts := make([]string, 1001)
	for i := range alerts {
		alerts[i] = fmt.Sprintf(`{"id":"alert-%04d","created_at":1}`, i)
	}
	body := func(n int) string { return `{"alerts":[` + strings.Join(alerts[:n], ",") + `]}` }
	wantProblem(t, s.call(t, http.MethodPost, "/api/v1/s3/alert", body(1001)), 422, framework.Field{In: "body", Pointer: "/alerts", Rule: "maxItems"})
	wantAnswer(t, s.call(t, http.MethodPost, "/api/v1/s3/alert", body(1000)), http.StatusOK, `{"success":true}`)
	if got := len(s.events.Events()); got != 1000 {
		t.Errorf("got %d events", got)
	}
}

func TestAWebhookThatCannotBeStoredIsToBeSentAgain(t *testing.T) {
	s := serve(t, Defaults())
	s.events.Fail = func(event framework.Event) error {
		if strings.Contains(string(event.Data), "589b1aa2") {
			return errors.New("disk of the canary is full")
		}
		return nil
	}
	answer := s.call(t, http.MethodPost, "/api/v1/s3/alert", twoAlerts)
	wantProblem(t, answer, http.StatusServiceUnavailable)
	if answer.Header().Get("Retry-After") == "" || strings.Contains(answer.Body.String(), "canary") {
		t.Errorf("got %v %s", answer.Header(), answer.Body)
	}
	s.events.Fail = nil
	wantAnswer(t, s.call(t, http.MethodPost, "/api/v1/s3/alert", twoAlerts), http.StatusOK, `{"success":true}`)
	if got := len(s.events.Events()); got != 2 {
		t.Errorf("after the repeat there are %d events, want 2", got)
	}
}
