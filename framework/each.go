package framework

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Each calls do for 0 to n-1, some of them side by side, and returns the first error, after which it calls no more.
func Each(ctx context.Context, n, atOnce int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(ctx, i)
		})
	}
	return group.Wait()
}
