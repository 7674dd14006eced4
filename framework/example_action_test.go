package framework_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// PageConfig is the configuration of the action page.
type PageConfig struct {
	URL string `yaml:"url"`
}

// PageDefaults lacks the address.
func PageDefaults() PageConfig { return PageConfig{} }

// PageAction calls somebody out of bed: once.
type PageAction struct {
	url  string
	deps framework.Deps
}

// NewPage refuses an address that is none.
func NewPage(config PageConfig, deps framework.Deps) (*PageAction, error) {
	base, err := framework.ServiceURL(config.URL)
	if err != nil {
		return nil, err
	}
	return &PageAction{base.String(), deps}, nil
}

// Do may run again after it succeeded: the effect goes through the ledger.
func (a *PageAction) Do(ctx context.Context, job framework.Job) (framework.Result, error) {
	mark := job.Key()
	id, err := framework.Once(ctx, a.deps.Ledger, a.deps.Now, "page."+mark, framework.Effect{
		// Find looks for what an attempt did whose answer never came; this service answers nothing when there is none.
		Find: func(ctx context.Context) (string, error) { return a.call(ctx, http.MethodGet, mark, nil) },
		Do:   func(ctx context.Context) (string, error) { return a.call(ctx, http.MethodPost, mark, job.Event.Data) },
	})
	if err != nil {
		return framework.Result{}, err
	}
	return framework.Result{Summary: "paged as " + framework.Line(id, 40)}, nil
}

func (a *PageAction) call(ctx context.Context, method, mark string, body []byte) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, a.url+"?mark="+mark, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	answer, err := framework.Fetch(a.deps, "pager", "page", request)
	return string(answer), err
}

// An action does its job once, however often the engine delivers it: here the answer to the first attempt is lost, and the
// second finds what that one did.
func Example_action() {
	registry := framework.NewRegistry()
	framework.AddAction(registry, "page", PageDefaults, NewPage) // the line in actions/actions.go
	if err := registry.Err(); err != nil {
		fmt.Println(err)
	}

	pages := 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			pages++
			w.WriteHeader(http.StatusBadGateway) // it was done; a proxy lost the answer
			return
		}
		_, _ = w.Write([]byte("P-1"))
	}))
	defer service.Close()
	clock := new(frameworktest.Clock)
	deps := framework.Deps{HTTP: service.Client(), Now: clock.Now, Ledger: &frameworktest.MemoryLedger{Elapsed: clock.Elapsed}}
	action, err := NewPage(PageConfig{URL: service.URL}, deps)
	if err != nil {
		fmt.Println(err)
	}
	event, err := framework.NewEvent("splunk.alert", "search 1, row 1", map[string]string{"host": "WS-042"})
	if err != nil {
		fmt.Println(err)
	}

	job := framework.Job{Automation: "page-for-alert", Event: event}
	for job.Attempt = range 3 {
		if result, err := action.Do(context.Background(), job); err != nil {
			fmt.Println(framework.Reason(err))
		} else {
			fmt.Println(result.Summary)
		}
		clock.Advance(framework.DefaultLimit) // the engine waits between attempts
	}
	fmt.Println("pages:", pages)
	// Output:
	// pager: page: it cannot answer at the moment (status 502)
	// paged as P-1
	// paged as P-1
	// pages: 1
}
