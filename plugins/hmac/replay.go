package hmac

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// fingerprintSize is that of the part of an HMAC that is remembered, in bytes: 128 bits do not collide.
const fingerprintSize = 16

// maxGeneration bounds how many deliveries one generation holds: two are about 10 MB at most.
const maxGeneration = 1 << 17

// memory knows the deliveries of the last while, in two generations: when the younger is as old as the window it takes
// the place of the older, which is forgotten as a whole. Each delivery is so known for at least one window.
type memory struct {
	window time.Duration
	log    *slog.Logger

	mu       sync.Mutex
	began    time.Time // of the younger generation
	younger  map[[fingerprintSize]byte]struct{}
	older    map[[fingerprintSize]byte]struct{}
	capacity int // of a generation
}

func newMemory(window time.Duration, log *slog.Logger) *memory {
	return &memory{window: window, log: log, younger: map[[fingerprintSize]byte]struct{}{}, capacity: maxGeneration}
}

// add remembers a delivery and reports whether it is a new one. Only who has a secret can fill the memory; when that
// happens the older half is forgotten early, since an honest delivery that is refused would be lost.
func (m *memory) add(ctx context.Context, fingerprint [fingerprintSize]byte, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	full := len(m.younger) >= m.capacity
	if full || now.Sub(m.began) >= m.window {
		if full && now.Sub(m.began) < m.window {
			m.log.LogAttrs(ctx, slog.LevelWarn, "more signed deliveries than can be remembered: replays are known for a shorter time",
				slog.Duration("known_for", now.Sub(m.began)))
		}
		m.older, m.younger, m.began = m.younger, map[[fingerprintSize]byte]struct{}{}, now
	}
	_, inYounger := m.younger[fingerprint]
	_, inOlder := m.older[fingerprint]
	if inYounger || inOlder {
		return false
	}
	m.younger[fingerprint] = struct{}{}
	return true
}

// remove forgets a delivery.
func (m *memory) remove(fingerprint [fingerprintSize]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.younger, fingerprint)
	delete(m.older, fingerprint)
}
