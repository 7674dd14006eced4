package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"
)

// letters copies dead letters. In the cluster they get later places than any letter had here, so that the replay of a
// letter there is never taken for that of one here; what names a replay that was cut short is the place here.
func (c *copier) letters(ctx context.Context) error {
	info, err := c.from.letters.Info(ctx)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	row := CopyRow{Kind: "dead letters", From: info.State.Msgs}
	if err := c.skip(ctx, c.to.letters, info.State.LastSeq+1); err != nil {
		return err
	}
	done := uint64(0)
	err = each(ctx, c.from.letters, 0, func(message *jetstream.RawStreamMsg) error {
		done++
		c.tell(CopyProgress{row.Kind, row.Name, done, row.From})
		copied, err := c.letter(ctx, message)
		if copied {
			row.Copied++
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.prove(ctx, row, c.to.letters)
}

// letter copies one, unless it is there.
func (c *copier) letter(ctx context.Context, message *jetstream.RawStreamMsg) (bool, error) {
	subject, data := c.to.names.subject(message.Subject), message.Data
	if dead, err := decodeLetter(message); err == nil { // else it is damaged, and kept as it is
		dead.Claim.Letter = dead.place()
		if data, err = json.Marshal(dead); err != nil {
			return false, fmt.Errorf("encode dead letter %s: %w", dead.ID, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.to.timeout())
	defer cancel()
	copied := false
	err := c.to.patience().do(ctx, func(ctx context.Context) error {
		found, err := last(ctx, c.to.letters, subject)
		if err == nil && bytes.Equal(found.Data, data) {
			return nil
		}
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return err
		}
		copied = true
		_, err = c.to.js.Publish(ctx, subject, data)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("write %s: %w", subject, err)
	}
	return copied, nil
}
