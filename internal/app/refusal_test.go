package app_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework/frameworktest"
)

const plain = "listen: 127.0.0.1:0\n"

func TestWhatIsNoProperCallIsAnsweredWithAProblem(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	long := strings.Repeat("x", 1000)
	calls := map[string]struct {
		text   string
		status int
	}{
		"no HTTP at all":                        {"hello\r\n\r\n", 400},
		"a malformed request line":              {"GET  /status HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		"no Host":                               {"GET /status HTTP/1.1\r\n\r\n", 400},
		"two Hosts":                             {"GET /status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		"a Host that is none":                   {"GET /status HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		"a header without a colon":              {"GET /status HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400},
		"a header name with a space":            {"GET /status HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n", 400},
		"a control character in a header":       {"GET /status HTTP/1.1\r\nHost: a\r\nX-A: \x01\r\n\r\n", 400},
		"two lengths":                           {"POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		"a negative length":                     {"POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
		"a chunk that is none":                  {"POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + goodToken + "\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		"a transfer encoding that nobody knows": {"POST /status HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"an expectation that nobody meets":      {"GET /status HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417},
		"a version of the future":               {"GET /status HTTP/3.0\r\nHost: a\r\n\r\n", 505},
		"HTTP/2 without TLS":                    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		"headers a little too large":            {"GET /status HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat(long, 17) + "\r\n\r\n", 431},
		"headers far too large":                 {"GET /status HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat(long, 60) + "\r\n\r\n", 431},
		"a request line far too large":          {"GET /" + strings.Repeat(long, 60) + " HTTP/1.1\r\nHost: a\r\n\r\n", 431},
		"a body far too large":                  {"POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + goodToken + "\r\nContent-Length: 99999999\r\n\r\n", 413},
		"a body of another kind": {
			"POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + goodToken + "\r\nContent-Type: text/xml\r\nContent-Length: 2\r\n\r\n{}", 415,
		},
		"a compressed body": {
			"POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + goodToken + "\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415,
		},
		"TRACE":                      {"TRACE /status HTTP/1.1\r\nHost: a\r\n\r\n", 501},
		"TRACE of nothing":           {"TRACE /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 501},
		"CONNECT":                    {"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 501},
		"CONNECT to a path":          {"CONNECT /status HTTP/1.1\r\nHost: a\r\n\r\n", 501},
		"a method that nobody knows": {"BREW /status HTTP/1.1\r\nHost: a\r\n\r\n", 405},
		"OPTIONS of nothing":         {"OPTIONS /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404},
		"a body too large, asked about before": {
			"POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + goodToken + "\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n", 413,
		},
		"a body that does not come, without credentials": {"POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{", 401},
		"a body asked about before, without credentials": {"POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n", 401},
		"a body far too large, without credentials":      {"POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 401},
		"a chunk that is none, without credentials":      {"POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 401},
		"a path with two slashes":                        {"GET //status HTTP/1.1\r\nHost: a\r\n\r\n", 404},
		"a path with two slashes inside":                 {"GET /docs//start.js HTTP/1.1\r\nHost: a\r\n\r\n", 404},
		"a path that looks like another host's":          {"GET //example.com/status HTTP/1.1\r\nHost: a\r\n\r\n", 404},
		"an address with a password":                     {"GET http://u:p@example.com/nowhere HTTP/1.1\r\nHost: example.com\r\n\r\n", 404},
		"an address of another kind":                     {"GET ftp://example.com/nowhere HTTP/1.1\r\nHost: example.com\r\n\r\n", 404},
		"GET of a star":                                  {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 404},
		"the address of another site":                    {"GET http://example.com/nowhere HTTP/1.1\r\nHost: example.com\r\n\r\n", 404},
		"a path with a null":                             {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 404},
		"a path that climbs":                             {"GET /docs/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 404},
		"HTTP/1.0 to nowhere":                            {"GET /nowhere HTTP/1.0\r\n\r\n", 404},
	}
	ca := newAuthority(t)
	secured, _ := ca.secured(t, "")
	endpoint := "\nendpoints:\n  - use: splunk\n    before: [{token: {secrets: [\"env:SMALL_TOKEN\"]}}]\n"
	for scheme, text := range map[string]string{"in the clear": plain + "data: " + t.TempDir() + endpoint, "with TLS": secured + endpoint} {
		t.Run(scheme, func(t *testing.T) {
			var log frameworktest.Log
			base, _ := start(t, text, &log)
			for name, call := range calls {
				t.Run(name, func(t *testing.T) {
					conn := dial(t, base, &tls.Config{RootCAs: ca.pool, ServerName: "127.0.0.1"})
					response, body := say(t, conn, call.text)
					problem := isProblem(t, response, body, call.status)
					if hsts := response.Header.Get("Strict-Transport-Security"); (hsts != "") != (scheme == "with TLS") {
						t.Errorf("Strict-Transport-Security is %q", hsts)
					}
					eventually(t, func() bool { return strings.Contains(log.String(), "request_id="+problem.RequestID) })
					if response.Header.Get("Location") != "" {
						t.Error("it redirects, which loses webhooks")
					}
				})
			}
		})
	}
}

func TestNoRefusalOfACallIsAnErrorOfOurs(t *testing.T) {
	var log frameworktest.Log
	base, _ := start(t, plain+"data: "+t.TempDir()+"\n", &log)
	for _, text := range []string{
		"GET /status HTTP/3.0\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "nonsense\r\n\r\n",
		"POST /status HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
	} {
		response, _ := say(t, dial(t, base, nil), text)
		id := response.Header.Get("X-Request-Id")
		eventually(t, func() bool { return strings.Contains(log.String(), "request_id="+id) })
	}
	if strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("%s", log.String())
	}
}

func TestAnAddressInFullIsThatOfItsPath(t *testing.T) {
	base, _ := start(t, plain+"data: "+t.TempDir()+"\n", nil)
	for _, address := range []string{"/status", "/status/", base + "/status", "http://elsewhere.example/status", "http://u:p@a/status"} {
		if response, body := say(t, dial(t, base, nil), "GET "+address+" HTTP/1.1\r\nHost: a\r\n\r\n"); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", address, response.StatusCode, body)
		}
	}
}

func TestWhoAsksFirstSendsTheBodyOnce(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	base, _ := start(t, small(t.TempDir()), nil)
	conn := dial(t, base, nil)
	reader := bufio.NewReader(conn)
	head := "POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + goodToken + "\r\nContent-Length: " + strconv.Itoa(len(smallAlert)) +
		"\r\nExpect: 100-continue\r\n\r\n"
	for _, want := range []int{http.StatusAccepted, http.StatusOK} { // the second time it is there already
		if _, err := io.WriteString(conn, head); err != nil {
			t.Fatal(err)
		}
		if response, _ := hear(t, reader); response.StatusCode != http.StatusContinue {
			t.Fatalf("status %d, want to be asked for the body", response.StatusCode)
		}
		if _, err := io.WriteString(conn, smallAlert); err != nil {
			t.Fatal(err)
		}
		if response, body := hear(t, reader); response.StatusCode != want {
			t.Errorf("status %d %s, want %d", response.StatusCode, body, want)
		}
	}
}

func TestACallersRequestIDIsNotTakenOver(t *testing.T) {
	var log frameworktest.Log
	base, _ := start(t, plain+"data: "+t.TempDir()+"\n", &log)
	for _, own := range []string{"mine", strings.Repeat("m", 8000), "a b\" level=ERROR", "\u2028"} {
		for _, path := range []string{"/status", "/nowhere", "/metrics"} {
			response, body := say(t, dial(t, base, nil), "GET "+path+" HTTP/1.1\r\nHost: a\r\nX-Request-Id: "+own+"\r\n\r\n")
			if id := response.Header.Values("X-Request-Id"); len(id) != 1 || len(id[0]) != 26 || strings.Contains(body, own) {
				t.Errorf("%s: id %q, %s", path, id, body)
			}
		}
		if strings.Contains(log.String(), own) {
			t.Errorf("%q is in the log", own)
		}
	}
}

func TestARefusalInTheMiddleOfAConnectionEndsIt(t *testing.T) {
	base, _ := start(t, plain+"data: "+t.TempDir()+"\n", nil)
	conn := dial(t, base, nil)
	reader := bufio.NewReader(conn)
	const good = "GET /status HTTP/1.1\r\nHost: a\r\n\r\n"
	if _, err := io.WriteString(conn, good+good+"nonsense\r\n\r\n"+good); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if response, body := hear(t, reader); response.StatusCode != http.StatusOK || !strings.Contains(body, "ok") {
			t.Fatalf("status %d: %s", response.StatusCode, body)
		}
	}
	response, body := hear(t, reader)
	isProblem(t, response, body, http.StatusBadRequest)
	if response.Header.Get("Connection") != "close" && !response.Close {
		t.Error("it does not say that the connection ends")
	}
	if rest, _ := io.ReadAll(reader); len(rest) > 0 {
		t.Errorf("after the refusal it says %q", rest)
	}
}

func TestHeadersWithinTheLimitAreFine(t *testing.T) {
	base, _ := start(t, plain+"data: "+t.TempDir()+"\nserver: {max_header_bytes: 1024}\n", nil)
	for size, status := range map[int]int{500: 200, 900: 200, 1024: 431, 2000: 431} {
		response, body := say(t, dial(t, base, nil), "GET /status HTTP/1.1\r\nHost: a\r\nX-A: "+strings.Repeat("x", size)+"\r\n\r\n")
		if response.StatusCode != status {
			t.Errorf("%d bytes: status %d %s, want %d", size, response.StatusCode, body, status)
		}
	}
}

// everyGET are the paths that are served to GET; with the token where one is needed.
var everyGET = []string{
	"/status", "/ready", "/openapi.json", "/docs/", "/docs/start.js", "/docs/swagger-ui.css", "/docs/nothing", "/metrics", "/nowhere",
	"/api/v1/events", "/api/v1/events/none", "/api/v1/deadletters", "/api/v1/s3/status", "/api/v1/s3/alert?start=2026-01-01&end=2026-01-02",
}

func TestHEADHasTheHeadersOfGETAndNoBody(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	text := plain + "data: " + t.TempDir() + "\nendpoints:\n  - use: archive\n    before: [{token: {secrets: [\"env:SMALL_TOKEN\"]}}]\n"
	base, _ := start(t, text, nil)
	for _, path := range everyGET {
		t.Run(path, func(t *testing.T) {
			conn := dial(t, base, nil)
			reader := bufio.NewReader(conn)
			call := " " + path + " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + goodToken + "\r\n\r\n"
			if _, err := io.WriteString(conn, "GET"+call); err != nil {
				t.Fatal(err)
			}
			get, body := hear(t, reader)
			if _, err := io.WriteString(conn, "HEAD"+call+"HEAD /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			head, err := http.ReadResponse(reader, &http.Request{Method: http.MethodHead})
			if err != nil {
				t.Fatal(err)
			}
			if next, err := http.ReadResponse(reader, &http.Request{Method: http.MethodHead}); err != nil || next.StatusCode != http.StatusOK {
				t.Errorf("HEAD sent a body: the next answer is %v, %v", next, err)
			}
			if get.StatusCode != head.StatusCode || len(body) == 0 {
				t.Errorf("GET gives %d with %d bytes, HEAD %d", get.StatusCode, len(body), head.StatusCode)
			}
			for _, header := range []http.Header{get.Header, head.Header} {
				header.Del("X-Request-Id")
				header.Del("Date")
				if path == "/metrics" { // is another text each time
					header.Del("Content-Length")
				}
			}
			if diff := diffHeaders(get.Header, head.Header); diff != "" {
				t.Errorf("(-GET +HEAD):\n%s", diff)
			}
		})
	}
}

// everyRoute is what the example configuration serves, and what is served beside endpoints.
func everyRoute(t *testing.T) (text string, methods map[string][]string) {
	t.Helper()
	for _, name := range []string{"ROUTE_TOKEN", "ROUTE_OTHER"} {
		t.Setenv(name, goodToken)
	}
	text = plain + "data: " + t.TempDir() + `
endpoints:
  - {use: splunk, before: [{token: {secrets: ["env:ROUTE_TOKEN"]}}]}
  - {use: jira, before: [{hmac: {preset: jira, secrets: ["env:ROUTE_OTHER"]}}]}
  - {use: archive, before: [{token: {secrets: ["env:ROUTE_TOKEN"]}}]}
`
	server, err := build(t, text, options(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	methods = map[string][]string{"/docs/": {http.MethodGet}, "/openapi.json": {http.MethodGet}, "/metrics": {http.MethodGet}}
	for _, route := range server.Routes() {
		path := strings.NewReplacer("{", "", "}", "").Replace(route.Path)
		for _, other := range server.Routes() { // the word of one path may be the parameter of another
			if fits(other.Path, path) && !slices.Contains(methods[path], other.Method) {
				methods[path] = append(methods[path], other.Method)
			}
		}
	}
	return text, methods
}

// fits reports whether a path is one of those that a route is for.
func fits(route, path string) bool {
	want, got := strings.Split(route, "/"), strings.Split(path, "/")
	return len(want) == len(got) && !slices.ContainsFunc(want, func(part string) bool {
		at := got[0]
		got = got[1:]
		return part != at && !strings.HasPrefix(part, "{")
	})
}

func TestOPTIONSTellsWhatEachPathTakes(t *testing.T) {
	text, methods := everyRoute(t)
	base, _ := start(t, text, nil)
	var every []string
	for _, taken := range methods {
		every = append(every, taken...)
	}
	slices.Sort(every)
	methods["*"] = slices.Compact(every)
	for path, taken := range methods {
		want := append([]string{http.MethodOptions}, taken...)
		if slices.Contains(taken, http.MethodGet) {
			want = append(want, http.MethodHead)
		}
		response, body := say(t, dial(t, base, nil), "OPTIONS "+path+" HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\n\r\n")
		allowed := strings.Split(response.Header.Get("Allow"), ", ")
		slices.Sort(want)
		slices.Sort(allowed)
		if diff := cmp.Diff(want, allowed); diff != "" || response.StatusCode != http.StatusNoContent || body != "" || response.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: status %d, %q (-want +got):\n%s", path, response.StatusCode, body, diff)
		}
		if response.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: pages of other sites are let in", path)
		}
	}
	if len(methods) < 15 {
		t.Errorf("only %d paths: %v", len(methods), methods)
	}
}

func TestEachPathRefusesTheMethodsThatItDoesNotTake(t *testing.T) {
	text, methods := everyRoute(t)
	base, _ := start(t, text, nil)
	for path, taken := range methods {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND"} {
			want := http.StatusMethodNotAllowed
			switch {
			case slices.Contains(taken, method):
				continue
			case method == "TRACE", method == "CONNECT":
				want = http.StatusNotImplemented
			}
			response, body := say(t, dial(t, base, nil), method+" "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
			isProblem(t, response, body, want)
			if (response.Header.Get("Allow") != "") != (want == http.StatusMethodNotAllowed) {
				t.Errorf("%s %s: Allow %q", method, path, response.Header.Get("Allow"))
			}
		}
	}
}
