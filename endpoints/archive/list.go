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

// The bounds of an answer, which is complete before its first byte leaves: so every failure can be told as a problem.
const (
	maxAlerts  = 5000
	maxBytes   = 64 << 20
	readers    = 16 // objects that are read side by side
	retryAfter = 10 * time.Second
)

// ListInput is a call for the alerts of a time.
type ListInput struct {
	Start   string `query:"start" required:"true" doc:"The first instant, in ISO 8601; without a zone it is UTC" maxLength:"64" example:"2026-11-20T12:00:00Z"`
	End     string `query:"end" required:"true" doc:"The first instant after the range, in ISO 8601" maxLength:"64" example:"2026-11-20T13:00:00Z"`
	Limit   int    `query:"limit" doc:"The most alerts of a page; without limit and cursor the answer is the whole range" minimum:"1" maximum:"1000" example:"100"`
	Cursor  string `query:"cursor" doc:"next of the page before, with the same start and end" maxLength:"1000" pattern:"^[A-Za-z0-9_-]+$" example:"1e91TxS0d2ViaG9va3MvMjAyNi8xMS8yMC8xMi8wMC81ODliMWFhMWU0YjBjNWExZjJkM2U0ZjU"`
	Format  string `query:"format" doc:"ndjson for one alert a line, as with Accept: application/x-ndjson" enum:"json,ndjson" example:"json"`
	Request *framework.Request
}

// Alerts are the archived alerts of a time.
type Alerts struct {
	Success bool             `json:"success"`
	Alerts  []framework.JSON `json:"alerts" doc:"The detail of each alert as Threat Stack gave it, in the order of their minutes, then ids"`
	Missing []string         `json:"missing,omitempty" doc:"Ids of alerts that came in but whose detail is not in the archive, or not yet"`
	Next    string           `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one" maxLength:"1000"`

	lines bool   // one alert a line
	link  string // to the next page
}

const exampleAlert = `{"id":"` + exampleID + `","title":"CloudTrail: root account used","severity":1}`

func listRoute(v viewer) framework.Route {
	return framework.Endpoint[ListInput, Alerts]{
		Method:  http.MethodGet,
		Path:    "/api/v1/s3/alert",
		ID:      "archive-list",
		Summary: "Show the archived alerts of a time",
		Description: "Alerts are chosen by created_at, to the millisecond: from start, which is in the range, until end, which " +
			"is not. With limit, or a cursor, the answer is a page and next asks for the one after it; a page may hold fewer alerts, or none, and " +
			"the last one has no next. Without them the answer is the whole range, and a range of more than 5,000 alerts or 64 MiB is refused. " +
			"As lines (application/x-ndjson), Link has the next page and X-Missing the number of alerts without a detail.",
		Tag: tag, TagDescription: tagDescription,
		Forms: map[string]string{linesType: exampleAlert + "\n"},
		Answer: &Alerts{
			Success: true,
			Alerts:  []framework.JSON{framework.JSON(exampleAlert)},
		},
		Handle: v.list,
	}.Route()
}

type viewer struct {
	archive framework.Archive
	log     *slog.Logger
}

func (v viewer) list(ctx context.Context, input *ListInput) (*Alerts, error) {
	asked, err := parseRange(input)
	if err != nil {
		return nil, err
	}
	items, more, err := v.items(ctx, asked)
	if err != nil {
		return nil, err
	}
	if more && !asked.paged {
		return nil, tooMany()
	}
	next := ""
	if more {
		next = items[len(items)-1].key
	}
	if items, err = v.within(ctx, items, asked); err != nil {
		return nil, err
	}
	details, kept, err := v.details(ctx, items)
	if err != nil {
		return nil, err
	}
	if kept < len(items) { // the rest is for the next page
		if !asked.paged {
			return nil, tooMany()
		}
		next = items[kept-1].key
	}
	return answer(input, asked, details, next), nil
}

// answer puts an answer together of details, of which one that is not there has no body.
func answer(input *ListInput, a asked, details []detail, next string) *Alerts {
	answer := &Alerts{Success: true, Alerts: []framework.JSON{}, lines: wantsLines(input)}
	for _, d := range details {
		if d.body == nil {
			answer.Missing = append(answer.Missing, d.id)
		} else {
			answer.Alerts = append(answer.Alerts, d.body)
		}
	}
	if next != "" {
		answer.Next = cursorOf(a.mark, next)
		answer.link = nextLink(input, answer.Next)
	}
	return answer
}

// asked is what a list is asked for.
type asked struct {
	start, end time.Time
	from, to   string // the keys that can be in it
	mark       string // of the range, in cursors
	after      string // the key that the page before ended with
	limit      int    // items at most
	paged      bool   // else it is all or nothing
}

