package framework_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// words is an answer that is sent as lines, unless it is told to fail.
type words struct {
	Words []string `json:"words"`
	fail  func() error
}

func (w *words) Present(answer *framework.Response) error {
	if w.fail != nil {
		return w.fail()
	}
	answer.Header.Set("Content-Type", "text/plain")
	answer.Body = []byte(strings.Join(w.Words, "\n") + " of " + string(answer.Body))
	return nil
}

// marking is an after plugin that shows what it was given.
type marking struct{}

func (marking) After(_ context.Context, _ *framework.Request, answer *framework.Response) error {
	answer.Body = []byte(answer.Header.Get("Content-Type") + " " + string(answer.Body))
	return nil
}

func presenting(t *testing.T, output *words, failure error) *httptest.ResponseRecorder {
	t.Helper()
	type input struct {
		Body struct {
			N int `json:"n"`
		}
	}
	funnel := newFunnel(t, frameworktest.Deps(t).Log)
	route := framework.Endpoint[input, words]{
		Method: http.MethodPost, Path: "/words", ID: "words", Summary: "Words", Forms: map[string]string{"text/plain": "words"}, Accepts: []string{"text/plain"},
		Handle: func(context.Context, *input) (*words, error) { return output, failure },
	}.Route()
	chain := framework.Chain{Public: true, After: []framework.Named[framework.After]{{Name: "marking", Part: marking{}}}}
	if err := funnel.Mount(route, chain); err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, "/words", strings.NewReader(`{"n":1}`))
	request.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	funnel.ServeHTTP(answer, request)
	return answer
}

func TestAnAnswerIsPresentedAfterEveryPluginHasPassedIt(t *testing.T) {
	answer := presenting(t, &words{Words: []string{"a", "b"}}, nil)
	if diff := cmp.Diff("a\nb of application/json "+`{"words":["a","b"]}`, answer.Body.String()); diff != "" || answer.Code != http.StatusOK {
		t.Errorf("status %d (-want +got):\n%s", answer.Code, diff)
	}
}

func TestAProblemIsNotPresented(t *testing.T) {
	answer := presenting(t, nil, framework.NewProblem(http.StatusNotFound, "None."))
	if answer.Code != http.StatusNotFound || answer.Header().Get("Content-Type") != framework.ProblemType {
		t.Errorf("got %d %s", answer.Code, answer.Header())
	}
}

func TestAnAnswerThatCannotBePresentedDoesNotLeave(t *testing.T) {
	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("broken") },
		"a panic":  func() error { panic("broken") },
	} {
		t.Run(name, func(t *testing.T) {
			answer := presenting(t, &words{Words: []string{"canary"}, fail: fail}, nil)
			if answer.Code != http.StatusInternalServerError || strings.Contains(answer.Body.String(), "canary") {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
		})
	}
}

func TestOtherMediaTypesAreDocumented(t *testing.T) {
	funnel := newFunnel(t, frameworktest.Deps(t).Log)
	type input struct{ Body struct{} }
	route := framework.Endpoint[input, words]{
		Method: http.MethodPost, Path: "/words", ID: "words", Summary: "Words", Forms: map[string]string{"application/x-ndjson": "{}\n"}, Accepts: []string{"text/plain"},
		Handle: func(context.Context, *input) (*words, error) { return &words{}, nil },
	}.Route()
	if err := funnel.Mount(route, framework.Chain{Public: true}); err != nil {
		t.Fatal(err)
	}
	document, err := funnel.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	for _, mediaType := range []string{"application/x-ndjson", "text/plain", "application/json"} {
		if !strings.Contains(string(document), `"`+mediaType+`":{"schema"`) && !strings.Contains(string(document), `"`+mediaType+`": {`) {
			t.Errorf("%s is not in the document: %s", mediaType, document)
		}
	}
}
