package enrich

import (
	"context"
	"errors"
	"fmt"
	"time"

	"funnelweb/framework"
)

const (
	// Jira's comments are read consistently; the lag is for clocks that differ and for a call that was cut off and
	// still came through.
	makeLag = 10 * time.Second

	// One job writes the comment at most so often because others stored more meanwhile.
	maxRounds = 20

	// While another worker makes the comment it is looked for after firstPause, then after twice as long and so on,
	// maxPauses times: 1.55 s in all, which is longer than a comment usually takes.
	firstPause = 50 * time.Millisecond
	maxPauses  = 5
)

// publish brings the comment to what is stored, and returns nil only when nothing was stored while it did.
//
// That is why the comment converges. A write may be stale when it lands; but its worker then sees a later revision
// and writes again. A worker that dies before it looks has not finished its job, and the job's next attempt writes.
// So the last write to land is of the last revision stored: had its worker read an older one, then either the
// revision had moved before the worker looked, and the write was not its last; or it moved after, and whoever moved
// it wrote later.
func (a *Action) publish(ctx context.Context, target target) error {
	for range maxRounds {
		stored, revision, err := a.load(ctx, target.entry)
		if err != nil {
			return err
		}
		gone, err := a.write(ctx, target, stored)
		if err != nil {
			return err
		}
		if gone {
			err = a.change(ctx, target.entry, func(s *state) bool {
				mine := s.Generation == stored.Generation // else another worker noticed first
				s.Generation++
				return mine
			})
			if err != nil {
				return err
			}
			continue
		}
		if _, now, err := a.load(ctx, target.entry); err != nil || now == revision {
			return err
		}
	}
	return busy(a.now())
}

func busy(now time.Time) error {
	return &framework.Wait{Until: now.Add(time.Second), Reason: "the comment is being changed by others"}
}

// write makes the comment or replaces it; gone means that somebody deleted it. A comment that could be written is, also where the
// file with the rest could not be attached: that is tried again.
func (a *Action) write(ctx context.Context, target target, stored state) (gone bool, err error) {
	rest, notAttached := a.rest(ctx, target, stored)
	body := stored.document(a.tickets.Fits, rest)
	id, made, err := a.comment(ctx, target, stored.Generation, body)
	if err == nil && !made {
		err = a.tickets.EditComment(ctx, target.ticket, id, target.entry, body)
		if errors.Is(err, framework.ErrNoComment) {
			return true, nil
		}
	}
	return false, errors.Join(err, notAttached)
}

// comment returns the id of the comment, and whether it was made just now, with the body.
func (a *Action) comment(ctx context.Context, target target, generation int, body framework.Document) (id string, made bool, err error) {
	find := func(ctx context.Context) (string, error) {
		return a.tickets.FindComment(ctx, target.ticket, target.entry)
	}
	effect := framework.Effect{Find: find, Lag: makeLag, Do: func(ctx context.Context) (string, error) {
		// It may be there although the ledger does not know: the ledger was lost, or "deleted" was an error of Jira's.
		if id, err := find(ctx); err != nil || id != "" {
			return id, err
		}
		id, err := a.tickets.AddComment(ctx, target.ticket, target.entry, body)
		made = err == nil
		return id, err
	}}
	key := fmt.Sprintf("%s.made.%d", target.entry, generation)
	for try := range maxPauses + 1 {
		id, err = framework.Once(ctx, a.ledger, a.now, key, effect)
		var wait *framework.Wait
		if try == maxPauses || !errors.As(err, &wait) {
			break
		}
		if err := a.pause(ctx, firstPause<<try); err != nil {
			return "", false, err
		}
	}
	return id, made, err
}

// pause waits, or returns the context's error when it ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
