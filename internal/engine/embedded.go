package engine

import (
	"fmt"
	"log/slog"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	maxPayload  = 8 << 20
	eventMargin = 64 << 10 // room for what a dead letter adds to an event
)

// startEmbedded starts a store without a listener and connects to it inside the process.
func startEmbedded(opts Options) (*server.Server, *nats.Conn, error) {
	embedded, err := server.NewServer(&server.Options{
		ServerName:             "funnelweb",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               opts.Dir,
		JetStreamMaxStore:      opts.MaxStore,
		JetStreamMaxMemory:     64 << 20,
		MaxPayload:             maxPayload,
		SyncAlways:             syncAlways,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("configure store in %s: %w", opts.Dir, err)
	}
	embedded.SetLoggerV2(storeLog{opts.Log}, false, false, false)
	embedded.Start()
	if !embedded.ReadyForConnections(storeTimeout) || !embedded.JetStreamEnabled() {
		return embedded, nil, fmt.Errorf("start store in %s: it does not answer; the log has the cause", opts.Dir)
	}
	conn, err := nats.Connect("", nats.InProcessServer(embedded), nats.Name("engine"), nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			opts.Log.Error("store connection", "err", err)
		}))
	if err != nil {
		return embedded, nil, fmt.Errorf("connect to store in %s: %w", opts.Dir, err)
	}
	return embedded, conn, nil
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
