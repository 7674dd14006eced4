// Package jira is the one place that talks to Jira. It implements framework.Tickets on the REST API version 2 of
// Jira Cloud and Jira Data Center through go-jira, of which it uses the requests alone: go-jira's typed calls leave
// bodies unread and open, decode brittly and hide the status (see the tests for each).
package jira

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"funnelweb/framework"

	gojira "github.com/andygrunwald/go-jira"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// One call may take this long, from the first byte sent to the last received. Creating an issue is the slowest
	// that we do: some seconds on a busy site.
	callLimit = 15 * time.Second
	// Sending a file may take as long as the HTTP client lets any call take.
	uploadTime = 30 * time.Second
	// Bytes of an answer. The largest is a page of 100 comments of 32,767 characters.
	maxAnswer = 16 << 20
)

// Client is a Jira site. It is safe for use by many goroutines at once.
type Client struct {
	api        *gojira.Client
	base       *url.URL
	now        func() time.Time
	searchPath string
	flavor     string
	redact     func(string) string // takes our secrets out of what Jira says; a function, for no verb prints what it holds
	turns      turns
	screens    screens
	uploads    uploads
	identity   identity

	longestText textLimit
}

var (
	_ framework.Tickets = (*Client)(nil)
	_ framework.Checker = (*Client)(nil)
)

// sender is the HTTP client that go-jira is given.
type sender struct {
	http          *http.Client
	authorization framework.Secret // the header's whole value
	agent         string
}

// Do adds what go-jira leaves out.
func (s *sender) Do(request *http.Request) (*http.Response, error) {
	request.Header.Set("Authorization", s.authorization.Reveal())
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", s.agent)
	return s.http.Do(request) //nolint:gosec // the address is the configured one; New checks it
}

// operation is one call of the REST API.
type operation struct {
	name   string // for people: "create issue"
	method string
	path   string // below the base address, with its query
	body   any    // encoded as JSON unless nil
	form   *form  // sent in place of a body
	issue  string // key of the ticket that it writes to: such calls are made one after the other
	needs  string // the permission that the user needs in the project, as Jira calls it
	reads  bool   // it changes nothing, although it is a POST
}

// writes reports whether the operation changes something, so that an answer that proves nothing leaves it open
// whether it did.
func (o operation) writes() bool { return o.method != http.MethodGet && !o.reads }

// answer is what a call expects to be told.
type answer interface {
	// complete reports whether the decoded answer holds what Jira's answer must hold.
	complete() bool
}

// call makes the call, when it is its turn, and decodes the answer. Every error is a *framework.ServiceError, or a
// *framework.Wait where the ticket must not be written to yet.
func (c *Client) call(ctx context.Context, op operation, into answer) error {
	if op.issue == "" {
		return c.exchange(ctx, op, into)
	}
	leave, err := c.turns.enter(ctx, op.issue, c.now())
	if err != nil {
		if ctx.Err() != nil {
			return &framework.ServiceError{Service: service, Op: op.name, Reason: "another write to the ticket took too long", Err: err}
		}
		return err
	}
	defer leave()
	return c.exchange(ctx, op, into)
}

func (c *Client) exchange(ctx context.Context, op operation, into answer) error {
	limit := callLimit
	if op.form != nil {
		limit = uploadTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	request, err := c.request(ctx, op)
	if err != nil {
		return &framework.ServiceError{Service: service, Op: op.name, Reason: "the request cannot be encoded", Permanent: true, Err: err}
	}
	// go-jira reports a status of 300 or more as an error beside the response, and leaves the body to its caller
	// in every case; so the response is what counts.
	response, err := c.api.Do(request, nil)
	if response == nil || response.Response == nil {
		return unreachable(op, err, sent.Load())
	}
	defer func() { _ = response.Body.Close() }()
	body, err := readAnswer(response.Body)
	if status := response.StatusCode; status < 200 || status > 299 {
		return c.refused(op, response.Response, body)
	}
	if err != nil {
		return unreachable(op, err, true)
	}
	if !op.writes() && loginRefused(response.Header) != "" {
		return c.refused(op, response.Response, body) // anonymous answers are not ours: "no such ticket" would be wrong
	}
	if _, empty := into.(nothing); empty && response.StatusCode == http.StatusNoContent {
		return nil
	}
	// Duplicate names and bad UTF-8 occur in the wild, inside texts that nobody asked about.
	err = json.Unmarshal(body, into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil || !into.complete() {
		return notJira(op, response.StatusCode, err)
	}
	return nil
}

// nothing is the answer to a call that Jira answers without a body (204).
type nothing struct{}

func (nothing) complete() bool { return false }

// request encodes a call.
func (c *Client) request(ctx context.Context, op operation) (*http.Request, error) {
	if op.form == nil {
		return c.api.NewRequestWithContext(ctx, op.method, op.path, op.body)
	}
	request, err := c.api.NewMultiPartRequestWithContext(ctx, op.method, op.path, bytes.NewBuffer(op.form.body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", op.form.kind)
	request.Header.Set("X-Atlassian-Token", "no-check") // go-jira's "nocheck" is the word of old versions
	return request, nil
}

var errAnswerTooLong = errors.New("the answer is longer than 16 MiB")

func readAnswer(body io.Reader) ([]byte, error) {
	read, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err == nil && len(read) > maxAnswer {
		return nil, errAnswerTooLong
	}
	return read, err
}
