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
	// Exhausted notes that the provider itself gives no more calls before a time, at most 31 days ahead: until then Take
	// returns a *Wait with the reason to everybody, so that one refused call tells all. Of several times the latest counts.
	Exhausted(ctx context.Context, name string, until time.Time, reason string) error
}

// QuotaState is what is left under a name, for those who watch.
type QuotaState struct {
	Name      string
	Limits    []LimitState // those that the last call was taken from
	Exhausted time.Time    // until when the provider itself gives no more calls; zero when it did not say so
}

// LimitState is one limit and what is left of it now.
type LimitState struct {
	Limit

	Left int
}
