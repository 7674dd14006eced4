package framework_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// glassDoor is a door that looks at headers alone: who comes is known before the body is read.
type glassDoor struct{ door }

func (glassDoor) HeadersOnly() bool { return true }

// An alert whose sender repeats nothing is gone when it is refused: somebody must see that. Who proves nothing floods no alarm.
func TestAKnownSendersEventThatIsNotTakenIsAWarning(t *testing.T) {
	const good, bad = `{"name":"x"}`, `{"` + canary + `":1,"name":"` + canary + `"}`
	for name, test := range map[string]struct {
		word, body, event, level string
		status                   int
		told                     string
	}{
		"what is taken":                 {"sesame", good, "test.alert", "INFO", 200, ""},
		"what breaks a rule":            {"sesame", `{"name":"` + canary + `-and-more"}`, "test.alert", "WARN", 422, `rules="body /name maxLength"`},
		"what is no JSON":               {"sesame", `{"name":` + canary, "test.alert", "WARN", 400, `rules="body /name json"`},
		"what is too large":             {"sesame", `{"name":"` + strings.Repeat("x", 100) + `"}`, "test.alert", "WARN", 413, ""},
		"of somebody who is not known":  {"open", bad, "test.alert", "INFO", 401, ""},
		"of a route that has no events": {"sesame", `{}`, "", "INFO", 422, ""},
	} {
		t.Run(name, func(t *testing.T) {
			type input struct {
				Body struct {
					Name string `json:"name" maxLength:"10"`
				}
			}
			endpoint := framework.Endpoint[input, alertOutput]{
				Method: http.MethodPost, Path: "/in", ID: "in", MaxBody: 100,
				Handle: func(context.Context, *input) (*alertOutput, error) { return &alertOutput{}, nil },
			}
			if test.event != "" {
				endpoint.Events = []string{test.event}
			}
			var log frameworktest.Log
			funnel := newFunnel(t, log.Logger())
			chain := framework.Chain{Before: []framework.Named[framework.Before]{{Name: "door", Part: glassDoor{door{step{to: &order{}}}}}}}
			if err := funnel.Mount(endpoint.Route(), chain); err != nil {
				t.Fatal(err)
			}
			request := httptest.NewRequest(http.MethodPost, "/in", strings.NewReader(test.body))
			request.Header.Set("Word", test.word)
			recorder := httptest.NewRecorder()
			funnel.ServeHTTP(recorder, request)
			line := log.String()
			if recorder.Code != test.status || !strings.Contains(line, "level="+test.level) || !strings.Contains(line, "route=/in") || !strings.Contains(line, test.told) {
				t.Errorf("%d %s", recorder.Code, line)
			}
			if strings.Contains(line, canary) {
				t.Errorf("the log tells what was sent: %s", line)
			}
		})
	}
}

// A signature is over the body: of one that is too large to be read nobody can tell whose it is, and whoever sends such must not be
// able to raise alarms. What counts answers by status tells of it.
func TestATooLargeBodyOfNobodyKnownIsNoWarning(t *testing.T) {
	endpoint := framework.Endpoint[struct{ Body struct{} }, alertOutput]{
		Method: http.MethodPost, Path: "/in", ID: "in", MaxBody: 100, Events: []string{"test.alert"},
		Handle: func(context.Context, *struct{ Body struct{} }) (*alertOutput, error) { return &alertOutput{}, nil },
	}
	var log frameworktest.Log
	funnel := newFunnel(t, log.Logger())
	chain := framework.Chain{Before: []framework.Named[framework.Before]{{Name: "door", Part: door{step{to: &order{}}}}}} // it needs the body
	if err := funnel.Mount(endpoint.Route(), chain); err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/in", strings.NewReader(strings.Repeat(" ", 101)))
	request.Header.Set("Word", "sesame")
	recorder := httptest.NewRecorder()
	funnel.ServeHTTP(recorder, request)
	if line := log.String(); recorder.Code != http.StatusRequestEntityTooLarge || !strings.Contains(line, "level=INFO") || strings.Contains(line, "identity=") {
		t.Errorf("%d %s", recorder.Code, line)
	}
}

func TestWhoReadsIsNotToldThatNothingWasStored(t *testing.T) {
	type input struct {
		Limit int `query:"limit" maximum:"10"`
	}
	for method, want := range map[string]string{
		http.MethodGet:  "The call breaks the rules listed in errors.",
		http.MethodPost: "The call breaks the rules listed in errors. Nothing was stored.",
	} {
		route := framework.Endpoint[input, alertOutput]{
			Method: method, Path: "/in", ID: "in", Handle: func(context.Context, *input) (*alertOutput, error) { return &alertOutput{}, nil },
		}.Route()
		funnel := newFunnel(t, new(frameworktest.Log).Logger())
		if err := funnel.Mount(route, framework.Chain{Public: true}); err != nil {
			t.Fatal(err)
		}
		recorder := httptest.NewRecorder()
		funnel.ServeHTTP(recorder, httptest.NewRequest(method, "/in?limit=11", nil))
		if got := problem(t, answer{recorder.Code, recorder.Header(), recorder.Body.String()}).Detail; got != want {
			t.Errorf("%s: %q", method, got)
		}
	}
}
