package framework

import (
	"context"
	"errors"
	"iter"
)

// Errors of an Archive, to be tested with errors.Is.
var (
	ErrNoObject  = errors.New("no such object in the archive")
	ErrDifferent = errors.New("the archive holds a different body under this key")
)

// Archive keeps evidence: objects are written once and never changed. Keys are slash-separated parts of letters,
// digits and any of - _ . = +; parts are not empty, "." or "..". Other keys are refused.
type Archive interface {
	// Put stores a body of at most 16 MiB durably. The same body under the same key is fine; a different one is ErrDifferent.
	Put(ctx context.Context, key string, body []byte) error
	// Get returns the body, or ErrNoObject.
	Get(ctx context.Context, key string) ([]byte, error)
	// List yields, in byte order, the keys that begin with prefix and are >= from and < to (empty means unbounded).
	// It costs what the range holds, not what the archive holds. It stops at the first error.
	List(ctx context.Context, prefix, from, to string) iter.Seq2[string, error]
	// Check returns nil when the archive can be used now.
	Check(ctx context.Context) error
}
