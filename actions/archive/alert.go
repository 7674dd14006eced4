package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// minuteLayout is the part of a key that tells the minute, in UTC.
const minuteLayout = "2006/01/02/15/04"

// maxCreated is the end of the year 9999 in milliseconds since 1970: the last year of four digits in a key.
const maxCreated = 253402300799999

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{4,128}$`)

// alert is what of a webhook's item makes its keys.
type alert struct {
	ID        string `json:"id"`
	CreatedAt int64  `json:"created_at"` // milliseconds since 1970
}

func parseAlert(data []byte) (alert, error) {
	var parsed alert
	if err := json.Unmarshal(data, &parsed); err != nil {
		return parsed, unusable("the alert's id or created_at is not what Threat Stack sends")
	}
	if !idPattern.MatchString(parsed.ID) || parsed.CreatedAt < 1 || parsed.CreatedAt > maxCreated {
		return parsed, unusable("the alert's id or created_at cannot be made into a key")
	}
	return parsed, nil
}

// detailKey and itemKey are the keys of threatstack-to-s3.
func (a alert) detailKey() string { return "alerts/" + a.ID[0:2] + "/" + a.ID[2:4] + "/" + a.ID }

func (a alert) itemKey() string {
	return "webhooks/" + time.UnixMilli(a.CreatedAt).UTC().Format(minuteLayout) + "/" + a.ID
}

// archiveAlert does what threatstack-to-s3 did, in its order: fetch the detail, keep the webhook's item, keep the detail.
func (a *Action) archiveAlert(ctx context.Context, event framework.Event) (framework.Result, error) {
	parsed, err := parseAlert(event.Data)
	if err != nil {
		return framework.Result{}, err
	}
	var detail []byte
	if a.details != nil {
		if detail, err = a.details.alert(ctx, parsed.ID); err != nil {
			return framework.Result{}, err
		}
	}
	done, err := a.putItem(ctx, parsed, event.Data)
	if err != nil {
		return framework.Result{}, err
	}
	if a.details == nil {
		return framework.Result{Summary: "archived " + done + "; no detail, as no key for Threat Stack is configured"}, nil
	}
	err = a.archive.Put(ctx, parsed.detailKey(), detail)
	switch {
	case errors.Is(err, framework.ErrDifferent):
		// Threat Stack goes on changing an alert, when it is dismissed say. What was archived first stays the evidence.
		if err := a.keepDetail(ctx, parsed); err != nil {
			return framework.Result{}, err
		}
		return framework.Result{Summary: "archived " + done + "; " + parsed.detailKey() + " was archived before with other content, which was kept"}, nil
	case err != nil:
		return framework.Result{}, fmt.Errorf("archive alert %s: %w", parsed.ID, err)
	}
	return framework.Result{Summary: "archived " + done + " and " + parsed.detailKey()}, nil
}

// keepDetail puts the detail that is there once more: an earlier put of ours may have broken off when the object was stored and
// not yet accounted for. What is no detail of the alert was never put by us.
func (a *Action) keepDetail(ctx context.Context, parsed alert) error {
	key := parsed.detailKey()
	kept, err := a.archive.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("read the detail of alert %s that is there: %w", parsed.ID, err)
	}
	if !isDetail(kept, parsed.ID) {
		return &framework.ServiceError{
			Service: "archive", Op: "archive event", Permanent: true, Err: framework.ErrDifferent,
			Reason: "under the key of the alert's detail is something else, which was not put there by an alert: funnelweb archive verify tells more",
		}
	}
	if err := a.archive.Put(ctx, key, kept); err != nil {
		return fmt.Errorf("archive alert %s: %w", parsed.ID, err)
	}
	return nil
}

// putItem keeps an item as the webhook had it and returns its key. One that differs from what the webhook said of the
// same alert before is kept beside it, under its key with the beginning of its own hash: neither may be lost.
func (a *Action) putItem(ctx context.Context, parsed alert, item []byte) (string, error) {
	key := parsed.itemKey()
	err := a.archive.Put(ctx, key, item)
	if errors.Is(err, framework.ErrDifferent) {
		hash := sha256.Sum256(item)
		key += "." + hex.EncodeToString(hash[:8])
		err = a.archive.Put(ctx, key, item)
	}
	if err != nil {
		return "", fmt.Errorf("archive webhook of alert %s: %w", parsed.ID, err)
	}
	return key, nil
}

// Failed keeps the webhook's item of an alert that is given up, because Threat Stack has no detail of it, say: what is
// known of it is evidence too.
func (a *Action) Failed(ctx context.Context, job framework.Job, failure framework.Failure) error {
	givenUp := failure.Next.IsZero() && !failure.Waiting
	if job.Event.Type != alertType || !givenUp {
		return nil
	}
	parsed, err := parseAlert(job.Event.Data)
	if err != nil {
		return err
	}
	_, err = a.putItem(ctx, parsed, job.Event.Data)
	return err
}
