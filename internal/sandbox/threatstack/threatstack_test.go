package threatstack_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/threatstack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "threatstack-key-0123456789"

func start(t *testing.T) *threatstack.Server {
	t.Helper()
	clock := &frameworktest.Clock{}
	s, err := threatstack.Start(t.Context(), threatstack.Options{Key: framework.NewSecret(key), Now: clock.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

func get(t *testing.T, url string, authorization ...string) (int, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header["Authorization"] = authorization
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func TestTheKeyStandsBareInAuthorization(t *testing.T) {
	s := start(t)
	for _, c := range []struct {
		name   string
		given  []string
		status int
	}{
		{"the key", []string{key}, 200},
		{"no key", nil, 401},
		{"a wrong key", []string{"wrong"}, 401},
		{"a bearer", []string{"Bearer " + key}, 401},
		{"the key twice", []string{key, key}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, body, err := get(t, s.URL()+"/alerts?count=1", c.given...); err != nil || status != c.status {
				t.Errorf("%d %s %v, want %d", status, body, err, c.status)
			}
		})
	}
	if diff := cmp.Diff([]string{"GET /api/v1/alerts"}, s.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestTheWebhookAnnouncesTheAlertsWhoseDetailsTheAPIHas(t *testing.T) {
	s := start(t)
	var webhook struct {
		Alerts []struct {
			ID        string `json:"id"`
			CreatedAt int64  `json:"created_at"`
		} `json:"alerts"`
	}
	if err := json.Unmarshal(s.Webhook(), &webhook); err != nil {
		t.Fatal(err)
	}
	if len(webhook.Alerts) != 2 {
		t.Fatalf("%d alerts, want 2", len(webhook.Alerts))
	}
	for i, announced := range webhook.Alerts {
		status, body, err := get(t, s.URL()+"/alerts/"+announced.ID, key)
		var detail threatstack.Alert
		if err != nil || status != 200 || json.Unmarshal([]byte(body), &detail) != nil {
			t.Fatalf("%d %s %v", status, body, err)
		}
		if diff := cmp.Diff(s.Alerts()[i], detail); diff != "" || detail.CreatedAt != announced.CreatedAt || len(announced.ID) < 6 {
			t.Errorf("detail of %s (-want +got):\n%s", announced.ID, diff)
		}
	}
}

func TestWhatIsNotThereIsRefused(t *testing.T) {
	s := start(t)
	for path, want := range map[string]int{"/alerts/unknown": 404, "/alerts?count=0": 400, "/alerts?count=1x": 400, "/rules": 404} {
		if status, body, err := get(t, s.URL()+path, key); err != nil || status != want {
			t.Errorf("%s gives %d %s %v, want %d", path, status, body, err, want)
		}
	}
}

func TestItMisbehavesWhenTold(t *testing.T) {
	s := start(t)
	for _, c := range []struct {
		name   string
		fault  fault.Fault
		status int // 0: no answer
		words  string
	}{
		{"unavailable", fault.Fault{Status: 503}, 503, "Service Unavailable"},
		{"too many requests", fault.Fault{Status: 429}, 429, "Too Many Requests"},
		{"an error with a body, which is no alert", fault.Fault{Status: 500, Body: `{"message":"boom"}`}, 500, "boom"},
		{"a page in place of JSON", fault.Fault{HTML: true}, 200, "<html>"},
		{"cut", fault.Fault{CutBefore: true}, 0, ""},
		{"cut after it was carried out", fault.Fault{CutAfter: true}, 0, ""},
		{"slow, and then as usual", fault.Fault{Latency: 5 * time.Millisecond}, 200, "EICAR"},
		{"another path", fault.Fault{Match: "GET /api/v1/rules", Status: 503}, 200, "EICAR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.Faults().Add(c.fault)
			defer s.Faults().Clear()
			status, body, err := get(t, s.URL()+"/alerts", key)
			if status != c.status || (err == nil) != (c.status != 0) || !strings.Contains(body, c.words) {
				t.Errorf("%d %s %v, want %d %s", status, body, err, c.status, c.words)
			}
		})
	}
	if status, body, err := get(t, s.URL()+"/alerts", key); err != nil || status != 200 || !strings.Contains(body, "EICAR") {
		t.Errorf("%d %s %v after the faults", status, body, err)
	}
}

func TestTheKeyIsInNoLogAndNoAnswer(t *testing.T) {
	log := &frameworktest.Log{}
	s, err := threatstack.Start(t.Context(), threatstack.Options{Key: framework.NewSecret(key), Now: (&frameworktest.Clock{}).Now, Log: log.Logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	_, known, knownErr := get(t, s.URL()+"/alerts", key)
	_, unknown, unknownErr := get(t, s.URL()+"/alerts/unknown", key)
	if knownErr != nil || unknownErr != nil {
		t.Fatal(knownErr, unknownErr)
	}
	http.DefaultClient.CloseIdleConnections()
	frameworktest.LeaksNoSecret(t, key, log.String(), known, unknown, string(s.Webhook()), strings.Join(s.Requests(), " "))
}

func TestItDoesNotStartWithoutAKeyOrOnATakenAddress(t *testing.T) {
	clock, log := &frameworktest.Clock{}, slog.New(slog.DiscardHandler)
	if _, err := threatstack.Start(t.Context(), threatstack.Options{Now: clock.Now, Log: log}); err == nil {
		t.Error("it started without a key")
	}
	address := strings.TrimPrefix(strings.TrimSuffix(start(t).URL(), "/api/v1"), "http://")
	if _, err := threatstack.Start(t.Context(), threatstack.Options{Addr: address, Key: framework.NewSecret(key), Now: clock.Now, Log: log}); err == nil {
		t.Error("it started on a taken address")
	}
}
