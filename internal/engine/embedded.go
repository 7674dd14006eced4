package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
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
	opts    Options
	suspect atomic.Bool // the server has met a record that is damaged

	mu     sync.Mutex
	server *server.Server // nil while it could not be started anew
}

// startEmbedded starts a store in the directory and connects to it. The store is returned to be shut down even with an error.
func startEmbedded(opts Options) (*embedded, *nats.Conn, error) {
	e := &embedded{opts: opts}
	if err := e.restart(); err != nil {
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

// newServer returns a server that answers.
func (e *embedded) newServer() (*server.Server, error) {
	opts := e.opts
	started, err := server.NewServer(&server.Options{
		ServerName:             "funnelweb",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               opts.Dir,
		JetStreamMaxStore:      cmp.Or(opts.serverMost, opts.MaxStore),
		JetStreamMaxMemory:     opts.memory(),
		MaxPayload:             maxPayload,
		SyncAlways:             syncAlways,
	})
	if err != nil {
		return nil, fmt.Errorf("configure store in %s: %w", opts.Dir, err)
	}
	started.SetLoggerV2(storeLog{opts.Log, &e.suspect}, false, false, false)
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
// until a start (filestore.werr in nats-server/v2 v2.15.2).
func (e *embedded) failedWrite() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server == nil {
		return errNoServer.Error()
	}
	for _, problem := range e.server.Healthz(&server.HealthzOptions{Details: true}).Errors {
		if strings.Contains(problem.Error, "write error") {
			return problem.Error
		}
	}
	return ""
}

// restart replaces the server by a new one on the same files, of which none is damaged then.
func (e *embedded) restart() (err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopLocked()
	if e.suspect.Swap(false) && !e.opts.Inline {
		if err := doubtWhole(e.opts.Dir); err != nil {
			return err
		}
	}
	if !e.opts.Inline {
		if err := repairStore(e.opts.Dir, e.opts.Now(), e.opts.Log); err != nil {
			return whatToDo(err, e.opts.Dir)
		}
		if err := boundAside(e.opts.Dir, e.opts.MaxStore/asideShare, e.opts.Log); err != nil {
			return whatToDo(err, e.opts.Dir)
		}
		if err := dropSums(e.opts.Dir); err != nil {
			return fmt.Errorf("begin to write to the store: %w", err)
		}
	}
	e.server, err = e.newServer()
	return err
}

// whatToDo says what to do about files that could not be checked or repaired. Those that may not be used, or have no room, need no
// backup.
func whatToDo(err error, dir string) error {
	if errors.Is(err, fs.ErrPermission) || isDiskFull(err) {
		return Explain(dir, err)
	}
	return fmt.Errorf("%w: restore %s from a backup, or see what stands in the way", err, dir)
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
		if e.opts.Inline {
			return
		}
		if err := sumStates(e.opts.Dir); err != nil {
			e.opts.Log.Warn("the states of queues have no checksums", "err", err)
		}
	}
}

// storeLog passes on what the server has to say. Its notices are of use only when looking for a fault.
type storeLog struct {
	log     *slog.Logger
	suspect *atomic.Bool // set when it speaks of damage
}

func (l storeLog) write(level func(string, ...any), format string, values []any) {
	level("store", "text", fmt.Sprintf(format, values...))
}

// complain notes whether the server has met damage, too.
func (l storeLog) complain(level func(string, ...any), format string, values []any) {
	if speaksOfDamage(format, values) {
		l.suspect.Store(true)
	}
	l.write(level, format, values)
}

// speaksOfDamage reports whether the server has met a record that is damaged, by what its own code says in formats and errors
// (filestore.go in nats-server/v2 v2.15.2). Names and other text in what it says may be anybody's.
func speaksOfDamage(format string, values []any) bool {
	text, ofFiles := strings.CutPrefix(format, "Filestore [")
	_, text, _ = strings.Cut(text, "] ")
	switch {
	case ofFiles && strings.HasPrefix(text, "indexCacheBuf corrupt "):
		return true
	case ofFiles && strings.Contains(text, "from index errored"): // its own summaries, which it makes anew
		return false
	case format == "%s" && len(values) == 1: // so comes what it does not say twice
		said, _ := values[0].(string)
		return damageOnce.MatchString(said)
	}
	for _, value := range values {
		if err, ok := value.(error); ok && isDamage(err) {
			return true
		}
	}
	return false
}

// damageOnce are the lines that hold such an error as text: a name in front of it has no colon, since no stream's name may have one
// that this package makes.
var damageOnce = regexp.MustCompile(`^(JetStream failed to store a msg on stream '[^':]*'|Filestore \[[^]:]*\] Ignoring non-write error): ` +
	`(malformed or corrupt message in [0-9]+\.blk(: .*)?|corrupt state file)$`)

// isDamage reports whether an error is, or wraps, one of the server's two for damaged files: it exports neither.
func isDamage(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if fmt.Sprintf("%T", err) == "server.errBadMsg" || err.Error() == "corrupt state file" {
			return true
		}
	}
	return false
}

// Noticef logs at level debug.
func (l storeLog) Noticef(format string, v ...any) { l.write(l.log.Debug, format, v) }

// Warnf logs at level warn.
func (l storeLog) Warnf(format string, v ...any) { l.complain(l.log.Warn, format, v) }

// Errorf logs at level error.
func (l storeLog) Errorf(format string, v ...any) { l.complain(l.log.Error, format, v) }

// Fatalf logs at level error; whether the store answers is found out otherwise.
func (l storeLog) Fatalf(format string, v ...any) { l.complain(l.log.Error, format, v) }

// Debugf logs at level debug.
func (l storeLog) Debugf(format string, v ...any) { l.write(l.log.Debug, format, v) }

// Tracef logs at level debug.
func (l storeLog) Tracef(format string, v ...any) { l.write(l.log.Debug, format, v) }
