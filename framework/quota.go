package framework

import (
	"context"
	"time"
)

// Limit allows Count calls in each Per, a day being counted from 00:00 UTC.
type Limit struct {
	Count int
	Per   time.Duration // time.Minute or 24 * time.Hour
}

// Quota shares a provider's limits between all jobs and replicas.
type Quota interface {
	// Take takes one call from every limit of a name, or none and returns a *Wait until when one is free. It never
	// blocks. Limits with a Count of 0 or less do not bind.
	Take(ctx context.Context, name string, limits ...Limit) error
}
