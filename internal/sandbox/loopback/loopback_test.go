package loopback_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"funnelweb/internal/sandbox/loopback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(ctx context.Context, t *testing.T, address string, handler http.HandlerFunc) (*loopback.Server, error) {
	t.Helper()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return loopback.Serve(ctx, "test", address, handler, slog.New(slog.DiscardHandler))
}

func get(url string) (string, error) {
	response, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func TestItServesUntilItIsClosed(t *testing.T) {
	server, err := serve(t.Context(), t, "", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	if err != nil {
		t.Fatal(err)
	}
	if body, err := get(server.URL()); err != nil || body != "hello" {
		t.Errorf("%q, %v", body, err)
	}
	if _, err := serve(t.Context(), t, strings.TrimPrefix(server.URL(), "http://"), nil); err == nil {
		t.Error("another one started on the same address")
	}
	for range 2 {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := get(server.URL()); err == nil {
		t.Error("it answers after Close")
	}
}

func TestCloseWaitsForTheCallsThatItEnds(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	server, err := serve(t.Context(), t, "", func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		<-finish
	})
	if err != nil {
		t.Fatal(err)
	}
	silent, err := net.Dial("tcp", strings.TrimPrefix(server.URL(), "http://")) // never asks anything
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	answered, closed := make(chan error), make(chan error, 1)
	go func() {
		_, err := get(server.URL())
		answered <- err
	}()
	<-begun
	go func() { closed <- server.Close() }()
	if err := <-answered; err == nil {
		t.Error("the call got an answer")
	}
	select {
	case err := <-closed:
		t.Errorf("Close returned while a call was running: %v", err)
	default:
	}
	close(finish)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestItEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server, err := serve(ctx, t, "", func(http.ResponseWriter, *http.Request) {})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	deadline := time.After(20 * time.Second)
	for _, err := get(server.URL()); err == nil; _, err = get(server.URL()) {
		select {
		case <-deadline:
			t.Fatal("it still answers")
		case <-time.After(time.Millisecond):
		}
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}
