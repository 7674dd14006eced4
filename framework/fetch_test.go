package framework_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestAFailedFetchSaysWhatItMeansForTheNextTry(t *testing.T) {
	now := frameworktest.Start()
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   framework.ServiceError
	}{
		{"bad request", status(400), framework.ServiceError{Status: 400, Reason: "it refuses the call", Permanent: true}},
		{"wrong credentials", status(401), framework.ServiceError{Status: 401, Reason: "the credentials are refused: check them"}},
		{"forbidden", status(403), framework.ServiceError{Status: 403, Reason: "the credentials do not permit this", Permanent: true}},
		{"not found", status(404), framework.ServiceError{Status: 404, Reason: "it refuses the call", Permanent: true}},
		{"a redirect that was not followed", status(304), framework.ServiceError{Status: 304, Reason: "it refuses the call", Permanent: true}},
		{"too many calls, seconds", status(429, "Retry-After", "17"), framework.ServiceError{Status: 429, Reason: "too many calls", RetryAfter: 17 * time.Second}},
		{"too many calls, a date", status(429, "Retry-After", now.Add(time.Minute).Format(http.TimeFormat)), framework.ServiceError{Status: 429, Reason: "too many calls", RetryAfter: time.Minute}},
		{"too many calls, a date that is past", status(429, "Retry-After", now.Add(-time.Minute).Format(http.TimeFormat)), framework.ServiceError{Status: 429, Reason: "too many calls"}},
		{"too many calls, nonsense", status(429, "Retry-After", "-5 soon"), framework.ServiceError{Status: 429, Reason: "too many calls"}},
		{"too many calls, for ever", status(429, "Retry-After", "2000000000"), framework.ServiceError{Status: 429, Reason: "too many calls", RetryAfter: 24 * time.Hour}},
		{"an error inside", status(500), framework.ServiceError{Status: 500, Reason: "it cannot answer at the moment", Ambiguous: true}},
		{"down", status(503, "Retry-After", "1"), framework.ServiceError{Status: 503, Reason: "it cannot answer at the moment", RetryAfter: time.Second, Ambiguous: true}},
		{"an answer that breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
		}, framework.ServiceError{Status: 200, Reason: "the answer broke off", Ambiguous: true}},
		{"an endless answer", func(w http.ResponseWriter, _ *http.Request) {
			for range framework.MaxAnswer>>20 + 2 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, framework.ServiceError{Status: 200, Reason: "the answer is larger than 16777216 bytes", Permanent: true, Ambiguous: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/?key="+canary, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			_, err = framework.Fetch(framework.Deps{HTTP: client, Now: func() time.Time { return now }}, "svc", "ask", request)
			got, ok := errors.AsType[*framework.ServiceError](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			c.want.Service, c.want.Op = "svc", "ask"
			if diff := cmp.Diff(&c.want, got, cmpopts.IgnoreFields(framework.ServiceError{}, "Err")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			frameworktest.LeaksNoSecret(t, canary, err.Error())
		})
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(canary))
	}
}

func TestACallThatCannotConnectDidNothingAndAHangingOneMayHave(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	err := framework.GetJSON(t.Context(), frameworktest.Deps(t), "svc", closed.URL+"/?key="+canary, nil, new(any))
	if framework.MayHaveHappened(err) || framework.IsPermanent(err) {
		t.Errorf("refused connection: ambiguous or permanent: %v", err)
	}
	frameworktest.LeaksNoSecret(t, canary, err.Error())

	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hanging.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = framework.GetJSON(ctx, frameworktest.Deps(t), "svc", hanging.URL, nil, new(any))
	if !framework.MayHaveHappened(err) || !strings.Contains(framework.Reason(err), "within the time limit") {
		t.Errorf("hanging call: %v", err)
	}
}

func TestACertificateThatIsNotTrustedIsSaidAndNothingWasDone(t *testing.T) {
	server := httptest.NewUnstartedServer(status(200))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/?key="+canary, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_, err = framework.Fetch(framework.Deps{HTTP: &http.Client{}, Now: frameworktest.Start}, "svc", "ask", request)
	if got := framework.Reason(err); got != "svc: ask: its certificate is not valid, or not from an authority that is trusted here" || framework.MayHaveHappened(err) || framework.IsPermanent(err) {
		t.Errorf("got %q, %+v", got, err)
	}
	frameworktest.LeaksNoSecret(t, canary, err.Error())
}

func TestAnAnswerThatIsNoJSONIsSaidToBe(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/json" || r.Header.Get("Key") != "k" {
			t.Errorf("headers %v", r.Header)
		}
		_, _ = w.Write([]byte("<html>" + canary))
	}))
	defer server.Close()
	err := framework.GetJSON(t.Context(), frameworktest.Deps(t), "svc", server.URL, http.Header{"Key": {"k"}}, new(any))
	if err == nil || !strings.Contains(framework.Reason(err), "login or proxy page") {
		t.Errorf("error %v", err)
	}
	frameworktest.LeaksNoSecret(t, canary, err.Error())
}

func TestAddressesThatCannotBeCalledAreRefused(t *testing.T) {
	for _, address := range []string{"", ":", "http://[::1", "http://h\x7f/"} {
		if err := framework.GetJSON(t.Context(), frameworktest.Deps(t), "svc", address, nil, new(any)); err == nil {
			t.Errorf("%q was called", address)
		}
	}
}
