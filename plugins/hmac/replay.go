package hmac

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// fingerprintSize is that of the part of an HMAC that is remembered, in bytes: 128 bits do not collide.
const fingerprintSize = 16

// fingerprint is of a delivery and the secret that signs it: equal only when secret, time and body are, however the
// header was written.
type fingerprint [fingerprintSize]byte

// maxGeneration bounds how many deliveries one generation holds: two are about 10 MB at most.
const maxGeneration = 1 << 17

// state is how far a delivery got. One that failed has none: it may come again.
type state byte

const (
	unknown  state = iota
	underWay       // let through and not answered yet
	takenIn        // answered with success
)

// memory knows the deliveries of the last while, in two generations: when the younger is as old as the window it takes
// the place of the older, which is forgotten as a whole. Each delivery is so known for at least one window.
type memory struct {
	mu       sync.Mutex
	window   time.Duration
	began    time.Time // of the younger generation
	younger  map[fingerprint]state
	older    map[fingerprint]state
	capacity int // of a generation
}

func newMemory() *memory {
	return &memory{younger: map[fingerprint]state{}, capacity: maxGeneration}
}

// widen has deliveries known for a while at least.
func (m *memory) widen(window time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.window = max(m.window, window)
}

// begin returns what is known of a delivery by any of its fingerprints, and when that is nothing, remembers it as under
// way. Only who has a secret can fill the memory; when that happens the older half is forgotten early, since an honest
// delivery that is refused would be lost.
func (m *memory) begin(ctx context.Context, log *slog.Logger, all []fingerprint, now time.Time) state {
	m.mu.Lock()
	defer m.mu.Unlock()
	full := len(m.younger) >= m.capacity
	if full || now.Sub(m.began) >= m.window {
		if full && now.Sub(m.began) < m.window {
			log.LogAttrs(ctx, slog.LevelWarn, "more signed deliveries than can be remembered: replays are known for a shorter time",
				slog.Duration("known_for", now.Sub(m.began)))
		}
		m.older, m.younger, m.began = m.younger, map[fingerprint]state{}, now
	}
	known := unknown
	for _, one := range all {
		known = max(known, m.younger[one], m.older[one])
	}
	if known == unknown {
		for _, one := range all {
			m.younger[one] = underWay
		}
	}
	return known
}

// end remembers that a delivery was taken in, or forgets it.
func (m *memory) end(all []fingerprint, success bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, generation := range []map[fingerprint]state{m.younger, m.older} {
		for _, one := range all {
			if _, there := generation[one]; there && success {
				generation[one] = takenIn
			} else {
				delete(generation, one)
			}
		}
	}
}
