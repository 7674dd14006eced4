package cli

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"funnelweb/framework"
)

const (
	followWait  = 20 * time.Second       // that the server may take to answer with nothing: less than proxies wait
	retryFirst  = 250 * time.Millisecond // after the server was lost
	retryMax    = 10 * time.Second
	changesPath = eventsPath + "/changes"
)

// follower prints what happens.
type follower struct {
	p      *program
	server *client
	asked  values
	json   bool
	color  bool
	listed map[string]bool // events that were printed before it began
}

// follow prints the newest events, and then what happens, until the program is told to end. It asks again and again: each
// question is answered when something happened, or after a while. So it needs nothing of proxies but to pass on a GET, and
// where it stopped is known after any interruption.
func (c eventsCommand) follow(p *program, server *client) error {
	f := &follower{
		p: p, server: server, asked: c.filter(), json: c.JSON, listed: map[string]bool{},
		color: isTerminal(p.stdout) && os.Getenv("NO_COLOR") == "", //nolint:forbidigo // the convention of no-color.org
	}
	next, err := f.ask("", 0)
	if err != nil {
		return err
	}
	if err := f.first(c.Limit); err != nil {
		return err
	}
	return f.run(next)
}

// first prints the newest events, oldest of them first.
func (f *follower) first(limit int) error {
	asked := values{f.asked.Values}
	entries, _, err := f.server.entries(f.p.ctx, eventsPath, "events", asked, limit, maxPage)
	f.asked.Del("cursor")
	f.asked.Del("limit")
	if err != nil {
		return err
	}
	events, err := decodeAll[framework.EventSummary](entries)
	if err != nil {
		return err
	}
	for _, event := range slices.Backward(events) {
		f.listed[event.ID] = true
		change := framework.EventChange{Time: event.Time, EventID: event.ID, Type: event.Type}
		raw, err := json.Marshal(change)
		if err == nil {
			err = f.print(change, raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// run asks until the program ends.
func (f *follower) run(next string) error {
	lost := 0
	for f.p.ctx.Err() == nil {
		after, err := f.ask(next, followWait)
		switch {
		case err == nil:
			if lost > 0 {
				_, _ = fmt.Fprintln(f.p.stderr, "the server is back")
			}
			lost, next = 0, after
		case f.p.ctx.Err() != nil:
			return nil //nolint:nilerr // the program was told to end
		case !passes(err):
			return err
		default:
			if lost == 0 {
				_, _ = fmt.Fprintf(f.p.stderr, "%v\nIt is asked again and again.\n", err)
			}
			f.pause(lost)
			lost++
		}
	}
	return nil
}

// errOutput says that nobody reads what is printed.
type errOutput struct{ error }

// Unwrap returns why.
func (e errOutput) Unwrap() error { return e.error }

// passes reports whether to ask again: the server is away, or cannot answer now.
func passes(err error) bool {
	if _, ended := errors.AsType[errOutput](err); ended {
		return false
	}
	refusal, refused := errors.AsType[refusal](err)
	return !refused || refusal.status >= http.StatusInternalServerError || refusal.status == http.StatusTooManyRequests
}

func (f *follower) pause(lost int) {
	timer := time.NewTimer(min(retryMax, retryFirst<<min(lost, 10)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.p.ctx.Done():
	}
}

// ask prints what happened after a cursor, and returns the next.
func (f *follower) ask(after string, wait time.Duration) (string, error) {
	asked := values{f.asked.Values}
	asked.Set("wait", strconv.Itoa(int(wait/time.Second)))
	asked.Del("after")
	asked.text("after", after)
	defer func() {
		f.asked.Del("wait")
		f.asked.Del("after")
	}()
	var answer struct {
		Changes []jsontext.Value `json:"changes"`
		Next    string           `json:"next"`
	}
	if _, err := f.server.get(f.p.ctx, changesPath+"?"+asked.Encode(), &answer); err != nil {
		return "", err
	}
	changes, err := decodeAll[framework.EventChange](answer.Changes)
	if err != nil {
		return "", err
	}
	for i, change := range changes {
		if change.Run == nil && f.listed[change.EventID] {
			delete(f.listed, change.EventID)
			continue
		}
		if err := f.print(change, answer.Changes[i]); err != nil {
			return "", errOutput{err}
		}
	}
	return answer.Next, nil
}

func (f *follower) print(change framework.EventChange, raw jsontext.Value) error {
	if f.json {
		return f.p.printJSON(raw)
	}
	state, rest := "accepted", ""
	if run := change.Run; run != nil {
		state, rest = string(run.State), runName(*run)
		if text := run.Result + run.Reason; text != "" {
			rest += ": " + text
		}
		if !run.NextTry.IsZero() {
			rest += ", next try " + stamp(run.NextTry)
		}
	}
	line := strings.TrimRight(framework.Line(change.EventID, maxCell)+"  "+framework.Line(rest, maxCell), " ")
	_, err := fmt.Fprintf(f.p.stdout, "%s  %s  %s\n", stamp(change.Time), f.paint(state), line)
	return err
}

// paint pads a state, and colours it on a terminal.
func (f *follower) paint(state string) string {
	padded := fmt.Sprintf("%-8s", framework.Line(state, 8))
	if !f.color {
		return padded
	}
	color := map[string]string{
		string(framework.RunDone): "32", string(framework.RunDead): "31", string(framework.RunRetrying): "33", string(framework.RunWaiting): "36",
	}[state]
	if color == "" {
		return padded
	}
	return "\x1b[" + color + "m" + padded + "\x1b[0m"
}
