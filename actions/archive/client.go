package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// The bounds of a call of Threat Stack.
const (
	callTime  = 20 * time.Second
	maxDetail = 4 << 20 // bytes; an alert with all its events is well below 1 MiB
)

const service = "threatstack"

// client asks Threat Stack's API, version 1.
type client struct {
	base  string // without a slash at the end
	key   framework.Secret
	http  *http.Client
	agent string
}

// alert returns an alert's detail as Threat Stack gave it. What is not the detail of this alert is an error: it would
// be kept for good.
func (c *client) alert(ctx context.Context, id string) ([]byte, error) {
	const op = "get alert"
	body, err := c.get(ctx, op, "/alerts/"+id) // the id was checked: it needs no escape
	if err != nil {
		return nil, err
	}
	var got struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &got); err != nil || got.ID != id {
		reason := "the answer is not this alert: check threatstack.url and what stands between"
		return nil, &framework.ServiceError{Service: service, Op: op, Status: http.StatusOK, Reason: reason, Err: err}
	}
	return body, nil
}

// get returns the body of a good answer. Its errors are ServiceErrors.
func (c *client) get(ctx context.Context, op, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", c.key.Reveal())
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", c.agent)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, noAnswer(op, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDetail+1))
	switch {
	case err != nil:
		return nil, noAnswer(op, err)
	case response.StatusCode < 200 || response.StatusCode > 299:
		return nil, refused(op, response)
	case len(body) > maxDetail:
		reason := fmt.Sprintf("the answer is longer than %d bytes", maxDetail)
		return nil, &framework.ServiceError{Service: service, Op: op, Status: response.StatusCode, Reason: reason, Permanent: true}
	}
	return body, nil
}

func noAnswer(op string, err error) error {
	failure := &framework.ServiceError{Service: service, Op: op, Reason: "no answer: check threatstack.url and the network", Err: err}
	if errors.Is(err, context.DeadlineExceeded) {
		failure.Reason = "no answer within the time limit"
	}
	return failure
}

func refused(op string, response *http.Response) error {
	failure := &framework.ServiceError{Service: service, Op: op, Status: response.StatusCode}
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		failure.Reason = "the key is refused: check threatstack.key"
	case status == http.StatusNotFound:
		failure.Reason = "there is no such alert, or not yet: check that key and webhook are of the same organization"
	case status == http.StatusTooManyRequests:
		failure.Reason = "it asks to slow down"
	case status >= 500:
		failure.Reason = "it could not answer at this moment"
	default:
		failure.Reason = "it does not answer as it should: check threatstack.url"
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err == nil && seconds > 0 {
		failure.RetryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	return failure
}
