package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// auditCopy is the audit log on its way.
type auditCopy struct {
	*copier

	row   CopyRow
	next  uint64 // place in the cluster
	batch []*nats.Msg
	size  int // bytes of the batch
}

// auditLog copies what operators did, from behind the entry that the cluster has last. Nothing of it can be changed there
// either. Where the cluster keeps less, the oldest are gone from it.
func (c *copier) auditLog(ctx context.Context) error {
	here, err := c.from.audit.Info(ctx)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	there, err := c.to.audit.Info(ctx)
	if err != nil {
		return fmt.Errorf("count in the cluster: %w", err)
	}
	a := &auditCopy{copier: c, row: CopyRow{Kind: "audit log", From: here.State.Msgs}, next: there.State.LastSeq}
	from, err := c.placeHere(ctx, there.State.LastSeq)
	if err != nil {
		return err
	}
	if err := each(ctx, c.from.audit, from+1, func(entry *jetstream.RawStreamMsg) error { return a.add(ctx, entry) }); err != nil {
		return err
	}
	if err := a.flush(ctx); err != nil {
		return err
	}
	return c.proveAudit(ctx, a.row)
}

// placeHere returns where the entry is here that has a place in the cluster; 0 for place 0.
func (c *copier) placeHere(ctx context.Context, place uint64) (uint64, error) {
	if place == 0 {
		return 0, nil
	}
	there, err := c.to.audit.GetMsg(ctx, place)
	if err != nil {
		return 0, fmt.Errorf("read entry %d in the cluster: %w", place, err)
	}
	here, err := last(ctx, c.from.audit, there.Subject[len(c.to.names.subject("")):])
	if err != nil {
		return 0, fmt.Errorf("find entry %s of the cluster here: %w", there.Subject, err)
	}
	return here.Sequence, nil
}

func (a *auditCopy) add(ctx context.Context, entry *jetstream.RawStreamMsg) error {
	a.batch = append(a.batch, &nats.Msg{Subject: a.to.names.subject(entry.Subject), Data: entry.Data, Header: nats.Header{
		jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(a.next+uint64(len(a.batch)), 10)},
	}})
	a.size += len(entry.Data)
	if len(a.batch) < copyBatch && a.size < copyBytes {
		return nil
	}
	return a.flush(ctx)
}

// flush writes a batch. Each entry is only taken behind the one before it; of those that were not answered it is found out
// which are there.
func (a *auditCopy) flush(ctx context.Context) error {
	for failures := 0; len(a.batch) > 0; failures++ {
		_, failed := a.flight(ctx, a.batch)
		info, err := a.to.audit.Info(ctx)
		if err == nil {
			stored := min(info.State.LastSeq-min(a.next, info.State.LastSeq), uint64(len(a.batch)))
			a.batch, a.next, a.row.Copied = a.batch[stored:], a.next+stored, a.row.Copied+stored
			if stored > 0 {
				failures = 0
			}
		}
		if len(a.batch) == 0 {
			break
		}
		if failures == 10 || ctx.Err() != nil {
			return errors.Join(errors.New("the cluster does not take all entries"), failed, err, ctx.Err())
		}
		pause(ctx, clusterTry)
	}
	a.size = 0
	a.tell(CopyProgress{a.row.Kind, "", min(a.next, a.row.From), a.row.From})
	return nil
}

// proveAudit checks that all entries are there from the oldest on that the cluster keeps.
func (c *copier) proveAudit(ctx context.Context, row CopyRow) error {
	info, err := c.to.audit.Info(ctx)
	if err != nil {
		return fmt.Errorf("count in the cluster: %w", err)
	}
	row.To = info.State.Msgs
	c.row(row)
	if row.To == row.From {
		return nil
	}
	expected := uint64(0)
	if row.To > 0 {
		oldest, err := c.placeHere(ctx, info.State.FirstSeq)
		if err != nil {
			return err
		}
		if err := each(ctx, c.from.audit, oldest, func(*jetstream.RawStreamMsg) error { expected++; return nil }); err != nil {
			return err
		}
	}
	if info.State.FirstSeq <= 1 || expected != row.To {
		return fmt.Errorf("%d are here and %d in the cluster", row.From, row.To)
	}
	return nil
}
