package fault

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ControlPath is where Control is mounted. Wrap never touches what lies below /_sandbox/, so that faults can always
// be taken back.
const ControlPath = "/_sandbox/faults"

// maxBuffered bounds the request body in bytes that is read before a fault begins.
const maxBuffered = 4 << 20

const loginPage = `<!DOCTYPE html>
<html><head><title>Log in</title></head>
<body><h1>Log in</h1><form method="post"><input name="user"><input name="password" type="password"></form></body></html>
`

// Wrap lets requests meet their faults before they reach next.
func (f *Faults) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_sandbox/") {
			next.ServeHTTP(w, r)
			return
		}
		fault, ok := f.Next(r.Method + " " + r.URL.Path)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		fault.serve(w, r, next)
	})
}

func (f Fault) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	// The whole request has arrived before a fault begins; and only a server that has read the body notices that the
	// caller went away, which ends the wait.
	read, _ := io.ReadAll(io.LimitReader(r.Body, maxBuffered)) // an error comes again when the rest is read
	r.Body = readCloser{io.MultiReader(bytes.NewReader(read), r.Body), r.Body}
	if err := Wait(r.Context(), f.Latency); err != nil {
		cut(w)
		return
	}
	switch {
	case f.CutBefore:
		cut(w)
	case f.CutAfter:
		next.ServeHTTP(&discard{header: http.Header{}}, r)
		cut(w)
	case f.HTML, f.Status != 0:
		f.answer(w)
	default:
		next.ServeHTTP(w, r)
	}
}

// Wait waits for the time, or until the context ends, whose error it then returns.
func Wait(ctx context.Context, latency time.Duration) error {
	if latency <= 0 {
		return nil
	}
	timer := time.NewTimer(latency)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f Fault) answer(w http.ResponseWriter) {
	status, body, kind := f.Status, f.Body, "text/plain; charset=utf-8"
	switch {
	case f.HTML:
		kind = "text/html; charset=utf-8"
		if status == 0 {
			status = http.StatusOK
		}
		if body == "" {
			body = loginPage
		}
	case strings.HasPrefix(body, "{") || strings.HasPrefix(body, "["):
		kind = "application/json;charset=UTF-8"
	case body == "":
		body = http.StatusText(status) + "\n"
	}
	if status < 200 || status > 599 {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", kind)
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((f.RetryAfter+time.Second-1)/time.Second), 10))
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the caller may be gone
}

// cut closes the connection without a byte of an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		// Only HTTP/1 connections can be taken over, and the stand-ins serve nothing else.
		http.Error(w, "the sandbox cannot cut this connection: "+err.Error(), http.StatusInternalServerError)
		return
	}
	_ = conn.Close() // it is closed either way
}

type readCloser struct {
	io.Reader
	io.Closer
}

// discard takes an answer that nobody is to see.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header            { return d.header }
func (d *discard) Write(body []byte) (int, error) { return len(body), nil }
func (d *discard) WriteHeader(int)                {}
