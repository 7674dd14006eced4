package archive

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is the key for Threat Stack in all tests.
const canary = "ts-canary-9f86d081884c7d65"

// build makes the action with an archive in memory.
func build(t *testing.T, config Config) (*Action, *frameworktest.MemoryArchive) {
	t.Helper()
	deps := frameworktest.Deps(t)
	archive := new(frameworktest.MemoryArchive)
	deps.Archive = archive
	action, err := New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	return action, archive
}

// event makes an event that was accepted late in a minute of another zone.
func event(t *testing.T, eventType, data string) framework.Event {
	t.Helper()
	made, err := framework.NewEvent(eventType, data, framework.JSON(data))
	if err != nil {
		t.Fatal(err)
	}
	made.Time = time.Date(2026, 11, 20, 13, 59, 59, 999999999, time.FixedZone("CET", 3600))
	made.RequestID = "request-1"
	return made
}

func job(e framework.Event) framework.Job {
	return framework.Job{Automation: "archive", Event: e, Attempt: 1}
}

// objects reads the whole archive.
func objects(t *testing.T, archive *frameworktest.MemoryArchive) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, key := range archive.Keys() {
		body, err := archive.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		all[key] = string(body)
	}
	return all
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Setenv("TS_KEY", canary)
	t.Setenv("TS_BROKEN_KEY", "two\nlines")
	cases := []struct{ name, yaml, want string }{
		{"nothing is needed", "{}", ""},
		{"a key and a prefix", `{threatstack: {key: "env:TS_KEY"}, prefix: evidence/soc}`, ""},
		{"a stand-in on this machine needs no TLS", `threatstack: {url: "http://localhost:8081/api/v1", key: "env:TS_KEY"}`, ""},
		{"the key goes to no other machine in the clear", `threatstack: {url: "http://ts.lab.example/api/v1", key: "env:TS_KEY"}`, "in the clear"},
		{"an address that is none", `threatstack: {url: "%zz", key: "env:TS_KEY"}`, "not an absolute https address"},
		{"a password in the address", `threatstack: {url: "https://a:b@ts.lab.example", key: "env:TS_KEY"}`, "user or password"},
		{"an address without a key", `threatstack: {url: "https://ts.lab.example"}`, "threatstack.key is missing"},
		{"a key of two lines", `threatstack: {key: "env:TS_BROKEN_KEY"}`, "visible ASCII"},
		{"a key that is written in place", `threatstack: {key: ` + canary + `}`, "never in place"},
		{"a prefix that climbs", "prefix: ../other", "prefix must be"},
		{"a prefix from the root", "prefix: /other", "prefix must be"},
		{"a prefix with two slashes", "prefix: a//b", "prefix must be"},
		{"a prefix with a space", "prefix: my evidence", "prefix must be"},
		{"a prefix that is too long", "prefix: " + strings.Repeat("a", 201), "prefix must be"},
		{"a prefix among the alerts", "prefix: alerts/other", "must not begin with"},
		{"a prefix among the manifests", "prefix: seals/manifests", "must not begin with"},
		{"a prefix among the webhooks", "prefix: webhooks/", "must not begin with"},
		{"a setting that is not known", "prefixes: a", "prefixes"},
	}
	registry := framework.NewRegistry()
	framework.AddAction(registry, "archive", Defaults, New)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var document yaml.Node
			if err := yaml.Unmarshal([]byte(c.yaml), &document); err != nil {
				t.Fatal(err)
			}
			_, err := registry.Action("archive", document.Content[0], "automations[0].do.archive", frameworktest.Deps(t))
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q in it", err, c.want)
			case err != nil:
				frameworktest.LeaksNoSecret(t, canary, err.Error())
			}
		})
	}
}

