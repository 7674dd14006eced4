package engine

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"funnelweb/framework"
)

// flights lets those who ask the same at the same time share one call. That of golang.org/x/sync/singleflight is of no
// use here: with Do nobody who waits could leave when its context ends, and with DoChan a panic would end the process.
type flights struct {
	mu    sync.Mutex
	byKey map[string]*flight
}

// flight is a call that is under way until done is closed.
type flight struct {
	done   chan struct{}
	answer framework.Answer
	err    error
	off    bool // whoever made it was called off before there was an answer
}

// errLeft says that the caller's context ended while somebody else asked.
var errLeft = errors.New("called off while another asks")

// share makes the call, or waits for the one that is under way. When that was called off by its own caller the next one
// makes it.
func (f *flights) share(ctx context.Context, key string, call func() (framework.Answer, error)) (framework.Answer, error) {
	for {
		found, first := f.join(key)
		if first {
			return f.fly(ctx, key, found, call)
		}
		select {
		case <-found.done:
		case <-ctx.Done():
			return framework.Answer{}, errLeft
		}
		if !found.off {
			answer := found.answer
			answer.Value = bytes.Clone(answer.Value)
			return answer, found.err
		}
	}
}

// join returns the flight for a key, and whether the caller is the one to make the call.
func (f *flights) join(key string) (*flight, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if found, ok := f.byKey[key]; ok {
		return found, false
	}
	if f.byKey == nil {
		f.byKey = map[string]*flight{}
	}
	started := &flight{done: make(chan struct{})}
	f.byKey[key] = started
	return started, true
}

func (f *flights) fly(ctx context.Context, key string, own *flight, call func() (framework.Answer, error)) (framework.Answer, error) {
	own.err = errors.New("the call panicked")
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.byKey, key)
		close(own.done)
	}()
	answer, err := call()
	own.answer, own.err = answer, err
	own.answer.Value = bytes.Clone(answer.Value)
	own.off = err != nil && ctx.Err() != nil
	return answer, err
}
