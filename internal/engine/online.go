package engine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// ProbeCluster tries each server of a cluster by itself, and on the first that answers what its account may have of JetStream.
// It makes nothing. Options without a Cluster have nothing to try: their store is in this process.
func ProbeCluster(ctx context.Context, opts Options) []framework.Probed {
	if opts.Cluster == nil {
		return nil
	}
	opts.Cluster = opts.Cluster.complete()
	tried := make([]framework.Probed, len(opts.Cluster.URLs))
	conns := make([]*nats.Conn, len(tried))
	var group sync.WaitGroup
	for i, address := range opts.Cluster.URLs {
		group.Go(func() { tried[i], conns[i] = probeServer(ctx, opts, address) })
	}
	group.Wait()
	var first *nats.Conn
	answering := 0
	for _, conn := range conns {
		if conn == nil {
			continue
		}
		defer conn.Close()
		if answering++; first == nil {
			first = conn
		}
	}
	if first == nil {
		return tried
	}
	return append(tried, probeAccount(ctx, opts, first, answering))
}

// probeServer connects to one. The connection is nil when it is of no use.
func probeServer(ctx context.Context, opts Options, address string) (probed framework.Probed, conn *nats.Conn) {
	probed = framework.Try(opts.Now, "connect to "+hostOf(address), func() (detail string, err error) {
		options, err := opts.Cluster.connectOptions(opts)
		if err != nil {
			return "", err
		}
		limit := connectTime
		if until, ok := ctx.Deadline(); ok {
			limit = min(limit, time.Until(until))
		}
		conn, err = nats.Connect(address, append(options, nats.NoReconnect(), nats.Timeout(max(limit, time.Millisecond)), nats.DisconnectErrHandler(nil), nats.ErrorHandler(nil))...)
		if err != nil {
			return "", plain(explainConnect(err))
		}
		if err := suitable(conn.ConnectedServerVersion(), conn.MaxPayload()); err != nil {
			conn.Close()
			conn = nil
			return "", err
		}
		return fmt.Sprintf("%s, NATS %s", framework.Line(conn.ConnectedServerName(), 60), framework.Line(conn.ConnectedServerVersion(), 40)), nil
	})
	return probed, conn
}

// plain takes off the mark that time does not cure an error.
func plain(err error) error {
	if marked, ok := errors.AsType[final](err); ok {
		return marked.error
	}
	return err
}

// hostOf leaves out a user and a password, which do not belong there.
func hostOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return "a server"
	}
	return parsed.Host
}

// probeAccount asks for the account's limits and compares them with what the configuration wants.
func probeAccount(ctx context.Context, opts Options, conn *nats.Conn, answering int) framework.Probed {
	advice := ""
	probed := framework.Try(opts.Now, "JetStream", func() (string, error) {
		js, err := jetstream.New(conn)
		if err != nil {
			return "", clusterError("open", "JetStream cannot be asked", err)
		}
		ctx, cancel := context.WithTimeout(ctx, connectTime)
		defer cancel()
		account, err := js.AccountInfo(ctx)
		if err != nil {
			return "", plain((&Engine{opts: opts}).explainOpen(err))
		}
		detail := fmt.Sprintf("%d streams with %d MiB", account.Streams, account.Store>>20)
		if account.Limits.MaxStore >= 0 {
			detail += fmt.Sprintf(" of %d MiB", account.Limits.MaxStore>>20)
		}
		wanted := opts.MaxStore
		if wanted == 0 {
			wanted = defaultMaxStore
		}
		switch most := account.Limits.MaxStore; {
		case answering < opts.Cluster.Replicas:
			advice = fmt.Sprintf("replicas is %d, and %d of the servers in urls answered: name all, and look at those that are missing", opts.Cluster.Replicas, answering)
		case most >= 0 && most < wanted:
			advice = fmt.Sprintf("max_store_mb is %d: give the account as much, or set it lower", wanted>>20)
		}
		return detail, nil
	})
	if probed.OK {
		probed.Advice = advice
	}
	return probed
}