func TestAnEventIsArchivedWhole(t *testing.T) {
	splunk := event(t, "splunk.alert", `{"sid":"1","result":{"user":"jdoe","host":"WS-042"}}`)
	body := fmt.Sprintf(`{"id":%q,"type":"splunk.alert","time":"2026-11-20T13:59:59.999999999+01:00","request_id":"request-1",`+
		`"data":{"sid":"1","result":{"user":"jdoe","host":"WS-042"}}}`, splunk.ID)
	cases := []struct{ name, prefix, key string }{
		{"under its source", "", "splunk/2026/11/20/12/59/" + splunk.ID},
		{"under the prefix", "evidence/soc/", "evidence/soc/2026/11/20/12/59/" + splunk.ID},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := Defaults()
			config.Prefix = c.prefix
			action, archive := build(t, config)
			for attempt := range 2 {
				result, err := action.Do(t.Context(), job(splunk))
				if err != nil {
					t.Fatalf("attempt %d: %v", attempt, err)
				}
				if diff := cmp.Diff(framework.Result{Summary: "archived " + c.key}, result); diff != "" {
					t.Errorf("result (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(map[string]string{c.key: body}, objects(t, archive)); diff != "" {
				t.Errorf("archive (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventsOfASourceNamedLikeAReservedPlaceAreRefused(t *testing.T) {
	action, archive := build(t, Defaults())
	_, err := action.Do(t.Context(), job(event(t, "webhooks.received", `{}`)))
	if !framework.IsPermanent(err) || !strings.Contains(framework.Reason(err), "configure a prefix") {
		t.Errorf("got %v", err)
	}
	if got := objects(t, archive); len(got) != 0 {
		t.Errorf("the archive holds %v", got)
	}
}

func TestAFailingArchiveIsTriedAgain(t *testing.T) {
	for _, e := range []framework.Event{event(t, "splunk.alert", `{}`), event(t, alertType, `{"id":"589b1aa1","created_at":1795176000000}`)} {
		t.Run(e.Type, func(t *testing.T) {
			action, archive := build(t, Defaults())
			archive.Fail = func(call, _ string) error {
				return &framework.ServiceError{Service: "s3", Op: call, Reason: "the store asks to slow down", RetryAfter: time.Minute}
			}
			_, err := action.Do(t.Context(), job(e))
			if err == nil || framework.IsPermanent(err) || framework.RetryAfter(err) != time.Minute {
				t.Errorf("got %v", err)
			}
			archive.Fail = nil
			if _, err := action.Do(t.Context(), job(e)); err != nil {
				t.Errorf("the next attempt: %v", err)
			}
		})
	}
}

func TestTheKeyIsInNoErrorAndNoLog(t *testing.T) {
	var texts []string
	for _, status := range []int{200, 301, 401, 404, 500} {
		server := answering(t, status, `{"echo":"`+canary+`"}`)
		action, _ := build(t, server)
		_, err := action.Do(t.Context(), job(event(t, alertType, `{"id":"589b1aa1","created_at":1795176000000}`)))
		if err == nil {
			t.Fatalf("status %d succeeded", status)
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Error("failed", "err", err, "action", fmt.Sprintf("%+v", action))
		texts = append(texts, err.Error(), framework.Reason(err), log.String())
	}
	frameworktest.LeaksNoSecret(t, canary, texts...)
}

func TestCheckAsksThreatStack(t *testing.T) {
	cases := []struct {
		name   string
		config func(t *testing.T) Config
		want   string
	}{
		{"nothing to ask without a key", func(*testing.T) Config { return Defaults() }, ""},
		{"it answers", func(t *testing.T) Config { t.Helper(); return answering(t, 200, `[]`) }, ""},
		{"it refuses the key", func(t *testing.T) Config { t.Helper(); return answering(t, 403, `{}`) }, "check threatstack.key"},
		{"it is not there", func(t *testing.T) Config { t.Helper(); return notListening(t) }, "no answer"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			action, _ := build(t, c.config(t))
			err := action.Check(t.Context())
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			service, ok := errors.AsType[*framework.ServiceError](err)
			if !ok || !strings.Contains(service.Reason, c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}
