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
	if err != nil || len(binding) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	wait, err := q.take(ctx, key, name, binding)
	if err != nil {
		return fmt.Errorf("take from quota %s: %w", name, err)
	}
	if wait != nil {
		return wait
	}
	if err := q.barrier.wait(ctx); err != nil {
		return fmt.Errorf("take from quota %s: %w", name, err)
	}
	return nil
}

func (q *quota) take(ctx context.Context, key, name string, limits []framework.Limit) (*framework.Wait, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		usage, revision, err := q.read(ctx, key)
		if err != nil {
			return nil, err
		}
		wait := usage.take(q.now().UTC(), name, limits)
		data, err := json.Marshal(usage)
		if err != nil {
			return nil, fmt.Errorf("encode usage: %w", err)
		}
		_, err = q.bucket.put(ctx, key, data, revision)
		if err == nil {
			return wait, nil
		}
		if !errors.Is(err, errMismatch) {
			return nil, fmt.Errorf("write usage: %w", err)
		}
	}
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
