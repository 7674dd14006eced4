package app_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"funnelweb/framework/frameworktest"
)

// hasty cuts slow senders off soon. How soon decides no test.
const hasty = "  read_header: 150ms\n  read: 400ms\n  write: 5s\n  idle: 300ms\n"

// dribble writes a text byte by byte until the other side has had enough.
func dribble(ctx context.Context, conn net.Conn, text string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i = (i + 1) % len(text) {
		if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func TestSlowSendersAreCutOffAndTold(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	ca := newAuthority(t)
	secured, _ := ca.secured(t, hasty)
	endpoint := "endpoints:\n  - use: splunk\n    before: [{token: {secrets: [\"env:SMALL_TOKEN\"]}}]\n"
	post := "POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + goodToken + "\r\n"
	for scheme, text := range map[string]string{"in the clear": plain + "data: " + t.TempDir() + "\nserver:\n" + hasty + endpoint, "with TLS": secured + endpoint} {
		t.Run(scheme, func(t *testing.T) {
			var log frameworktest.Log
			base, _ := start(t, text, &log)
			for name, test := range map[string]struct {
				first, dribble string
				status         int // 0 when there is nothing to answer
			}{
				"somebody who says nothing":                {"", "", 0},
				"headers without an end":                   {"GET /status HTTP/1.1\r\nHost: a\r\n", "X-A: b\r\n", 408},
				"a request line without an end":            {"GET /", "a", 408},
				"headers that stop":                        {"GET /status HTTP/1.1\r\nHost:", "", 408},
				"a body without an end":                    {post + "Content-Length: 1000000\r\n\r\n", " ", 408},
				"a body that never begins":                 {post + "Content-Length: 1000000\r\n\r\n", "", 408},
				"chunks without an end":                    {post + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", 408},
				"a body that waits for what was not asked": {post + "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n", "", 100},
			} {
				t.Run(name, func(t *testing.T) {
					conn := dial(t, base, &tls.Config{RootCAs: ca.pool, ServerName: "127.0.0.1"})
					if _, err := io.WriteString(conn, test.first); err != nil {
						t.Fatal(err)
					}
					ctx, stop := context.WithCancel(t.Context())
					var dribbling sync.WaitGroup
					defer dribbling.Wait()
					defer stop()
					if test.dribble != "" {
						dribbling.Go(func() { dribble(ctx, conn, test.dribble) })
					}
					reader := bufio.NewReader(conn)
					if test.status == http.StatusContinue {
						if response, _ := hear(t, reader); response.StatusCode != http.StatusContinue {
							t.Fatalf("status %d, want to be asked for the body", response.StatusCode)
						}
						test.status = 408
					}
					if test.status != 0 {
						response, body := hear(t, reader)
						isProblem(t, response, body, test.status)
					}
					closed(t, conn)
				})
			}
			if strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("slow senders are logged as errors of ours:\n%s", log.String())
			}
		})
	}
}

func TestAnIdleConnectionIsClosedWithoutAWord(t *testing.T) {
	base, _ := start(t, plain+"data: "+t.TempDir()+"\nserver:\n"+hasty, nil)
	conn := dial(t, base, nil)
	reader := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, "GET /status HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	hear(t, reader)
	if rest, err := io.ReadAll(reader); len(rest) > 0 || err != nil {
		t.Errorf("it says %q, %v", rest, err)
	}
}

func TestASlowHandshakeIsCutOff(t *testing.T) {
	ca := newAuthority(t)
	text, _ := ca.secured(t, hasty)
	base, _ := start(t, text, nil)
	conn := dial(t, strings.Replace(base, "https", "http", 1), nil)
	if _, err := conn.Write([]byte{0x16, 0x03, 0x01, 0x02}); err != nil { // the beginning of a record
		t.Fatal(err)
	}
	closed(t, conn)
}

// frame is one of HTTP/2 (RFC 9113 section 4.1).
func frame(kind byte, stream uint32, payload string) string {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))[1:]
	head = append(head, kind, 0) // no flags
	return string(binary.BigEndian.AppendUint32(head, stream)) + payload
}

const (
	headersFrame, settingsFrame, continuationFrame = 1, 4, 9

	http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// A preface that stops is cut off too, after ten seconds of net/http's own.
func TestSlowSendersOfHTTP2AreCutOff(t *testing.T) {
	ca := newAuthority(t)
	text, _ := ca.secured(t, hasty)
	base, _ := start(t, text, nil)
	settings := http2Preface + frame(settingsFrame, 0, "")
	for name, test := range map[string]struct{ first, dribble string }{
		"settings and nothing more": {settings, ""},
		"a frame that stops":        {settings + frame(headersFrame, 1, "x")[:5], ""},
		"headers without an end":    {settings + frame(headersFrame, 1, "\x82"), ""},
		"headers that go on and on": {settings + frame(headersFrame, 1, "\x82"), frame(continuationFrame, 1, "")},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, base, &tls.Config{RootCAs: ca.pool, ServerName: "127.0.0.1", NextProtos: []string{"h2"}})
			if _, err := io.WriteString(conn, test.first); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			var dribbling sync.WaitGroup
			defer dribbling.Wait()
			defer stop()
			if test.dribble != "" {
				dribbling.Go(func() { dribble(ctx, conn, test.dribble) })
			}
			closed(t, conn)
		})
	}
}

func TestASlowBodyOnHTTP2IsCutOffAndTold(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	ca := newAuthority(t)
	text, _ := ca.secured(t, hasty)
	base, _ := start(t, text+"endpoints:\n  - use: splunk\n    before: [{token: {secrets: [\"env:SMALL_TOKEN\"]}}]\n", nil)
	body, never := io.Pipe()
	defer never.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v1/splunk/alert", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+goodToken)
	response, err := ca.client(t, true).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	isProblem(t, response, string(answer), http.StatusRequestTimeout)
}
