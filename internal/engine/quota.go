package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

const day = 24 * time.Hour

const quotaBucket = "quota"

// maxExhausted bounds for how long a provider may refuse calls: the longest quotas are of a month.
const maxExhausted = 31 * day

// quota is a framework.Quota on a bucket with one record per name, so that one compare-and-set takes from all limits of
// a name or from none. A taken call is safe against power loss before Take returns: after a restart nothing is lost, and
// no first window has to be waited out.
type quota struct {
	bucket  *bucket
	barrier *barrier
	now     func() time.Time
	timeout time.Duration
	mu      sync.Mutex // workers of this process need not race each other by compare-and-set
}

// Take takes one call from every limit or returns a *framework.Wait. Whoever has to wait is told a time of their own, one
// after the other at the pace of the limit, so that a thousand waiting jobs do not all come back for one free call.
func (q *quota) Take(ctx context.Context, name string, limits ...framework.Limit) error {
	key, err := bucketKey(name)
	if err != nil {
		return err
	}
	binding, err := bindingLimits(limits)
	if err != nil {
		return err
	}
	var wait *framework.Wait
	err = q.change(ctx, key, func(u *usage) bool {
		wait = u.take(q.now().UTC(), name, binding)
		return wait != nil || len(binding) > 0
	})
	if err != nil {
		return fmt.Errorf("take from quota %s: %w", name, err)
	}
	if wait != nil {
		return wait
	}
	return nil
}

// Exhausted makes everybody wait until a time. It is safe against power loss before it returns.
func (q *quota) Exhausted(ctx context.Context, name string, until time.Time, reason string) error {
	key, err := bucketKey(name)
	if err != nil {
		return err
	}
	now := q.now().UTC()
	if most := now.Add(maxExhausted); until.After(most) {
		until = most
	}
	err = q.change(ctx, key, func(u *usage) bool { return u.exhaust(now, name, until.UTC(), reason) })
	if err != nil {
		return fmt.Errorf("note that quota %s is exhausted: %w", name, err)
	}
	return nil
}

// change applies a change to what is stored by then, and makes it safe; one that returns false is not written.
func (q *quota) change(ctx context.Context, key string, apply func(*usage) bool) error {
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	written, err := q.swap(ctx, key, apply)
	if err != nil || !written {
		return err
	}
	return q.barrier.wait(ctx)
}

func (q *quota) swap(ctx context.Context, key string, apply func(*usage) bool) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		usage, revision, err := q.read(ctx, key)
		if err != nil || !apply(&usage) {
			return false, err
		}
		data, err := json.Marshal(usage)
		if err != nil {
			return false, fmt.Errorf("encode usage: %w", err)
		}
		_, err = q.bucket.put(ctx, key, data, revision)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, errMismatch) {
			return false, fmt.Errorf("write usage: %w", err)
		}
	}
}

// Quotas returns what is left of every limit that was taken from, by name.
func (e *Engine) Quotas(ctx context.Context) ([]framework.QuotaState, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	keys, err := e.quota.bucket.keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list quotas: %w", err)
	}
	states := make([]framework.QuotaState, 0, len(keys))
	for _, key := range keys {
		usage, _, err := e.quota.read(ctx, key)
		if err != nil {
			return nil, err
		}
		states = append(states, usage.state(e.now().UTC()))
	}
	return states, nil
}

func (q *quota) read(ctx context.Context, key string) (usage, uint64, error) {
	var now usage
	value, revision, err := q.bucket.get(ctx, key)
	if errors.Is(err, errNoEntry) {
		return now, 0, nil
	}
	if err != nil {
		return now, 0, fmt.Errorf("read usage: %w", err)
	}
	if err := json.Unmarshal(value, &now); err != nil {
		return now, 0, fmt.Errorf("decode usage: %w", err)
	}
	return now, revision, nil
}

// bindingLimits leaves out limits that do not bind.
func bindingLimits(limits []framework.Limit) ([]framework.Limit, error) {
	var binding []framework.Limit
	for _, limit := range limits {
		if limit.Count <= 0 {
			continue
		}
		if limit.Per != time.Minute && limit.Per != day {
			return nil, fmt.Errorf("a quota is per minute or per day, not per %s", limit.Per)
		}
		binding = append(binding, limit)
	}
	return binding, nil
}
