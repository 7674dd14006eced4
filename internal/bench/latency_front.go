package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// front stands before Jira and notes when it is asked and when it has answered. That costs the alert some tenths of a millisecond,
// which are counted.
type front struct {
	url      string
	server   *http.Server
	served   chan error
	tickets  chan written
	comments chan written
}

// written is a ticket or a comment that Jira has taken.
type written struct {
	asked, answered time.Time
	path, body      string // as they were sent
}

func startFront(ctx context.Context, behind string) (*front, error) {
	target, err := url.Parse(behind)
	if err != nil {
		return nil, fmt.Errorf("read the address of Jira: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen before Jira: %w", err)
	}
	// Room for all that may happen between two alerts: nobody is kept waiting by a reader.
	f := &front{url: "http://" + listener.Addr().String(), served: make(chan error, 1), tickets: make(chan written, 1000), comments: make(chan written, 1000)}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport}
	f.server = &http.Server{Handler: f.watch(proxy), ReadHeaderTimeout: latencyPatience}
	f.server.RegisterOnShutdown(transport.CloseIdleConnections)
	go func() { f.served <- f.server.Serve(listener) }()
	return f, nil
}

// watch passes calls on, and notes those that write.
func (f *front) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := f.comments
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/rest/api/2/issue":
			to = f.tickets
		case r.Method != http.MethodPost && r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/comment"):
			next.ServeHTTP(w, r)
			return
		}
		asked := time.Now() //nolint:forbidigo // measures, and is no part
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "the call broke off", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		if answer.status >= http.StatusOK && answer.status < http.StatusMultipleChoices {
			to <- written{asked, time.Now(), r.URL.Path, string(body)} //nolint:forbidigo // as above
		}
	})
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter

	status int
}

// WriteHeader sends it.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// created waits for the next ticket.
func (f *front) created(ctx context.Context) (asked, answered time.Time, err error) {
	one, err := next(ctx, f.tickets, func(written) bool { return true })
	return one.asked, one.answered, err
}

// written waits for a comment on the ticket of which a condition holds, and returns when Jira had answered. Comments on others are
// passed over: one that is complete is written again at times.
func (f *front) written(ctx context.Context, key string, holds func(body string) bool) (time.Time, error) {
	one, err := next(ctx, f.comments, func(one written) bool {
		return strings.HasPrefix(one.path, "/rest/api/2/issue/"+key+"/comment") && holds(one.body)
	})
	return one.answered, err
}

func next(ctx context.Context, from <-chan written, holds func(written) bool) (written, error) {
	ctx, cancel := context.WithTimeout(ctx, latencyPatience)
	defer cancel()
	last := "nothing"
	for {
		select {
		case one := <-from:
			if holds(one) {
				return one, nil
			}
			last = one.path + " " + one.body
		case <-ctx.Done():
			return written{}, fmt.Errorf("jira was not asked for what was waited for, but last for %.2000s: %w", last, ctx.Err())
		}
	}
}

func (f *front) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), latencyPatience)
	defer cancel()
	err := f.server.Shutdown(ctx)
	if served := <-f.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
