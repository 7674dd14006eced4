package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	callTimeout = 10 * time.Second
	maxAnswer   = 8 << 20
	pollEvery   = 25 * time.Millisecond
)

// caller calls the server as its senders and users do.
type caller struct {
	base string
	http *http.Client
}

// call sends a call and decodes the answer. A status other than the one wanted is an error that quotes the problem.
func (c *caller) call(ctx context.Context, method, path, token string, body []byte, out any, want int) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(string(body)))
	if err != nil {
		return fmt.Errorf("make the call: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return c.send(request, out, want)
}

// send sends a request, to the server or to a service beside it, and decodes the answer.
func (c *caller) send(request *http.Request, out any, want int) error {
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("call %s: %w", request.URL.Host, err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != want {
		return fmt.Errorf("%s answered %d: %s", request.URL.Host, response.StatusCode, answer)
	}
	return json.Unmarshal(answer, out)
}

// until asks again and again until the answer is there; when the context ends first, the last reason is the error.
func until(ctx context.Context, ask func() error) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	reason := ctx.Err()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		if reason == nil || ctx.Err() == nil { // else it failed because the time was up, which is no reason
			reason = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within the time limit: %w", reason)
		case <-ticker.C:
		}
	}
}
