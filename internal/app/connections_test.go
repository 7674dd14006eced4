package app

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// bounded listens with room for a few connections; accepted are those that came through.
func bounded(t *testing.T, limit int) (listener *boundedListener, accepted chan net.Conn) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, accepted = newBoundedListener(inner, limit), make(chan net.Conn, 10)
	done := make(chan error, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				done <- err
				return
			}
			accepted <- conn
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		close(accepted)
		for conn := range accepted {
			conn.Close()
		}
	})
	return listener, accepted
}

// arrive connects and returns both sides.
func arrive(t *testing.T, listener net.Listener, accepted chan net.Conn) (client, server net.Conn) {
	t.Helper()
	client = knock(t, listener)
	server = <-accepted
	t.Cleanup(func() { server.Close() })
	return client, server
}

func knock(t *testing.T, listener net.Listener) net.Conn {
	t.Helper()
	client, err := net.DialTimeout("tcp", listener.Addr().String(), 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if err := client.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return client
}

func TestAtTheBoundTheConnectionThatWaitedLongestMakesRoom(t *testing.T) {
	listener, accepted := bounded(t, 3)
	oldest, first := arrive(t, listener, accepted)
	next, second := arrive(t, listener, accepted)
	_, third := arrive(t, listener, accepted)
	connState(first, http.StateActive)
	connState(second, http.StateActive)
	connState(first, http.StateIdle)
	connState(third, http.StateActive)
	_, _ = arrive(t, listener, accepted) // first is the only one without a call
	if _, err := oldest.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the waiting connection is told %v, want its end", err)
	}
	connState(second, http.StateIdle)
	if _, err := second.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := next.Read(make([]byte, 1)); err != nil {
		t.Errorf("a connection with a call under way was closed: %v", err)
	}
}

func TestWhereAllConnectionsAreBusyANewOneWaits(t *testing.T) {
	listener, accepted := bounded(t, 1)
	_, busy := arrive(t, listener, accepted)
	connState(busy, http.StateActive)
	waiting := knock(t, listener)
	if len(accepted) != 0 {
		t.Fatal("there are more connections than the bound")
	}
	busy.Close()
	busy.Close() // its slot is given back once
	server := <-accepted
	defer server.Close()
	if _, err := server.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := waiting.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	if got := len(listener.slots); got != 1 {
		t.Errorf("%d slots are taken, want 1", got)
	}
}

func TestClosingLetsNobodyWaitForRoom(t *testing.T) {
	listener, accepted := bounded(t, 1)
	_, busy := arrive(t, listener, accepted)
	connState(busy, http.StateActive)
	waiting := knock(t, listener)
	listener.Close()
	if _, err := waiting.Read(make([]byte, 1)); err == nil {
		t.Error("the waiting connection is still open")
	}
}

func TestTheBoundOnConnectionsFitsTheOpenFiles(t *testing.T) {
	for name, test := range map[string]struct {
		configured int
		files      uint64
		want       int
	}{
		"plenty":             {20_000, 1 << 20, 20_000},
		"unknown":            {20_000, 0, 20_000},
		"just enough":        {1_000, 1_000 + spareFiles, 1_000},
		"too few":            {20_000, 4096, 4096 - spareFiles},
		"hardly any":         {20_000, 256, 128},
		"few but sufficient": {100, 1024, 100},
	} {
		if got := fitting(test.configured, test.files); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}
