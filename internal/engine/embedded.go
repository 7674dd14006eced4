package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	maxPayload  = 8 << 20
	eventMargin = 64 << 10 // room for what a dead letter adds to an event
)

// embedded is the server inside the process, without a listener. It can be started anew under those that are connected to
// it: they find it again as they would a server that came back.
type embedded struct {
	opts Options

	mu     sync.Mutex
	server *server.Server // nil while it could not be started anew
}

// startEmbedded starts a store in the directory and connects to it. The store is returned to be shut down even with an error.
func startEmbedded(opts Options) (*embedded, *nats.Conn, error) {
	e := &embedded{opts: opts}
	var err error
	if e.server, err = newEmbedded(opts); err != nil {
		return e, nil, err
	}
	conn, err := nats.Connect("", nats.InProcessServer(e), nats.Name("engine"), nats.MaxReconnects(-1),
		nats.ReconnectWait(50*time.Millisecond), nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			opts.Log.Error("store connection", "err", err)
		}))
	if err != nil {
		return e, nil, fmt.Errorf("connect to store in %s: %w", opts.Dir, err)
	}
	return e, conn, nil
}

// newEmbedded returns a server that answers.
func newEmbedded(opts Options) (*server.Server, error) {
	started, err := server.NewServer(&server.Options{
		ServerName:             "funnelweb",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               opts.Dir,
		JetStreamMaxStore:      opts.MaxStore,
		JetStreamMaxMemory:     opts.memory(),
		MaxPayload:             maxPayload,
		SyncAlways:             syncAlways,
	})
	if err != nil {
		return nil, fmt.Errorf("configure store in %s: %w", opts.Dir, err)
	}
	started.SetLoggerV2(storeLog{opts.Log}, false, false, false)
	started.Start()
	if !started.ReadyForConnections(storeTimeout) || !started.JetStreamEnabled() {
		stopEmbedded(started)
		return nil, fmt.Errorf("start store in %s: it does not answer; the log has the cause", opts.Dir)
	}
	return started, nil
}

func stopEmbedded(running *server.Server) {
	running.Shutdown()
	running.WaitForShutdown()
}

var errNoServer = errors.New("the store is being started anew")

// InProcessConn connects to the server of the moment.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server == nil {
		return nil, errNoServer
	}
	return e.server.InProcessConn()
}

// failedWrite returns what the server says about a write that failed, or "". The files of that stream take no more writes
// until a start (filestore.werr in nats-server/v2 v2.15.2). A record that was found damaged on the way is none: all others
// can be written, and no start repairs it.
func (e *embedded) failedWrite() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server == nil {
		return errNoServer.Error()
	}
	for _, problem := range e.server.Healthz(&server.HealthzOptions{Details: true}).Errors {
		if strings.Contains(problem.Error, "write error") && !strings.Contains(problem.Error, "corrupt") {
			return problem.Error
		}
	}
	return ""
}

// restart replaces the server by a new one on the same files.
func (e *embedded) restart() (err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopLocked()
	e.server, err = newEmbedded(e.opts)
	return err
}

func (e *embedded) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopLocked()
}

func (e *embedded) stopLocked() {
	if e.server != nil {
		stopEmbedded(e.server)
		e.server = nil
	}
}

// storeLog passes on what the server has to say. Its notices are of use only when looking for a fault.
type storeLog struct{ log *slog.Logger }

func (l storeLog) write(level func(string, ...any), format string, values []any) {
	level("store", "text", fmt.Sprintf(format, values...))
}

// Noticef logs at level debug.
func (l storeLog) Noticef(format string, v ...any) { l.write(l.log.Debug, format, v) }

// Warnf logs at level warn.
func (l storeLog) Warnf(format string, v ...any) { l.write(l.log.Warn, format, v) }

// Errorf logs at level error.
func (l storeLog) Errorf(format string, v ...any) { l.write(l.log.Error, format, v) }

// Fatalf logs at level error; whether the store answers is found out otherwise.
func (l storeLog) Fatalf(format string, v ...any) { l.write(l.log.Error, format, v) }

// Debugf logs at level debug.
func (l storeLog) Debugf(format string, v ...any) { l.write(l.log.Debug, format, v) }

// Tracef logs at level debug.
func (l storeLog) Tracef(format string, v ...any) { l.write(l.log.Debug, format, v) }
