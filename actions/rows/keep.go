package rows

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// outcome is what became of reading the rows, as the ledger records it: the next attempt need not read them again, by when
// Splunk may have forgotten them.
type outcome struct {
	Key    string `json:"key,omitempty"`    // of the archive; empty when there are no rows to attach
	Rows   int    `json:"rows"`             // in the file
	Total  int    `json:"total"`            // that the search has
	Reason string `json:"reason,omitempty"` // why there is no file
	Left   left   `json:"left,omitzero"`
}

// left is what the file leaves out of the rows that it has.
type left struct {
	Columns int `json:"columns"` // in the file
	Lost    int `json:"lost"`    // columns that are not
	Cut     int `json:"cut"`     // cells that were too long
}

func (o outcome) summary() string {
	if o.Key == "" {
		return "told why there are no rows"
	}
	text := fmt.Sprintf("attached %d of %d rows", o.Rows, o.Total)
	if o.Left.Lost > 0 {
		text += ", without " + counted(o.Left.Lost, "column")
	}
	if o.Left.Cut > 0 {
		text += ", with " + counted(o.Left.Cut, "cell") + " cut"
	}
	return text
}

// note is what the ticket says beside the file, if anything.
func (o outcome) note() string {
	if o.Key == "" {
		return "The rows of the search are not attached: " + o.Reason + "."
	}
	var told []string
	if o.Rows < o.Total {
		told = append(told, fmt.Sprintf("%s holds the first %d of the %d rows of the search.", FileName, o.Rows, o.Total))
	}
	if o.Left.Lost > 0 {
		told = append(told, fmt.Sprintf("%s has %d of the %d columns of the search.", FileName, o.Left.Columns, o.Left.Columns+o.Left.Lost))
	}
	if o.Left.Cut > 0 {
		told = append(told, fmt.Sprintf("%s has %s cut to %d characters.", FileName, counted(o.Left.Cut, "cell"), maxCell))
	}
	return strings.Join(told, " ")
}

func counted(number int, of string) string {
	if number == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", number, of)
}

// rows reads the rows and keeps them, or returns what an earlier attempt did.
func (a *Action) rows(ctx context.Context, job framework.Job, sid string) (outcome, error) {
	entry := readEntry(job)
	kept, known, err := a.recorded(ctx, entry)
	if err != nil || known {
		return kept, err
	}
	read, err := a.read(ctx, job, sid)
	if err != nil {
		return outcome{}, err
	}
	kept = outcome{Rows: read.rows, Total: read.total, Reason: read.reason, Left: read.left}
	if read.reason == "" {
		kept.Key = a.config.Keep + "/" + job.Event.Time.UTC().Format("2006/01/02/15/04") + "/" + job.Event.ID + ".csv"
		err := a.archive.Put(ctx, kept.Key, read.csv)
		if errors.Is(err, framework.ErrDifferent) { // of an attempt, or another automation, that read more or fewer
			kept.Key = a.config.Keep + "/" + job.Event.Time.UTC().Format("2006/01/02/15/04") + "/" + job.Event.ID + "." + framework.Fingerprint(string(read.csv)) + ".csv"
			err = a.archive.Put(ctx, kept.Key, read.csv)
		}
		if err != nil {
			return outcome{}, fmt.Errorf("keep the rows of event %s: %w", job.Event.ID, err)
		}
	}
	value, err := json.Marshal(kept)
	if err != nil {
		return outcome{}, fmt.Errorf("encode ledger %s: %w", entry, err)
	}
	if _, err = a.ledger.Put(ctx, entry, value, 0); errors.Is(err, framework.ErrConflict) { // a delivery at the same time was first
		kept, _, err = a.recorded(ctx, entry)
	}
	if err != nil {
		return outcome{}, fmt.Errorf("write ledger %s: %w", entry, err)
	}
	return kept, nil
}

func readEntry(job framework.Job) string { return "rows.read." + job.Key() }

func (a *Action) recorded(ctx context.Context, entry string) (kept outcome, known bool, err error) {
	value, _, err := a.ledger.Get(ctx, entry)
	if errors.Is(err, framework.ErrNotRecorded) {
		return kept, false, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &kept)
	}
	if err != nil {
		return kept, false, fmt.Errorf("read ledger %s: %w", entry, err)
	}
	return kept, true, nil
}
