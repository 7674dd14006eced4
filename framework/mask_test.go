package framework_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestWhatGoesWrongInsideStaysInside(t *testing.T) {
	secret := errors.New("dsn postgres://user:" + canary + "@db")
	for _, c := range []struct {
		name   string
		make   func(*order) setup
		logged string
	}{
		{"an error of the handler", func(*order) setup {
			return setup{handle: func(context.Context, *alertInput) (*alertOutput, error) { return nil, secret }}
		}, "handler: dsn"},
		{"a panic of the handler", func(*order) setup {
			return setup{handle: func(context.Context, *alertInput) (*alertOutput, error) { panic(secret) }}
		}, "handler: panic"},
		{"an answer that breaks its schema", func(*order) setup {
			return setup{handle: func(context.Context, *alertInput) (*alertOutput, error) {
				return &alertOutput{Trace: canary + canary}, nil
			}}
		}, "breaks its schema at \\\"/trace\\\""},
		{"no answer at all", func(*order) setup {
			return setup{handle: func(context.Context, *alertInput) (*alertOutput, error) { return nil, nil }}
		}, "breaks its schema"},
		{"an error of a before plugin", func(o *order) setup {
			return setup{before: []framework.Named[framework.Before]{{Name: "bad", Part: step{name: "bad", to: o, err: secret}}}}
		}, "before plugin bad: dsn"},
		{"a panic of a before plugin", func(o *order) setup {
			return setup{before: []framework.Named[framework.Before]{{Name: "bad", Part: step{name: "bad", to: o, boom: true}}}}
		}, "before plugin bad: panic"},
		{"an error of an after plugin", func(o *order) setup {
			return setup{after: []framework.Named[framework.After]{{Name: "bad", Part: step{name: "bad", to: o, err: secret}}}}
		}, "after plugin bad: dsn"},
		{"a panic of an after plugin", func(o *order) setup {
			return setup{after: []framework.Named[framework.After]{{Name: "bad", Part: step{name: "bad", to: o, boom: true}}}}
		}, "after plugin bad: panic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.make)
			got := s.call(t, http.MethodPost, "/alerts/x", `{"name":"n"}`)
			if got.Status != http.StatusInternalServerError {
				t.Fatalf("status %d: %s", got.Status, got.Body)
			}
			p := problem(t, got)
			frameworktest.LeaksNoSecret(t, canary, got.Body, fmt.Sprint(got.Header))
			if !strings.Contains(s.log.String(), c.logged) || !strings.Contains(s.log.String(), p.RequestID) {
				t.Errorf("the cause is not in the log under the request id:\n%s", s.log.String())
			}
		})
	}
}

func TestAProblemOfTheHandlerIsAnsweredAsItIs(t *testing.T) {
	cause := errors.New(canary)
	s := serve(t, func(*order) setup {
		return setup{handle: func(context.Context, *alertInput) (*alertOutput, error) {
			return nil, fmt.Errorf("wrapped: %w", framework.Unavailable("The store is full. Send it again.", 7*time.Second, cause))
		}}
	})
	got := s.call(t, http.MethodPost, "/alerts/x", `{"name":"n"}`)
	want := framework.Problem{Title: "Service Unavailable", Status: 503, Detail: "The store is full. Send it again."}
	p := problem(t, got)
	p.RequestID = ""
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("problem (-want +got):\n%s", diff)
	}
	if got.Header.Get("Retry-After") != "7" {
		t.Errorf("Retry-After is %q", got.Header.Get("Retry-After"))
	}
	frameworktest.LeaksNoSecret(t, canary, got.Body)
	if !strings.Contains(s.log.String(), canary) {
		t.Error("the cause is not in the log")
	}
}

func TestAProblemPassesTheAfterPluginsToo(t *testing.T) {
	s := serve(t, func(o *order) setup {
		return setup{after: []framework.Named[framework.After]{{Name: "a", Part: step{name: "a", to: o}}}}
	})
	got := s.call(t, http.MethodPost, "/alerts/x", `{"name":7}`)
	if got.Header.Get("X-After") != "a" {
		t.Error("the after plugin did not see the problem")
	}
}

// fickle panics where the funnel asks it for something outside of the handler.
type fickle struct {
	At string `json:"at"`
}

func (f *fickle) HTTPStatus() int {
	if f.At == "status" {
		panic(canary)
	}
	return http.StatusOK
}

func (f *fickle) MarshalText() ([]byte, error) { panic(canary) }

func (f *fickle) UnmarshalText([]byte) error { panic(canary) }

type fickleInput struct {
	Body fickleBody
}

type fickleBody struct {
	Word panicking `json:"word,omitempty"`
}

type panicking string

func (p *panicking) UnmarshalText(text []byte) error {
	if string(text) == "decode" {
		panic(canary)
	}
	*p = panicking(text)
	return nil
}

func TestAPanicOutsideOfTheHandlerIsMaskedAndLoggedToo(t *testing.T) {
	var log frameworktest.Log
	funnel := newFunnel(t, log.Logger())
	route := framework.Endpoint[fickleInput, fickle]{
		Method: http.MethodPost, Path: "/fickle", ID: "fickle",
		Handle: func(_ context.Context, in *fickleInput) (*fickle, error) {
			return &fickle{At: string(in.Body.Word)}, nil
		},
	}.Route()
	if err := funnel.Mount(route, framework.Chain{Public: true}); err != nil {
		t.Fatal(err)
	}
	half := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half of a page"))
		panic(canary)
	})
	if err := funnel.Handle("/half", half, framework.Chain{Public: true}); err != nil {
		t.Fatal(err)
	}
	s := &server{Server: httptest.NewServer(funnel), log: &log}
	t.Cleanup(s.Close)
	for _, word := range []string{"decode", "status", "encode"} {
		got := s.call(t, http.MethodPost, "/fickle", `{"word":"`+word+`"}`)
		if p := problem(t, got); p.Status != http.StatusInternalServerError || !strings.Contains(log.String(), p.RequestID) {
			t.Errorf("%s: %d; the log:\n%s", word, got.Status, log.String())
		}
		frameworktest.LeaksNoSecret(t, canary, got.Body)
	}
	response, err := http.Get(s.URL + "/half")
	if err == nil {
		_, err = io.ReadAll(response.Body)
		response.Body.Close()
	}
	if err == nil {
		t.Error("half of a page looks like a whole one")
	}
}
