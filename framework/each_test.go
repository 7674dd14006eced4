package framework_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"funnelweb/framework"
)

func TestEachCallsAllAndNoMoreAtOnceThanItIsTold(t *testing.T) {
	var now, most, sum atomic.Int64
	err := framework.Each(t.Context(), 100, 4, func(_ context.Context, i int) error {
		running := now.Add(1)
		for seen := most.Load(); running > seen && !most.CompareAndSwap(seen, running); seen = most.Load() {
		}
		sum.Add(int64(i))
		now.Add(-1)
		return nil
	})
	if err != nil || sum.Load() != 99*100/2 || most.Load() > 4 {
		t.Errorf("%v, a sum of %d, %d at once", err, sum.Load(), most.Load())
	}
}

func TestEachStopsAtTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	err := framework.Each(t.Context(), 100, 1, func(_ context.Context, i int) error {
		if calls++; i == 3 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || calls != 4 {
		t.Errorf("%v after %d calls", err, calls)
	}
	if err := framework.Each(t.Context(), 0, 1, nil); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
}
