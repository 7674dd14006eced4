package frameworktest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"funnelweb/framework"
)

// maxObject is the largest body of a framework.Archive in bytes.
const maxObject = 16 << 20

// archiveKey also lets through the parts "." and "..", which Put and Get refuse on their own.
var archiveKey = regexp.MustCompile(`^[A-Za-z0-9_.=+-]+(/[A-Za-z0-9_.=+-]+)*$`)

// MemoryArchive is a framework.Archive.
type MemoryArchive struct {
	// Fail is asked before every call, "put", "get", "list" or "check", with the key or prefix; an error is returned.
	Fail func(call, key string) error

	mu      sync.Mutex
	objects map[string][]byte
}

// Put stores a copy of the body. Another body under the same key is framework.ErrDifferent.
func (a *MemoryArchive) Put(ctx context.Context, key string, body []byte) error {
	if err := a.refuse(ctx, "put", key); err != nil {
		return err
	}
	if len(body) > maxObject {
		return fmt.Errorf("body of %d bytes: an object holds at most %d", len(body), maxObject)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if stored, found := a.objects[key]; found {
		if !bytes.Equal(stored, body) {
			return framework.ErrDifferent
		}
		return nil
	}
	if a.objects == nil {
		a.objects = map[string][]byte{}
	}
	a.objects[key] = bytes.Clone(body)
	return nil
}

// Get returns a copy of the body, or framework.ErrNoObject.
func (a *MemoryArchive) Get(ctx context.Context, key string) ([]byte, error) {
	if err := a.refuse(ctx, "get", key); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	body, found := a.objects[key]
	if !found {
		return nil, framework.ErrNoObject
	}
	return bytes.Clone(body), nil
}

// List yields the keys of the range that are there when it begins.
func (a *MemoryArchive) List(ctx context.Context, prefix, from, to string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := a.ask(ctx, "list", prefix); err != nil {
			yield("", err)
			return
		}
		for _, key := range a.Keys() {
			if !strings.HasPrefix(key, prefix) || key < from || to != "" && key >= to {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if !yield(key, nil) {
				return
			}
		}
	}
}

// Check returns what Fail says of "check".
func (a *MemoryArchive) Check(ctx context.Context) error { return a.ask(ctx, "check", "") }

// Keys returns the keys of all objects in byte order.
func (a *MemoryArchive) Keys() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.objects))
}

func (a *MemoryArchive) refuse(ctx context.Context, call, key string) error {
	for part := range strings.SplitSeq(key, "/") {
		if part == "." || part == ".." {
			return fmt.Errorf("%w: %q", errKey, key)
		}
	}
	if !archiveKey.MatchString(key) {
		return fmt.Errorf("%w: %q", errKey, key)
	}
	return a.ask(ctx, call, key)
}

func (a *MemoryArchive) ask(ctx context.Context, call, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.Fail == nil {
		return nil
	}
	return a.Fail(call, key)
}
