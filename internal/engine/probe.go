package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

const (
	probeStream = "PROBE"
	probeEvery  = 10 * time.Second
)

// probe finds out whether the store can write, which free space alone does not tell: after one failed write a stream's
// files stay broken until the next start (filestore.werr in nats-server/v2 v2.15.2), while all others go on.
type probe struct {
	engine *Engine

	probing sync.Mutex // held while it writes
	at      time.Time  // when it did last
	err     error      // what came of it

	mu     sync.Mutex
	broken map[string]error // by source, why its last event could not be stored
}

// probeConfig keeps the last probe.
func (e *Engine) probeConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: e.names.stream(probeStream), Subjects: []string{e.names.subject("probe")}, MaxMsgs: 1, Discard: jetstream.DiscardOld, Duplicates: leastWindow,
		Storage: e.storage(), Replicas: e.replicas(),
	}
}

// check returns why something cannot be written. It tries that at most every probeEvery; what Publish finds out in
// between counts at once.
func (p *probe) check(ctx context.Context) error {
	p.probing.Lock()
	defer p.probing.Unlock()
	if now := p.engine.now(); now.Sub(p.at).Abs() >= probeEvery {
		p.at, p.err = now, p.write(ctx)
	}
	if p.err != nil {
		return p.err
	}
	for _, err := range p.failures() {
		return err
	}
	return nil
}

// again has the next check try it at once.
func (p *probe) again() {
	p.probing.Lock()
	defer p.probing.Unlock()
	p.at = p.engine.now().Add(-probeEvery)
}

// write tries the probe's own stream, and those of sources whose last event could not be stored: a server that is not
// ready is sent no events, and would never become ready again.
func (p *probe) write(ctx context.Context) error {
	e := p.engine
	if _, err := e.js.Publish(ctx, e.names.subject("probe"), nil); err != nil {
		return fmt.Errorf("write probe: %w", err)
	}
	for source := range p.failures() {
		stream, err := e.streams.of(ctx, source)
		if err != nil {
			return err
		}
		subject := e.names.subject("probe", source, rand.Text()) // no subject is taken twice, by another replica either
		ack, err := e.js.Publish(ctx, subject, nil)
		if err != nil {
			return fmt.Errorf("write probe to source %s: %w", source, err)
		}
		if err := stream.DeleteMsg(ctx, ack.Sequence); err != nil {
			return fmt.Errorf("remove probe from source %s: %w", source, err)
		}
		p.note(source, nil)
	}
	if err := e.barrier.wait(ctx); err != nil {
		return fmt.Errorf("write probe: %w", err)
	}
	return nil
}

// failed notes that events could not be stored.
func (p *probe) failed(events []framework.Event, err error) {
	for _, event := range events {
		p.note(event.Source(), err)
	}
}

// worked notes that events were stored. A duplicate was not written.
func (p *probe) worked(events []framework.Event, receipts []framework.Receipt) {
	for i, event := range events {
		if !receipts[i].Duplicate {
			p.note(event.Source(), nil)
		}
	}
}

func (p *probe) note(source string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.broken, source)
		return
	}
	if p.broken == nil {
		p.broken = map[string]error{}
	}
	p.broken[source] = err
}

func (p *probe) failures() map[string]error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.broken)
}
