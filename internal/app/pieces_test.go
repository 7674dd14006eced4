package app

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"funnelweb/framework"
)

func TestAConditionReadsTheEventsData(t *testing.T) {
	for _, c := range []struct {
		name, when, data string
		want             bool
	}{
		{"a label that is there", `"funnelweb" in issue.fields.labels`, `{"issue":{"fields":{"labels":["a","funnelweb"]}}}`, true},
		{"a label that is not", `"funnelweb" in issue.fields.labels`, `{"issue":{"fields":{"labels":[]}}}`, false},
		{"no labels at all", `"funnelweb" in issue.fields.labels`, `{"issue":{"fields":{}}}`, false},
		{"a member that is not there", `missing == nil`, `{}`, true},
		{"the event's own type", `event.type == "jira.issue_created"`, `{}`, true},
		{"several conditions", `n > 2 and name startsWith "a"`, `{"n":3,"name":"abc"}`, true},
		{"numbers in a list", `all(n, # > 2.5) and 3 in n and n[1] == 1e3`, `{"n":[3,1000]}`, true},
		{"a 64-bit id to its last digit", `id == 9007199254740993`, `{"id":9007199254740992}`, false},
		{"a number beyond every machine's, as text", `n == "1e999" and m == 3`, `{"n":1e999,"m":3}`, true},
		{"data that is no object", `missing == nil and event.type != ""`, `null`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			holds, err := condition(c.when)
			if err != nil {
				t.Fatal(err)
			}
			got, err := holds(framework.Event{Type: "jira.issue_created", Data: framework.JSON(c.data)})
			if err != nil || got != c.want {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestAConditionThatDoesNotFitIsAPermanentErrorWithoutData(t *testing.T) {
	holds, err := condition(`"x" in issue.labels`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = holds(framework.Event{Data: framework.JSON(`{"issue":{"labels":"canary"}}`)})
	if !framework.IsPermanent(err) || strings.Contains(framework.Reason(err), "canary") || !strings.Contains(framework.Reason(err), "does not fit") {
		t.Errorf("error %v, reason %q", err, framework.Reason(err))
	}
}

func TestNoConditionIsNoFunction(t *testing.T) {
	if holds, err := condition(""); holds != nil || err != nil {
		t.Errorf("got a function or %v", err)
	}
}

func TestAnEndlessAnswerIsCutOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		for range outboundMaxBytes>>20 + 2 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	client := newHTTPClient()
	defer client.CloseIdleConnections()
	response, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.Copy(io.Discard, response.Body)
	if !errors.Is(err, errAnswerTooLarge) || read != outboundMaxBytes {
		t.Errorf("read %d bytes, %v", read, err)
	}
}

func TestARedirectToAnotherHostIsNotFollowed(t *testing.T) {
	var visited atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited.Store(true) }))
	defer other.Close()
	first := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer first.Close()
	client := newHTTPClient()
	defer client.CloseIdleConnections()
	response, err := client.Get(first.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if visited.Load() || response.StatusCode != http.StatusFound {
		t.Errorf("status %d, other host visited: %v", response.StatusCode, visited.Load())
	}
}

func TestTheAccessTokenIsMadeOnceForItsOwnerAlone(t *testing.T) {
	data := t.TempDir() + "/new"
	file, first, err := EnsureAccessToken(data)
	if err != nil || len(first) < 40 {
		t.Fatalf("token %q, %v", first, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, again, err := EnsureAccessToken(data); again != "" || err != nil {
		t.Errorf("made again: %q, %v", again, err)
	}
	secret, err := framework.ResolveSecret("file:" + file)
	if err != nil || !secret.Equal(first) {
		t.Errorf("the file does not hold the token: %v", err)
	}
}
