package engine

import (
	"context"
	"errors"
	"time"
)

// patience is how calls to the store are repeated. A cluster does not answer for some seconds while it elects a new
// leader; an embedded store that does not answer is broken, and nothing is repeated.
type patience struct {
	try  time.Duration // for one call
	wait time.Duration // between two
}

// final is an error that no repetition changes.
type final struct{ error }

// Unwrap returns the error itself.
func (f final) Unwrap() error { return f.error }

// do calls until that succeeds, fails for good, or ctx ends. A call that is repeated must be one that may be.
func (p patience) do(ctx context.Context, call func(context.Context) error) error {
	for {
		err := p.once(ctx, call)
		var settled final
		switch {
		case err == nil:
			return nil
		case errors.As(err, &settled):
			return settled.error
		case p.try == 0:
			return err
		}
		pause(ctx, p.wait)
		if ctx.Err() != nil {
			return err
		}
	}
}

func (p patience) once(ctx context.Context, call func(context.Context) error) error {
	if p.try == 0 {
		return call(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, p.try)
	defer cancel()
	return call(ctx)
}
