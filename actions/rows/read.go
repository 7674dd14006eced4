package rows

import (
	"context"
	"fmt"
	"strings"
	"time"

	"funnelweb/framework"
)

const (
	// So many rows are asked for at once.
	pageRows = 1_000
	// Bytes of the file, below the 10 MiB that Jira Data Center takes by default.
	maxCSV = 8 << 20
	// A search that is not done by then is not waited for.
	doneLimit = time.Hour
	maxPoll   = time.Minute // between two looks at a search that runs
)

const forgotten = "Splunk does not know the search, or not any more. It keeps the results of an alert for ten times the time between two runs"

// found is what was read of a search.
type found struct {
	csv    []byte
	rows   int
	total  int
	left   left
	reason string // why there is nothing to attach, for people; final
}

// read reads the rows of a search that is done. While it runs the error is a *framework.Wait.
func (a *Action) read(ctx context.Context, job framework.Job, sid string) (found, error) {
	state, err := a.splunk.state(ctx, sid)
	age := a.now().Sub(job.Event.Time)
	switch {
	case err != nil && isGone(err):
		return found{reason: forgotten}, a.splunk.serves(ctx)
	case err != nil:
		return found{}, err
	case state.failed:
		return found{reason: "Splunk says that the search failed" + told(state.message)}, nil
	case state.realTime:
		return found{reason: "it is a real-time search, which never ends"}, nil
	case !state.done && age > doneLimit:
		return found{reason: "the search did not end within " + doneLimit.String()}, nil
	case !state.done:
		return found{}, a.notYet(age, "the search in Splunk has not ended yet")
	}
	return a.pages(ctx, sid, state.count, age)
}

func (a *Action) notYet(age time.Duration, reason string) error {
	return &framework.Wait{Until: a.now().Add(min(max(age/2, time.Second), maxPoll)), Reason: reason}
}

// pages reads page after page until the rows, or the room for them, are at their end.
func (a *Action) pages(ctx context.Context, sid string, total int, age time.Duration) (found, error) {
	sheet, size := newSheet(), pageRows
	for len(sheet.rows) < a.config.Max {
		page, err := a.splunk.results(ctx, sid, len(sheet.rows), min(size, a.config.Max-len(sheet.rows)))
		switch {
		case err != nil && isTooLarge(err) && size > 1:
			size /= 10
			continue
		case err != nil && isGone(err):
			return found{reason: "Splunk no longer keeps them: it forgot them while they were being read"}, nil
		case err != nil:
			return found{}, err
		case page == nil && age <= doneLimit:
			return found{}, a.notYet(age, "the search in Splunk has not ended yet")
		case page == nil && len(sheet.rows) == 0:
			return found{reason: "Splunk gave none within " + doneLimit.String() + ", though the search has ended"}, nil
		case page == nil:
			return sheet.found(max(total, len(sheet.rows)+1)), nil // what was read is evidence all the same
		case len(page.Results) > 0 || len(sheet.rows) > 0 || total == 0:
		case age <= doneLimit:
			return found{}, a.notYet(age, "Splunk does not give the rows of the search yet")
		default:
			return found{reason: fmt.Sprintf("Splunk says that there are %d, and gave none within %s", total, doneLimit)}, nil
		}
		if !sheet.add(page) {
			total = max(total, len(sheet.rows)+1) // there are more than there is room for
			break
		}
		if len(page.Results) == 0 || total > 0 && len(sheet.rows) >= total {
			break
		}
	}
	if len(sheet.rows) == 0 && total == 0 {
		return found{reason: "the search has none"}, nil
	}
	if len(sheet.rows) == 0 {
		return found{reason: "the first alone has more than the file may hold"}, nil
	}
	return sheet.found(max(total, len(sheet.rows))), nil
}

// found is the file of a sheet, and what it leaves out of a search of so many rows.
func (s *sheet) found(total int) found {
	return found{csv: s.csv(), rows: len(s.rows), total: total, left: left{Columns: len(s.columns), Lost: len(s.lost), Cut: s.cut}}
}

// told adds what Splunk says, if anything.
func told(text string) string {
	if text = strings.TrimSuffix(framework.Line(text, 200), "."); text == "" {
		return ""
	}
	return ": " + text
}
