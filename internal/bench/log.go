package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// logged gives a handler of net/http the same line a request as the others, unless log is nil.
func logged(handler http.Handler, log *slog.Logger) http.Handler {
	if log == nil {
		return handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now() //nolint:forbidigo // measures, and is no part
		seen := &seen{ResponseWriter: w, status: http.StatusOK}
		handler.ServeHTTP(seen, r)
		writeLine(log, r, r.Pattern, seen.status, seen.size, start)
	})
}

// seen remembers what went through it.
type seen struct {
	http.ResponseWriter
	status, size int
}

func (s *seen) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *seen) Write(part []byte) (int, error) {
	n, err := s.ResponseWriter.Write(part)
	s.size += n
	return n, err
}

// writeLine says of a request what the funnel says, but for the request id and the identity, which only the funnel has.
func writeLine(log *slog.Logger, r *http.Request, route string, status, size int, start time.Time) {
	log.LogAttrs(context.WithoutCancel(r.Context()), slog.LevelInfo, "request",
		slog.String("method", r.Method), slog.String("route", route), slog.Int("status", status),
		slog.Float64("duration_ms", float64(time.Since(start).Microseconds())/1000),
		slog.Int64("bytes_in", r.ContentLength), slog.Int("bytes_out", size), slog.String("client", r.RemoteAddr))
}