func parseRange(input *ListInput) (asked, error) {
	const message = "must be a time in ISO 8601, such as 2026-11-20T12:00:00Z"
	start, startOK := parseTime(input.Start)
	end, endOK := parseTime(input.End)
	switch {
	case !startOK:
		return asked{}, wrongParameter("start", "format", message)
	case !endOK:
		return asked{}, wrongParameter("end", "format", message)
	case !start.Before(end):
		return asked{}, wrongParameter("end", "range", "must be later than start")
	}
	a := asked{start: start, end: end, limit: maxAlerts, paged: input.Limit > 0 || input.Cursor != ""}
	a.from, a.to = minuteRange(start, end)
	a.mark = rangeMark(start, end)
	if input.Limit > 0 {
		a.limit = input.Limit
	} else if a.paged {
		a.limit = maxPage
	}
	var ok bool
	if a.after, ok = parseCursor(input.Cursor, a); !ok {
		return asked{}, wrongParameter("cursor", "range", "must be next of an answer for the same start and end")
	}
	return a, nil
}

// maxPage is how many alerts a page holds at most, and where only a cursor is given.
const maxPage = 1000

func tooMany() error {
	return wrongParameter("end", "range", "the range holds more than 5,000 alerts or 64 MiB: ask for pages with limit, or for shorter ranges")
}

// within leaves out the items of the first and last minute whose time is not in the range. Of all other minutes the
// key tells enough.
func (v viewer) within(ctx context.Context, items []item, a asked) ([]item, error) {
	keep := make([]bool, len(items))
	err := each(ctx, len(items), func(ctx context.Context, i int) error {
		if keep[i] = items[i].inside(a.start, a.end); keep[i] {
			return nil
		}
		var err error
		keep[i], err = v.isIn(ctx, items[i].key, a)
		return err
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

// isIn looks up whether an item of the first or last minute is in the range.
func (v viewer) isIn(ctx context.Context, key string, a asked) (bool, error) {
	body, err := v.archive.Get(ctx, key)
	switch {
	case err == nil:
		return isWithin(body, a.start, a.end), nil
	case isGone(err): // its minute is right, and its detail tells what there is
		return true, nil
	default:
		return false, err
	}
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

// detail is an alert's detail; one that is not there, or cannot be shown, has no body.
type detail struct {
	id   string
	at   int // the first item of the alert
	body framework.JSON
	read bool
}

// distinct returns the alerts of items in order, each once.
func distinct(items []item) []detail {
	var details []detail
	seen := map[string]bool{}
	for at, i := range items {
		if !seen[i.id] {
			seen[i.id] = true
			details = append(details, detail{id: i.id, at: at})
		}
	}
	return details
}

// details reads the details of items side by side, until they are too much for one answer, and says of how many items. A
// detail that is not there must not hide the others.
func (v viewer) details(ctx context.Context, items []item) (details []detail, kept int, err error) {
	details = distinct(items)
	var size atomic.Int64
	err = each(ctx, len(details), func(ctx context.Context, i int) error {
		if i > 0 && size.Load() > maxBytes { // one alert fits into any answer
			return nil
		}
		body, err := v.detail(ctx, details[i].id)
		size.Add(int64(len(body)))
		if errors.Is(err, framework.ErrNoObject) || errors.Is(err, errNoAlert) {
			err = nil
		}
		details[i].body, details[i].read = body, true
		return err
	})
	if err != nil {
		return nil, 0, unreadable(err)
	}
	total := 0
	for i, d := range details {
		total += len(d.body)
		if !d.read || i > 0 && total > maxBytes {
			return details[:i], d.at, nil
		}
	}
	return details, len(items), nil
}

// isGone reports whether an object that was listed is not there any more, or is something that can never be read: too large, or
// damaged. One of them must not hide the others.
func isGone(err error) bool {
	return errors.Is(err, framework.ErrNoObject) || framework.IsPermanent(err)
}

var errNoAlert = errors.New("what the archive holds of the alert cannot be shown")

// detail reads an alert's detail. Its errors are those of the archive that may pass, framework.ErrNoObject, and errNoAlert.
func (v viewer) detail(ctx context.Context, id string) (framework.JSON, error) {
	body, err := v.archive.Get(ctx, detailKey(id))
	switch {
	case framework.IsPermanent(err):
		v.log.ErrorContext(ctx, "archived alert cannot be read", "alert", id, "err", err)
		return nil, errNoAlert
	case err != nil:
		return nil, err
	case !jsontext.Value(body).IsValid():
		v.log.ErrorContext(ctx, "archived alert is not JSON", "alert", id)
		return nil, errNoAlert
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
