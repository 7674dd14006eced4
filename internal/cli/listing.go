package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxPage is the most entries that the server gives at once.
const maxPage = 500

// values are the parameters of a call, without those that are empty.
type values struct{ url.Values }

func query() values { return values{url.Values{}} }

func (v values) text(name, value string) {
	if value != "" {
		v.Set(name, value)
	}
}

func (v values) time(name string, t time.Time) {
	if !t.IsZero() {
		v.Set(name, t.Format(time.RFC3339))
	}
}

// entries asks page by page for up to limit entries, which are the member of that name of each answer. It reports whether
// there are more. The server gives most at once. A page may be empty and not the last: the server reads a bounded number for each.
func (c *client) entries(ctx context.Context, path, member string, asked values, limit, most int) (all []jsontext.Value, more bool, err error) {
	for {
		asked.Set("limit", strconv.Itoa(min(limit-len(all), most)))
		var page map[string]jsontext.Value
		if _, err := c.get(ctx, path+"?"+asked.Encode(), &page); err != nil {
			return nil, false, err
		}
		var found []jsontext.Value
		var next string
		if err := json.Unmarshal(page[member], &found); err != nil {
			return nil, false, fmt.Errorf("the answer is not that of a Funnelweb server: %w", err)
		}
		if page["next"] != nil {
			if err := json.Unmarshal(page["next"], &next); err != nil {
				return nil, false, fmt.Errorf("the answer is not that of a Funnelweb server: %w", err)
			}
		}
		all = append(all, found...)
		if next == "" || len(all) >= limit {
			return all, next != "", nil
		}
		asked.Set("cursor", next)
	}
}

// printEntries prints entries as one JSON document.
func (p *program) printEntries(member string, entries []jsontext.Value) error {
	if entries == nil {
		entries = []jsontext.Value{}
	}
	data, err := json.Marshal(map[string][]jsontext.Value{member: entries})
	if err != nil {
		return err
	}
	return p.printJSON(data)
}

// decodeAll decodes entries.
func decodeAll[E any](entries []jsontext.Value) ([]E, error) {
	decoded := make([]E, len(entries))
	for i, entry := range entries {
		if err := json.Unmarshal(entry, &decoded[i]); err != nil {
			return nil, fmt.Errorf("the answer is not that of a Funnelweb server: %w", err)
		}
	}
	return decoded, nil
}

// tellMore says that a list was cut off.
func (p *program) tellMore(more bool) error {
	if !more {
		return nil
	}
	_, err := fmt.Fprintln(p.stdout, "there are more: raise --limit")
	return err
}

// confirm asks a person whether to go on. Without a terminal nobody can be asked, and --yes must have been given.
func (p *program) confirm(question string, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(p.stdin) {
		return usageError{fmt.Errorf("%s There is no terminal to ask on: repeat the command with --yes", question)}
	}
	_, _ = fmt.Fprintf(p.stderr, "%s [y/N] ", question)
	return p.hear()
}

var errNothingDone = errors.New("nothing was done")

// maxAnswer is more than a terminal takes as one line.
const maxAnswer = 8 << 10

// hear returns nil when the next line is a yes. The whole line is read: what is left of one is a command to the shell behind.
func (p *program) hear() error {
	type line struct {
		text string
		err  error
	}
	heard := make(chan line, 1)
	go func() { // ends with the process at the latest: a read from a terminal cannot be called off
		text, err := bufio.NewReader(io.LimitReader(p.stdin, maxAnswer)).ReadString('\n')
		heard <- line{text, err}
	}()
	select {
	case <-p.ctx.Done():
		_, _ = fmt.Fprintln(p.stderr)
		return errNothingDone
	case answer := <-heard:
		switch strings.ToLower(strings.TrimSpace(answer.text)) {
		case "y", "yes":
			return nil
		case "":
			if answer.err != nil { // the end of what can be read, as of /dev/null
				return usageError{errors.New("nobody answered: repeat the command with --yes")}
			}
		}
		return errNothingDone
	}
}

// plural counts things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
