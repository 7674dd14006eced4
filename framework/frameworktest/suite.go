package frameworktest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"funnelweb/framework"
)

// atOnce is how many calls the suites make side by side, so that the race detector sees a plugin that keeps state.
const atOnce = 8

// RunBeforeSuite checks what every before plugin keeps: good requests pass and bad ones are refused with a 4xx Problem,
// also side by side; the request is not changed; a refusal quotes nothing that was sent, nor does its cause, which is
// logged. An authenticator has to answer 401 with the same words to every bad request, so that it tells nobody what was
// wrong, and identify good ones. Requests keep the client and the identity that they were given. A plugin that says it works on
// the headers alone does not get to see the bodies.
func RunBeforeSuite(tb testing.TB, plugin framework.Before, good, bad []*framework.Request) {
	tb.Helper()
	if light, ok := plugin.(framework.HeadersOnly); ok && light.HeadersOnly() {
		good, bad = withoutBodies(good), withoutBodies(bad)
	}
	authenticator, authenticates := plugin.(framework.Authenticator)
	for i, request := range good {
		eachAtOnce(tb, fmt.Sprintf("good request %d", i+1), func() error {
			own := clone(request)
			if err := plugin.Before(tb.Context(), own); err != nil {
				return fmt.Errorf("was refused: %w", err)
			}
			if authenticates && own.Identity() == "" {
				return errors.New("was not identified")
			}
			return changed(request, own)
		})
	}
	answers := map[string]bool{}
	for i, request := range bad {
		eachAtOnce(tb, fmt.Sprintf("bad request %d", i+1), func() error {
			own := clone(request)
			err := plugin.Before(tb.Context(), own)
			refusal, ok := errors.AsType[*framework.Problem](err)
			switch {
			case err == nil:
				return errors.New("passed")
			case !ok || refusal.Status < 400 || refusal.Status > 499:
				return fmt.Errorf("was not refused with a 4xx problem: %w", err)
			case authenticates && refusal.Status != http.StatusUnauthorized:
				return fmt.Errorf("was refused with %d, not 401", refusal.Status)
			}
			return errors.Join(quotes(request, refusal), changed(request, own))
		})
		answers[answer(plugin.Before(tb.Context(), clone(request)))] = true
	}
	if authenticates && len(answers) > 1 {
		tb.Errorf("the answers to bad requests differ and tell what was wrong: %q", slices.Sorted(maps.Keys(answers)))
	}
	if authenticates && authenticator.Security().Type == "" && !extendsPath(plugin) {
		tb.Errorf("the authenticator has no security scheme for the document")
	}
}

// withoutBodies are the requests as they are before their bodies are read.
func withoutBodies(requests []*framework.Request) []*framework.Request {
	var all []*framework.Request
	for _, r := range requests {
		own := framework.NewRequest(r.Request, r.ID, nil, r.PathParam)
		own.SetClient(r.Client())
		own.Identify(r.Identity())
		all = append(all, own)
	}
	return all
}

// answer is what a caller sees of a refusal: all but its cause.
func answer(err error) string {
	refusal, ok := errors.AsType[*framework.Problem](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(refusal.Status, refusal.Title, refusal.Detail, refusal.Errors, refusal.Header)
}

func extendsPath(plugin framework.Before) bool {
	extender, ok := plugin.(framework.PathExtender)
	return ok && extender.PathSegment() != ""
}

// RunAfterSuite checks what every after plugin keeps: the responses, one without a body and a problem pass, also
// side by side and with equal results; the slice that came in is not written to; JSON stays JSON.
func RunAfterSuite(tb testing.TB, plugin framework.After, responses ...framework.Response) {
	tb.Helper()
	problem, err := json.Marshal(framework.NewProblem(http.StatusNotFound, "There is no such thing."))
	if err != nil {
		tb.Fatalf("encode a problem: %v", err)
	}
	responses = append(
		slices.Clone(responses), framework.Response{Status: http.StatusNoContent, Header: http.Header{}},
		framework.Response{Status: http.StatusNotFound, Header: http.Header{"Content-Type": {framework.ProblemType}}, Body: problem},
	)
	for i, response := range responses {
		var mu sync.Mutex
		var first *framework.Response
		eachAtOnce(tb, fmt.Sprintf("response %d", i+1), func() error {
			body := bytes.Clone(response.Body)
			own := framework.Response{Status: response.Status, Header: maps.Clone(response.Header), Body: body}
			if err := plugin.After(tb.Context(), Request("GET", "/", "", nil), &own); err != nil {
				return fmt.Errorf("was stopped: %w", err)
			}
			if !bytes.Equal(body, response.Body) {
				return errors.New("its body was changed in place")
			}
			if jsontext.Value(response.Body).IsValid() && !jsontext.Value(own.Body).IsValid() {
				return fmt.Errorf("it is no longer JSON: %s", own.Body)
			}
			mu.Lock()
			defer mu.Unlock()
			if first == nil {
				first = &own
			}
			if diff := cmp.Diff(*first, own, cmpopts.IgnoreUnexported(framework.Response{})); diff != "" {
				return fmt.Errorf("it is not the same each time: %s", diff)
			}
			return nil
		})
	}
}

// eachAtOnce runs a check several times side by side and reports the first error.
func eachAtOnce(tb testing.TB, what string, check func() error) {
	tb.Helper()
	var group sync.WaitGroup
	errs := make([]error, atOnce)
	for i := range errs {
		group.Go(func() { errs[i] = check() })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			tb.Errorf("%s: %v", what, err)
			return
		}
	}
}

func clone(r *framework.Request) *framework.Request {
	own := framework.NewRequest(r.Clone(r.Context()), r.ID, bytes.Clone(r.Raw()), r.PathParam)
	own.SetClient(r.Client())
	own.Identify(r.Identity())
	return own
}

func changed(before, after *framework.Request) error {
	if !bytes.Equal(before.Raw(), after.Raw()) {
		return errors.New("its body was changed")
	}
	if diff := cmp.Diff(before.Header, after.Header); diff != "" {
		return fmt.Errorf("its headers were changed: %s", diff)
	}
	return nil
}

// minQuoted is the length in bytes from which a sent value cannot be part of a refusal by chance.
const minQuoted = 8

func quotes(request *framework.Request, refusal *framework.Problem) error {
	sent := []string{string(request.Raw())}
	for _, values := range request.Header {
		sent = append(sent, values...)
	}
	for _, values := range request.URL.Query() {
		sent = append(sent, values...)
	}
	shown := refusal.Error() + fmt.Sprint(refusal.Header, refusal.Errors)
	for _, value := range sent {
		if len(value) >= minQuoted && bytes.Contains([]byte(shown), []byte(value)) {
			return errors.New("the refusal quotes what was sent")
		}
	}
	return nil
}
