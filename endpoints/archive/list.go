package archive

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"funnelweb/framework"
)

// The bounds of an answer, which is built in memory.
const (
	maxAlerts  = 5000
	maxBytes   = 64 << 20
	readers    = 16 // objects that are read side by side
	retryAfter = 10 * time.Second
)

// ListInput is a call for the alerts of a time.
type ListInput struct {
	Start string `query:"start" required:"true" doc:"The first instant, in ISO 8601; without a zone it is UTC" maxLength:"64" example:"2026-11-20T12:00:00Z"`
	End   string `query:"end" required:"true" doc:"The first instant after the range, in ISO 8601" maxLength:"64" example:"2026-11-20T13:00:00Z"`
}

// Alerts are the archived alerts of a time.
type Alerts struct {
	Success bool             `json:"success"`
	Alerts  []framework.JSON `json:"alerts" doc:"The detail of each alert as Threat Stack gave it, in the order of their minutes, then ids"`
	Missing []string         `json:"missing,omitempty" doc:"Ids of alerts that came in but whose detail is not in the archive, or not yet"`
}

func listRoute(v viewer) framework.Route {
	return framework.Endpoint[ListInput, Alerts]{
		Method:  http.MethodGet,
		Path:    "/api/v1/s3/alert",
		ID:      "archive-list",
		Summary: "Show the archived alerts of a time",
		Description: "Alerts are chosen by created_at, to the millisecond: from start, which is in the range, until end, which " +
			"is not. An answer holds at most 5,000 alerts and 64 MiB; beyond it the call is refused, and shorter ranges are to be asked for.",
		Tag: tag, TagDescription: tagDescription,
		Answer: &Alerts{
			Success: true,
			Alerts:  []framework.JSON{framework.JSON(`{"id":"` + exampleID + `","title":"CloudTrail: root account used","severity":1}`)},
		},
		Handle: v.list,
	}.Route()
}

type viewer struct {
	archive framework.Archive
	log     *slog.Logger
}

func (v viewer) list(ctx context.Context, input *ListInput) (*Alerts, error) {
	start, end, err := parseRange(input)
	if err != nil {
		return nil, err
	}
	items, err := v.items(ctx, start, end)
	if err != nil {
		return nil, err
	}
	if items, err = v.within(ctx, items, start, end); err != nil {
		return nil, err
	}
	ids := distinct(items)
	details, err := v.details(ctx, ids)
	if err != nil {
		return nil, err
	}
	answer := &Alerts{Success: true, Alerts: []framework.JSON{}}
	for i, detail := range details {
		if detail == nil {
			answer.Missing = append(answer.Missing, ids[i])
		} else {
			answer.Alerts = append(answer.Alerts, detail)
		}
	}
	return answer, nil
}

func parseRange(input *ListInput) (start, end time.Time, err error) {
	const message = "must be a time in ISO 8601, such as 2026-11-20T12:00:00Z"
	start, startOK := parseTime(input.Start)
	end, endOK := parseTime(input.End)
	switch {
	case !startOK:
		err = wrongParameter("start", "format", message)
	case !endOK:
		err = wrongParameter("end", "format", message)
	case !start.Before(end):
		err = wrongParameter("end", "range", "must be later than start")
	}
	return start, end, err
}

// items lists what the minutes of a range hold.
func (v viewer) items(ctx context.Context, start, end time.Time) ([]item, error) {
	if start.UTC().Year() > 9999 {
		return nil, nil
	}
	from, to := minuteRange(start, end)
	var items []item
	for key, err := range v.archive.List(ctx, webhooks, from, to) {
		if err != nil {
			return nil, unreadable(err)
		}
		parsed, ok := parseItem(key)
		if !ok {
			continue // put there by other means
		}
		if len(items) == maxAlerts {
			return nil, tooMany()
		}
		items = append(items, parsed)
	}
	return items, nil
}

func tooMany() error {
	return wrongParameter("end", "range", "the range holds more than 5,000 alerts or 64 MiB: ask for shorter ranges")
}

// within leaves out the items of the first and last minute whose time is not in the range. Of all other minutes the
// key tells enough.
func (v viewer) within(ctx context.Context, items []item, start, end time.Time) ([]item, error) {
	keep := make([]bool, len(items))
	err := each(ctx, len(items), func(ctx context.Context, i int) error {
		if keep[i] = items[i].inside(start, end); keep[i] {
			return nil
		}
		body, err := v.archive.Get(ctx, items[i].key)
		if err != nil {
			return err
		}
		keep[i] = isWithin(body, start, end)
		return nil
	})
	if err != nil {
		return nil, unreadable(err)
	}
	var kept []item
	for i, candidate := range items {
		if keep[i] {
			kept = append(kept, candidate)
		}
	}
	return kept, nil
}

// isWithin judges by created_at. An item that does not tell it is rather shown than left out: its minute is right.
func isWithin(body []byte, start, end time.Time) bool {
	var alert Alert
	if err := json.Unmarshal(body, &alert); err != nil || alert.CreatedAt == 0 {
		return true
	}
	created := time.UnixMilli(alert.CreatedAt)
	return !created.Before(start) && created.Before(end)
}

// distinct returns the ids in order, each once.
func distinct(items []item) []string {
	var ids []string
	seen := map[string]bool{}
	for _, i := range items {
		if !seen[i.id] {
			seen[i.id] = true
			ids = append(ids, i.id)
		}
	}
	return ids
}

// details reads the details side by side. One that is not there, or not JSON, is nil: it must not hide the others.
func (v viewer) details(ctx context.Context, ids []string) ([]framework.JSON, error) {
	details := make([]framework.JSON, len(ids))
	var size atomic.Int64
	err := each(ctx, len(ids), func(ctx context.Context, i int) error {
		body, err := v.detail(ctx, ids[i])
		if errors.Is(err, framework.ErrNoObject) || errors.Is(err, errNotJSON) {
			return nil
		}
		if err == nil && size.Add(int64(len(body))) > maxBytes {
			err = tooMany()
		}
		details[i] = body
		return err
	})
	var problem *framework.Problem
	if err == nil || errors.As(err, &problem) {
		return details, err
	}
	return nil, unreadable(err)
}

var errNotJSON = errors.New("the archived alert is not JSON")

// detail reads an alert's detail. Its errors are those of the archive, and errNotJSON.
func (v viewer) detail(ctx context.Context, id string) (framework.JSON, error) {
	body, err := v.archive.Get(ctx, detailKey(id))
	if err != nil {
		return nil, err
	}
	if !jsontext.Value(body).IsValid() {
		v.log.ErrorContext(ctx, "archived alert is not JSON", "alert", id)
		return nil, errNotJSON
	}
	return body, nil
}

// each calls do for 0 to n-1, a few side by side, and returns the first error.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
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
