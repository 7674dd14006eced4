package virustotal

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestFailuresSayWhatToDo(t *testing.T) {
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>please log in, "+canary+"</html>")
		}
	}
	after := func(value string, next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Retry-After", value); next(w, r) }
	}
	cases := []struct {
		name       string
		answer     http.HandlerFunc
		want       string
		retryAfter time.Duration
		permanent  bool
	}{
		{"a wrong key", refuses(401, "WrongCredentialsError", "Wrong API key "+canary), "the key was refused: correct it (status 401)", 5 * time.Minute, false},
		{"a blocked account", refuses(403, "ForbiddenError", "no"), "the key does not allow this lookup, or the account is blocked: look at the account, then replay (status 403)", 0, true},
		{"too many requests", refuses(429, "TooManyRequestsError", "slow down"), "too many requests (status 429)", time.Minute, false},
		{"too many requests, with a wait", after("7", refuses(429, "TooManyRequestsError", "")), "too many requests (status 429)", 7 * time.Second, false},
		{"too many requests, until a date", after("Fri, 20 Nov 2026 12:00:30 GMT", page(429)), "too many requests (status 429)", 30 * time.Second, false},
		{"a wait of years", after("99999999", page(429)), "too many requests (status 429)", 24 * time.Hour, false},
		{"a wait that is none", after("-3", page(429)), "too many requests (status 429)", time.Minute, false},
		{"a bad request", refuses(400, "InvalidArgumentError", ""), "VirusTotal does not take this for an indicator (status 400)", 0, true},
		{"down", refuses(503, "TransientError", ""), "VirusTotal has a problem of its own (status 503)", 0, false},
		{"down, with a wait", after("90", page(503)), "VirusTotal has a problem of its own (status 503)", 90 * time.Second, false},
		{"an empty 500", says(500, `{}`), "VirusTotal has a problem of its own (status 500)", 0, false},
		{"HTML with 200", page(200), "the answer is not JSON but text/html: correct url, or look for a proxy in between (status 200)", 0, false},
		{"HTML with 404", page(404), "the answer is not VirusTotal's: correct url, or look for a proxy in between (status 404)", 0, false},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "the answer is not VirusTotal's: correct url, or look for a proxy in between (status 204)", 0, false},
		{"an empty 200", says(200, ""), "the answer is empty (status 200)", 0, false},
		{"no data", says(200, `{}`), "the answer is empty (status 200)", 0, false},
		{"broken JSON", says(200, `{"data":`), "the answer is broken JSON (status 200)", 0, false},
		{"an error with 200", refuses(200, "NotFoundError", ""), "VirusTotal refused the lookup (status 200)", 0, false},
		{"data of another shape", says(200, `{"data":[]}`), "the answer is not what API v3 gives", 0, false},
		{"null", says(200, `{"data":null}`), "the answer is not what API v3 gives", 0, false},
		{"another object", says(200, `{"data":{"type":"domain","id":"x.example","attributes":{}}}`), "the answer is not what API v3 gives", 0, false},
		{"another file", says(200, `{"data":{"type":"file","id":"`+eicarHash+`","attributes":{"md5":"`+strings.Repeat("0", 32)+`"}}}`), "the answer is not what API v3 gives", 0, false},
		{"an id for a link elsewhere", says(200, `{"data":{"type":"file","id":"../../evil?x","attributes":{}}}`), "the answer is not what API v3 gives", 0, false},
		{"less than no engines", says(200, `{"data":{"type":"file","id":"`+eicarHash+`","attributes":{"last_analysis_stats":{"malicious":-4}}}}`), "the answer is not what API v3 gives", 0, false},
		{"a relationship that is null, which makes the SDK's objects panic", says(200, `{"data":{"type":"file","relationships":{"x":null}}}`), "the answer is not what API v3 gives", 0, false},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "the answer is a redirect, which the API does not give: correct url (status 302)", 0, false},
		{"a cut connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the connection could not be made, or was cut before the answer was complete", 0, false},
		{"a connection cut within the answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"data"`)
			panic(http.ErrAbortHandler)
		}, "the connection could not be made, or was cut before the answer was complete", 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := serve(t, c.answer)
			finding, err := newEnricher(t, validConfig(server.URL)).Enrich(t.Context(), md5())
			if err == nil {
				t.Fatalf("it was taken for an answer: %q", finding.Summary)
			}
			if diff := cmp.Diff("virustotal: look up md5: "+c.want, framework.Reason(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if framework.RetryAfter(err) != c.retryAfter || framework.IsPermanent(err) != c.permanent || framework.MayHaveHappened(err) {
				t.Errorf("retry after %s, permanent %t", framework.RetryAfter(err), framework.IsPermanent(err))
			}
			if len(server.asked()) != 1 {
				t.Errorf("it was asked %d times", len(server.asked()))
			}
			frameworktest.LeaksNoSecret(t, canary, err.Error(), fmt.Sprintf("%+v", err), framework.Reason(err))
		})
	}
}

