package framework_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// surrounded is a funnel with one route and pages that refuse in ways of their own.
func surrounded(t *testing.T) *framework.Funnel {
	t.Helper()
	funnel, err := framework.NewFunnel(framework.Info{Title: "test"}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	route := framework.Endpoint[struct{ Body struct{} }, struct{}]{
		Method: http.MethodPost, Path: "/things", ID: "things", MaxBody: 1 << 10,
		Handle: func(context.Context, *struct{ Body struct{} }) (*struct{}, error) { return &struct{}{}, nil },
	}
	if err := funnel.Mount(route.Route(), framework.Chain{Public: true}); err != nil {
		t.Fatal(err)
	}
	for path, handle := range map[string]http.HandlerFunc{
		"/busy": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "canary-of-the-page", http.StatusServiceUnavailable)
		},
		"/fine":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") },
		"/panic": func(http.ResponseWriter, *http.Request) { panic("canary-of-the-page") },
	} {
		if err := funnel.Handle(path, handle, framework.Chain{Public: true}); err != nil {
			t.Fatal(err)
		}
	}
	return funnel
}

func TestWhatNoRouteAnswersIsAProblemToo(t *testing.T) {
	for name, test := range map[string]struct {
		method, path string
		status       int
		allow        string
	}{
		"a path where there is nothing":            {http.MethodGet, "/nowhere", http.StatusNotFound, ""},
		"a method that the path does not take":     {http.MethodDelete, "/things", http.StatusMethodNotAllowed, "POST, OPTIONS"},
		"a method that nobody knows":               {"BREW", "/things", http.StatusMethodNotAllowed, "POST, OPTIONS"},
		"a page that refuses in its own words":     {http.MethodGet, "/busy", http.StatusServiceUnavailable, ""},
		"a page that crashes":                      {http.MethodGet, "/panic", http.StatusInternalServerError, ""},
		"options of a path where there is nothing": {http.MethodOptions, "/nowhere", http.StatusNotFound, ""},
		"a path that is traced":                    {http.MethodTrace, "/things", http.StatusNotImplemented, ""},
		"the trace of a path with nothing":         {http.MethodTrace, "/nowhere", http.StatusNotImplemented, ""},
		"a path that is asked for a tunnel":        {http.MethodConnect, "/things", http.StatusNotImplemented, ""},
		"a tunnel to another server":               {http.MethodConnect, "example.com:443", http.StatusNotImplemented, ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer := httptest.NewRecorder()
			surrounded(t).ServeHTTP(answer, httptest.NewRequest(test.method, test.path, nil))
			id := answer.Header().Get(framework.RequestIDHeader)
			if answer.Code != test.status || answer.Header().Get("Content-Type") != framework.ProblemType || answer.Header().Get("Allow") != test.allow {
				t.Errorf("status %d, headers %v", answer.Code, answer.Header())
			}
			if body := answer.Body.String(); id == "" || !strings.Contains(body, `"request_id":"`+id+`"`) || strings.Contains(body, "canary") {
				t.Errorf("id %q, body %s", id, body)
			}
		})
	}
}

func TestOptionsTellsTheMethodsAndLetsNoOtherSiteIn(t *testing.T) {
	request := httptest.NewRequest(http.MethodOptions, "/things", nil)
	request.Header.Set("Origin", "https://evil.example.com")
	request.Header.Set("Access-Control-Request-Method", "POST")
	answer := httptest.NewRecorder()
	surrounded(t).ServeHTTP(answer, request)
	if answer.Code != http.StatusNoContent || answer.Header().Get("Allow") != "POST, OPTIONS" || answer.Body.Len() != 0 || answer.Header().Get(framework.RequestIDHeader) == "" {
		t.Errorf("status %d, headers %v, body %s", answer.Code, answer.Header(), answer.Body)
	}
	for name := range answer.Header() {
		if strings.HasPrefix(name, "Access-Control") {
			t.Errorf("it sends %s", name)
		}
	}
}

func TestOptionsOfTheWholeServerTellsEveryMethod(t *testing.T) {
	answer := httptest.NewRecorder()
	surrounded(t).ServeHTTP(answer, httptest.NewRequest(http.MethodOptions, "*", nil))
	if answer.Code != http.StatusNoContent || answer.Header().Get("Allow") != "GET, HEAD, OPTIONS, POST" || answer.Header().Get(framework.RequestIDHeader) == "" {
		t.Errorf("status %d, headers %v, body %s", answer.Code, answer.Header(), answer.Body)
	}
}

func TestWhatCallersAskInVainIsNoErrorOfOurs(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusNotFound: "INFO", http.StatusNotImplemented: "INFO", http.StatusHTTPVersionNotSupported: "INFO",
		http.StatusInternalServerError: "ERROR", http.StatusServiceUnavailable: "ERROR",
	} {
		var log frameworktest.Log
		funnel, err := framework.NewFunnel(framework.Info{Title: "test"}, log.Logger(), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		funnel.Refuse(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), framework.NewProblem(status, ""))
		if !strings.Contains(log.String(), "level="+want) {
			t.Errorf("%d: %s", status, log.String())
		}
	}
}

func TestAPageWithoutFaultsIsSentAsItIs(t *testing.T) {
	answer := httptest.NewRecorder()
	surrounded(t).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/fine", nil))
	if answer.Code != http.StatusOK || answer.Body.String() != "fine" {
		t.Errorf("status %d, body %s", answer.Code, answer.Body)
	}
}

// failing is a body that ends in an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestABodyThatDoesNotArriveIsToldByItsReason(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"too slow":            {os.ErrDeadlineExceeded, http.StatusRequestTimeout},
		"broken off":          {io.ErrUnexpectedEOF, http.StatusBadRequest},
		"refused around here": {errors.Join(framework.Unavailable("Busy.", time.Second, nil)), http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			answer := httptest.NewRecorder()
			surrounded(t).ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/things", failing{test.err}))
			if answer.Code != test.status || answer.Header().Get("Content-Type") != framework.ProblemType {
				t.Errorf("status %d, headers %v, want %d", answer.Code, answer.Header(), test.status)
			}
		})
	}
}
