package cli_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"funnelweb/internal/cli"
)

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// answering runs a command against a server that gives one answer, and returns what it wrote and what it asked.
func answering(t *testing.T, status int, body string, args ...string) (code int, out, errs, asked string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.RequestURI() + " " + r.Header.Get("Authorization")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	token := t.TempDir() + "/token"
	write(t, token, "a-token-of-enough-length\n")
	var stdout, stderr bytes.Buffer
	code = cli.Main(append(args, "--url", server.URL, "--token-file", token), &stdout, &stderr)
	return code, stdout.String(), stderr.String(), asked
}

func TestWhatAServerSaysIsShownToPeople(t *testing.T) {
	for _, c := range []struct {
		name      string
		args      []string
		status    int
		body      string
		code      int
		asked     string
		out, errs []string
	}{
		{
			"no events",
			[]string{"events"},
			200, `{"events":[]}`, 0, "GET /api/v1/events?limit=20 Bearer a-token-of-enough-length",
			[]string{"no events are stored"},
			nil,
		},
		{
			"one event, whose texts cannot reach the terminal's controls",
			[]string{"events", "splunk-a"},
			200,
			`{"event":{"id":"splunk-a","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r"},"runs":[{"automation":"a","job":"vt","state":"retrying","attempts":2,"reason":"down \u001b[31mred","next_try":"2026-11-20T12:01:00Z"}]}`,
			0, "GET /api/v1/events/splunk-a Bearer a-token-of-enough-length",
			[]string{"accepted 2026-11-20 12:00:00 UTC", "a / vt", "retrying", "2026-11-20 12:01:00 UTC", "down \ufffd[31mred"},
			nil,
		},
		{
			"an id is one segment of the path",
			[]string{"events", "../deadletters"},
			404, `{"title":"Not Found","status":404,"detail":"There is none.","request_id":"r1"}`,
			1, "GET /api/v1/events/..%2Fdeadletters Bearer a-token-of-enough-length", nil,
			[]string{"404 Not Found", "There is none.", "request id r1"},
		},
		{
			"a refused token",
			[]string{"events"},
			401, `{"title":"Unauthorized","status":401,"detail":"No.","request_id":"r1"}`, 1,
			"GET /api/v1/events?limit=20 Bearer a-token-of-enough-length", nil,
			[]string{"--token-file"},
		},
		{
			"not a server of ours", []string{"events"}, 502, `<html>`, 1, "GET /api/v1/events?limit=20 Bearer a-token-of-enough-length", nil, []string{"is this a Funnelweb server?"},
		},
		{
			"nonsense with 200", []string{"events"}, 200, `<html>`, 1, "GET /api/v1/events?limit=20 Bearer a-token-of-enough-length", nil, []string{"not that of a Funnelweb server"},
		},
		{
			"the answer as it is",
			[]string{"deadletters", "list", "--json"},
			200, `{"deadletters":[]}`, 0, "GET /api/v1/deadletters?limit=100 Bearer a-token-of-enough-length",
			[]string{`{"deadletters":[]}`},
			nil,
		},
		{
			"a dropped letter",
			[]string{"deadletters", "drop", "x1", "--reason", "a test"},
			200, `{}`, 0, "POST /api/v1/deadletters/x1/drop Bearer a-token-of-enough-length",
			[]string{"dropped x1"},
			nil,
		},
		{
			"a broken rule",
			[]string{"events", "--limit", "0"},
			422,
			`{"title":"Unprocessable Entity","status":422,"detail":"No.","request_id":"r","errors":[{"in":"query","pointer":"limit","rule":"minimum","message":"must be at least 1"}]}`,
			1, "GET /api/v1/events?limit=0 Bearer a-token-of-enough-length", nil,
			[]string{"query limit: must be at least 1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs, asked := answering(t, c.status, c.body, c.args...)
			if code != c.code || asked != c.asked {
				t.Errorf("exit code %d, asked %q; want %d, %q", code, asked, c.code, c.asked)
			}
			for _, want := range c.out {
				if !strings.Contains(out, want) {
					t.Errorf("stdout lacks %q:\n%s", want, out)
				}
			}
			for _, want := range c.errs {
				if !strings.Contains(errs, want) {
					t.Errorf("stderr lacks %q:\n%s", want, errs)
				}
			}
			if strings.ContainsRune(out+errs, '\x1b') {
				t.Error("an escape reached the terminal")
			}
		})
	}
}