func TestNobodyListens(t *testing.T) {
	server := serve(t, eicarFile(t))
	server.Close()
	_, err := newEnricher(t, validConfig(server.URL)).Enrich(t.Context(), md5())
	want := "virustotal: look up md5: the connection could not be made, or was cut before the answer was complete"
	if diff := cmp.Diff(want, framework.Reason(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	frameworktest.LeaksNoSecret(t, canary, err.Error())
}

func TestACertificateFromElsewhereIsRefused(t *testing.T) {
	server := serve(t, eicarFile(t))
	server.Close()
	server.Server = newTLSServer(t)
	_, err := newEnricher(t, validConfig(server.URL)).Enrich(t.Context(), md5())
	want := "virustotal: look up md5: the certificate of the server in url is not valid or not from a trusted authority"
	if diff := cmp.Diff(want, framework.Reason(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAServerThatHangsIsGivenUp(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"before it says anything": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"after the headers": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"a byte at a time": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := validConfig(serve(t, answer).URL)
			config.Timeout = 50 * time.Millisecond
			_, err := newEnricher(t, config).Enrich(t.Context(), md5())
			if diff := cmp.Diff("virustotal: look up md5: no answer within 50ms", framework.Reason(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestACallerThatGoesEndsTheRequest(t *testing.T) {
	arrived, left := make(chan struct{}), make(chan struct{})
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(left)
	})
	config := validConfig(server.URL)
	config.Timeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := newEnricher(t, config).Enrich(ctx, md5())
	if diff := cmp.Diff("virustotal: look up md5: the lookup was cancelled", framework.Reason(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	<-left // the SDK carries no context; the request ended nevertheless
}

func TestAnAnswerOfAnySizeIsBounded(t *testing.T) {
	var sent atomic.Int64
	count := func(w io.Writer, piece []byte) {
		for sent.Load() < 10<<30 {
			n, err := w.Write(piece)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
	piece := []byte(strings.Repeat(" ", 64<<10))
	var zipped bytes.Buffer
	zipper, _ := gzip.NewWriterLevel(&zipped, gzip.BestSpeed)
	for range 2 * maxAnswer / len(piece) {
		_, _ = zipper.Write(piece)
	}
	_ = zipper.Close()
	cases := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"10 GiB", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			count(w, piece)
		}, "the answer is larger than 8 MiB"},
		{"a small packet that unpacks to 16 MiB", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				t.Error("packed answers are not asked for")
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped.Bytes())
		}, "the answer is larger than 8 MiB"},
		{"packed in another way", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = w.Write([]byte("x"))
		}, "the answer is packed in a way that was not asked for"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			sent.Store(0)
			server := serve(t, c.answer)
			_, err := newEnricher(t, validConfig(server.URL)).Enrich(t.Context(), md5())
			if diff := cmp.Diff("virustotal: look up md5: "+c.want, framework.Reason(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			server.Close() // waits for the handler
			if sent.Load() > 64<<20 {
				t.Errorf("the server could send %d bytes", sent.Load())
			}
		})
	}
}
