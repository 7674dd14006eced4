package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// callTime bounds a call of Threat Stack.
const callTime = 20 * time.Second

const service = "threatstack"

// client asks Threat Stack's API, version 1.
type client struct {
	base string // without a slash at the end
	key  framework.Secret
	deps framework.Deps
}

// alert returns an alert's detail as Threat Stack gave it. What is not the detail of this alert is an error: it would
// be kept for good.
func (c *client) alert(ctx context.Context, id string) ([]byte, error) {
	const op = "get alert"
	body, err := c.get(ctx, op, "/alerts/"+id) // the id was checked: it needs no escape
	if err != nil {
		return nil, err
	}
	if !isDetail(body, id) {
		reason := "the answer is not this alert: check threatstack.url and what stands between"
		return nil, &framework.ServiceError{Service: service, Op: op, Status: http.StatusOK, Reason: reason}
	}
	return body, nil
}

// isDetail reports whether a body is the detail of an alert.
func isDetail(body []byte, id string) bool {
	var got struct {
		ID string `json:"id"`
	}
	return json.Unmarshal(body, &got) == nil && got.ID == id
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
	request.Header.Set("User-Agent", "funnelweb/"+c.deps.Version)
	body, err := framework.Fetch(c.deps, service, op, request)
	return body, advise(err)
}

// advise says what to do about a refusal. None is permanent: an operator can set key and URL right, and the detail of
// an alert may come later than its webhook.
func advise(err error) error {
	failure, ok := errors.AsType[*framework.ServiceError](err)
	if !ok {
		return err
	}
	switch failure.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		failure.Reason = "the key is refused: check threatstack.key"
	case http.StatusNotFound:
		failure.Reason = "there is no such alert, or not yet: check that key and webhook are of the same organization"
	}
	failure.Permanent = failure.Permanent && failure.Status == http.StatusOK // an answer that is too large stays so
	return failure
}
