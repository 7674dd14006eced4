package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	random "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

const breakersBucket = "breakers"

// circuitAge is how old what is known of a circuit may get before a replica looks what others found out.
const circuitAge = time.Second

// breakers are the circuits of all services, in a bucket that all replicas share. What is known of them is kept in
// memory too, so that as long as all services work a job costs no call to the store.
type breakers struct {
	bucket  *bucket
	now     func() time.Time
	log     *slog.Logger
	timeout time.Duration
	shared  bool
	breaking

	changing sync.Mutex // workers of this process need not race each other by compare-and-set
	mu       sync.Mutex // guards known
	known    map[string]seenCircuit
}

type seenCircuit struct {
	circuit

	at time.Time // when it was read
}

// openBreakers opens the bucket and reads what earlier runs, or other replicas, left in it.
func (e *Engine) openBreakers(ctx context.Context) error {
	kept, err := e.openBucket(ctx, breakersBucket, retention)
	if err != nil {
		return err
	}
	e.breakers = &breakers{
		bucket: kept, now: e.now, log: e.log, timeout: e.timeout(), shared: e.shared(), known: map[string]seenCircuit{},
		breaking: breaking{
			after: breakAfter, first: e.opts.probeFirst, max: probeMax, factor: probeFactor, jitter: probeJitter,
			claim: e.opts.JobTimeout + probeMargin,
		},
	}
	_, err = e.breakers.all(ctx)
	return err
}

// Breakers returns the circuit of every service that ever failed lately, by name.
func (e *Engine) Breakers(ctx context.Context) ([]framework.Circuit, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	return e.breakers.all(ctx)
}

func (b *breakers) all(ctx context.Context) ([]framework.Circuit, error) {
	keys, err := b.bucket.keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list breakers: %w", err)
	}
	shown := make([]framework.Circuit, 0, len(keys))
	for _, key := range keys {
		read, _, err := b.read(ctx, key)
		if err != nil {
			return nil, err
		}
		if read.Service != "" {
			shown = append(shown, read.public())
		}
	}
	slices.SortFunc(shown, func(a, b framework.Circuit) int { return strings.Compare(a.Service, b.Service) })
	return shown, nil
}

// read returns a circuit as it is now, and remembers it.
func (b *breakers) read(ctx context.Context, key string) (circuit, uint64, error) {
	value, revision, err := b.bucket.get(ctx, key)
	if err != nil && !errors.Is(err, errNoEntry) {
		return circuit{}, 0, fmt.Errorf("read breaker: %w", err)
	}
	var read circuit
	if err == nil {
		if err := json.Unmarshal(value, &read); err != nil {
			read = circuit{} // what cannot be read is begun anew
		}
	}
	read.follow(b.now().UTC())
	if read.Service != "" {
		b.remember(read)
	}
	return read, revision, nil
}

func (b *breakers) remember(read circuit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known[read.Service] = seenCircuit{read, b.now()}
}

// change applies a change to what is stored by then; one that returns false is not written. It logs what it means for
// the service, which of all replicas only the one does whose write counts.
func (b *breakers) change(ctx context.Context, service string, apply func(*circuit, time.Time) bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.timeout)
	defer cancel()
	b.changing.Lock()
	defer b.changing.Unlock()
	key := framework.Fingerprint(service)
	for {
		read, revision, err := b.read(ctx, key)
		if err != nil {
			return err
		}
		read.Service = service
		before := read
		if !apply(&read, b.now().UTC()) {
			return nil
		}
		data, err := json.Marshal(read)
		if err != nil {
			return fmt.Errorf("encode breaker of %s: %w", service, err)
		}
		_, err = b.bucket.put(ctx, key, data, revision)
		if err == nil {
			b.remember(read)
			b.tell(before, read)
			return nil
		}
		if !errors.Is(err, errMismatch) {
			return fmt.Errorf("write breaker of %s: %w", service, err)
		}
	}
}

func (b *breakers) tell(before, after circuit) {
	if before.State == after.State {
		return
	}
	switch after.State {
	case framework.CircuitOpen:
		b.log.Warn("a service is down; jobs that need it wait", "service", after.Service, "reason", after.Reason, "next_probe", after.Next)
	case framework.CircuitRecovering:
		b.log.Info("a service answers again; its jobs go on", "service", after.Service, "down", after.Since.Sub(before.Since).Round(time.Millisecond).String())
	default:
		if before.State == framework.CircuitOpen { // else it has recovered, which is as it was told
			b.log.Info("no automation is known to need a service that was down; the next job that does finds out", "service", after.Service)
		}
	}
}

// forget takes a queue that nobody works on any more out of all circuits.
func (b *breakers) forget(ctx context.Context, queue string) error {
	for service, seen := range b.snapshot() {
		if !seen.concerns(queue) {
			continue
		}
		if err := b.change(ctx, service, func(c *circuit, now time.Time) bool { return c.forget(now, queue) }); err != nil {
			return err
		}
	}
	return nil
}

// needed returns the circuits that are not known to be well and that a queue needs, by service. Replicas look what
// others found out, now and then.
func (b *breakers) needed(ctx context.Context, queue string) ([]circuit, error) {
	now := b.now().UTC()
	var needed []circuit
	for service, seen := range b.snapshot() {
		if b.shared && b.now().Sub(seen.at).Abs() >= circuitAge {
			read, _, err := b.read(ctx, framework.Fingerprint(service))
			if err != nil {
				return nil, err
			}
			seen.circuit = read
		}
		seen.follow(now)
		if seen.concerns(queue) && (seen.State != framework.CircuitClosed || len(seen.Failed) > 0) {
			needed = append(needed, seen.circuit)
		}
	}
	slices.SortFunc(needed, func(a, b circuit) int { return strings.Compare(a.Service, b.Service) })
	return needed, nil
}

func (b *breakers) snapshot() map[string]seenCircuit {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.known)
}

// holds reports whether a queue's events are to be taken slowly, as most of them are put off.
func (b *breakers) holds(queue string) bool {
	for _, seen := range b.snapshot() {
		if seen.State == framework.CircuitOpen && seen.concerns(queue) {
			return true
		}
	}
	return false
}

// isDown reports whether a service is known to be down.
func (b *breakers) isDown(service string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known[service].State == framework.CircuitOpen
}

// behind returns when a job that has just failed comes back at the earliest: behind all that have not tried yet, one of
// which may fare better.
func (b *breakers) behind(service string) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.known[service]
	if seen.State != framework.CircuitOpen {
		return time.Time{}
	}
	return seen.Next.Add(seen.spread(true, chance()))
}

// admitOne asks one circuit, which may have changed since it was looked at.
func (b *breakers) admitOne(ctx context.Context, service string, tried bool) (told admission, reason string, err error) {
	err = b.change(ctx, service, func(c *circuit, now time.Time) (changed bool) {
		told, changed = c.admit(now, rand.Text(), tried, b.breaking, chance())
		reason = c.waiting()
		return changed
	})
	return told, reason, err
}

func chance() float64 { return random.Float64() } //nolint:gosec // spreads retries, guards nothing

// waiting says what a job waits for.
func (c *circuit) waiting() string {
	next := "next probe " + clock(c.Next)
	if c.Probe != "" {
		next = "a probe is under way"
	}
	return fmt.Sprintf("waits for %s, down since %s: %s; %s", c.Service, clock(c.Since), c.Reason, next)
}

func clock(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }
