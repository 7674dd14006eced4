package archive

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/semaphore"

	"funnelweb/framework"
)

// The bounds of lists.
const (
	maxPage    = 1000    // alerts of a page, and where only a cursor is given
	chunk      = 900     // alerts that are looked for in one go where all are asked for: with what lies beside them, one page of S3's
	maxMissing = 100_000 // ids of alerts without a detail that are told in one document
	maxLists   = 16      // lists at a time
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
}

const exampleAlert = `{"id":"` + exampleID + `","title":"CloudTrail: root account used","severity":1}`

func listRoute(v viewer) framework.Route {
	return framework.Endpoint[ListInput, Alerts]{
		Method:  http.MethodGet,
		Path:    "/api/v1/s3/alert",
		ID:      "archive-list",
		Summary: "Show the archived alerts of a time",
		Description: "Alerts are chosen by created_at, to the millisecond: from start, which is in the range, until end, which " +
			"is not. With limit, or a cursor, the answer is a page and next asks for the one after it; the last one has no next. A page is " +
			"full while there is more, unless 2,000 alerts of its first or last minute had to be passed over. Without them the answer is the " +
			"whole range. Alerts are sent while they are read: an answer that cannot be completed is cut off, with the connection. " +
			"As lines (application/x-ndjson), the header Link has the next page, the trailer X-Missing the number of alerts without a " +
			"detail, and where the answer is cut off the last line is {\"problem\":{…}}. An alert that Threat Stack gave another " +
			"created_at is in the list at each of its minutes.",
		Tag: tag, TagDescription: tagDescription,
		Forms: map[string]string{linesType: exampleAlert + "\n"},
		Answer: &Alerts{
			Success: true,
			Alerts:  []framework.JSON{framework.JSON(exampleAlert)},
		},
		List:   "alerts",
		Stream: v.list,
	}.Route()
}

// viewer shows what is archived.
type viewer struct {
	archive framework.Archive
	log     *slog.Logger
	lists   *semaphore.Weighted // one for each list under way
	bodies  *semaphore.Weighted // bytes of objects that lists hold
}

func newViewer(deps framework.Deps) viewer {
	return viewer{deps.Archive, deps.Log, semaphore.NewWeighted(maxLists), semaphore.NewWeighted(maxBodies)}
}

func (v viewer) list(ctx context.Context, input *ListInput, to *framework.Stream[Alerts]) error {
	asked, err := parseRange(input)
	if err != nil {
		return err
	}
	if !v.lists.TryAcquire(1) {
		return busy("As many lists as the server bears are under way.")
	}
	defer v.lists.Release(1)
	out := &output{to: to, lines: wantsLines(input)}
	if out.lines {
		to.Lines()
	}
	for {
		page, next, err := v.page(ctx, asked)
		if err != nil {
			return err
		}
		if next != "" && asked.paged {
			out.next = cursorOf(asked.mark, next)
			if out.lines {
				to.Header().Set("Link", nextLink(input, out.next))
			}
		}
		if err := v.send(ctx, page, out); err != nil {
			return err
		}
		if next == "" || asked.paged {
			return out.end(ctx)
		}
		asked.after = next
	}
}

func busy(detail string) error {
	return framework.Unavailable(detail, retryAfter, nil)
}

// output is the answer under way.
type output struct {
	to      *framework.Stream[Alerts]
	lines   bool // one alert a line
	next    string
	absent  int      // alerts without a detail
	missing []string // their ids, where they are told
}

// miss takes in an alert without a detail.
func (o *output) miss(id string) error {
	if o.absent++; o.lines {
		return nil
	}
	if o.absent > maxMissing {
		return wrongParameter("end", "range", "the range holds more than 100,000 alerts without a detail: ask for pages with limit, or for lines")
	}
	o.missing = append(o.missing, id)
	return nil
}

// end sends what is told behind the alerts.
func (o *output) end(ctx context.Context) error {
	if o.lines {
		o.to.Header().Set(http.TrailerPrefix+"X-Missing", strconv.Itoa(o.absent))
	}
	return o.to.Send(ctx, &Alerts{Success: true, Missing: o.missing, Next: o.next})
}

// asked is what a list is asked for.
type asked struct {
	start, end time.Time
	from, to   string // the keys that can be in it
	mark       string // of the range, in cursors
	after      string // the key that the page before ended with
	limit      int    // alerts that are looked for in one go
	paged      bool   // else all are wanted
}

func parseRange(input *ListInput) (asked, error) {
	const message = "must be a time in ISO 8601, such as 2026-11-20T12:00:00Z"
	start, startOK := framework.ParseTime(input.Start)
	end, endOK := framework.ParseTime(input.End)
	switch {
	case !startOK:
		return asked{}, wrongParameter("start", "format", message)
	case !endOK:
		return asked{}, wrongParameter("end", "format", message)
	case !start.Before(end):
		return asked{}, wrongParameter("end", "range", "must be later than start")
	}
	a := asked{start: start, end: end, limit: chunk, paged: input.Limit > 0 || input.Cursor != ""}
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
