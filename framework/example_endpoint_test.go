package framework_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// PhishConfig is the configuration of the endpoint phish.
type PhishConfig struct{}

// PhishDefaults is all there is to configure.
func PhishDefaults() PhishConfig { return PhishConfig{} }

// PhishReport is the body. Its tags are the rules that a call is held to, and what the OpenAPI document shows.
type PhishReport struct {
	Reporter string   `json:"reporter" format:"email" doc:"Who reports the mail"`
	URLs     []string `json:"urls" minItems:"1" maxItems:"50" doc:"Links in the mail"`
}

// PhishInput is a call.
type PhishInput struct {
	Body PhishReport
}

// PhishAnswer tells under which id the report is stored.
type PhishAnswer struct {
	EventID string `json:"event_id"`
}

// NewPhish returns the routes of the endpoint.
func NewPhish(_ PhishConfig, deps framework.Deps) (framework.Routes, error) {
	endpoint := framework.Endpoint[PhishInput, PhishAnswer]{
		Method: http.MethodPost, Path: "/api/v1/phish", ID: "phish-report", Summary: "Report a mail",
		Success: []int{http.StatusAccepted}, Events: []string{"phish.reported"},
		Handle: func(ctx context.Context, in *PhishInput) (*PhishAnswer, error) {
			key := framework.Fingerprint(append([]string{in.Body.Reporter}, in.Body.URLs...)...)
			event, err := framework.NewEvent("phish.reported", key, in.Body)
			if err != nil {
				return nil, err
			}
			receipts, err := deps.Events.Publish(ctx, event) // returns when it is safe against power loss
			if err != nil {
				return nil, err
			}
			return &PhishAnswer{EventID: receipts[0].ID}, nil
		},
	}
	return framework.Routes{endpoint.Route()}, nil
}

// An endpoint publishes an event and returns; automations do the rest. What it was sent has been checked by then.
func Example_endpoint() {
	registry := framework.NewRegistry()
	framework.AddEndpoint(registry, "phish", PhishDefaults, NewPhish) // the line in endpoints/endpoints.go
	if err := registry.Err(); err != nil {
		fmt.Println(err)
	}

	events := new(frameworktest.MemoryPublisher)
	routes, err := NewPhish(PhishDefaults(), framework.Deps{Events: events})
	if err != nil {
		fmt.Println(err)
	}
	funnel, err := framework.NewFunnel(framework.Info{Title: "example"}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		fmt.Println(err)
	}
	if err := funnel.Mount(routes[0], framework.Chain{Public: true}); err != nil {
		fmt.Println(err)
	}

	for _, body := range []string{
		`{"reporter":"jdoe@lab.example","urls":["https://evil.example/"]}`,
		`{"reporter":"jdoe","urls":[]}`,
	} {
		recorder := httptest.NewRecorder()
		funnel.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/api/v1/phish", strings.NewReader(body)))
		var problem framework.Problem
		if err := json.Unmarshal(recorder.Body.Bytes(), &problem); err != nil {
			fmt.Println(err)
		}
		fmt.Println(recorder.Code)
		for _, field := range problem.Errors {
			fmt.Println(field.Pointer, field.Rule)
		}
	}
	for _, event := range events.Events() {
		fmt.Println(event.Type, string(event.Data))
	}
	// Output:
	// 202
	// 422
	// /reporter format
	// /urls minItems
	// phish.reported {"reporter":"jdoe@lab.example","urls":["https://evil.example/"]}
}
