package frameworktest

import (
	"bytes"
	"context"
	"sync"
	"time"

	"funnelweb/framework"
)

// MemoryAnswers is a framework.Answers. Now is required.
type MemoryAnswers struct {
	Now func() time.Time

	mu      sync.Mutex
	entries map[string]*memoryAnswer
	asked   int
}

// memoryAnswer is locked by whoever asks.
type memoryAnswer struct {
	lock   chan struct{}
	answer framework.Answer
}

// Ask returns the kept answer while it is fresh, else what call returns: one caller at a time for each question.
func (a *MemoryAnswers) Ask(ctx context.Context, service, question string, call func(context.Context) (framework.Answer, error)) (framework.Answer, error) {
	entry := a.entry(framework.Fingerprint(service, question))
	select {
	case entry.lock <- struct{}{}:
		defer func() { <-entry.lock }()
	case <-ctx.Done():
		return framework.Answer{}, ctx.Err()
	}
	if !a.Now().Before(entry.answer.StaleAt) {
		a.mu.Lock()
		a.asked++
		a.mu.Unlock()
		answer, err := call(ctx)
		if err != nil {
			return answer, err
		}
		answer.Value = bytes.Clone(answer.Value)
		entry.answer = answer
	}
	kept := entry.answer
	kept.Value = bytes.Clone(kept.Value)
	return kept, nil
}

func (a *MemoryAnswers) entry(key string) *memoryAnswer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.entries == nil {
		a.entries = map[string]*memoryAnswer{}
	}
	if a.entries[key] == nil {
		a.entries[key] = &memoryAnswer{lock: make(chan struct{}, 1)}
	}
	return a.entries[key]
}

// Asked returns how often a provider was asked, in vain or not.
func (a *MemoryAnswers) Asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}
