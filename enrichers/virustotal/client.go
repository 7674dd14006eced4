package virustotal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	vt "github.com/VirusTotal/vt-go"

	"funnelweb/framework"
)

// maxAnswer bounds an answer in bytes, unpacked. The largest real ones, of long-known files, are near 1 MiB.
const maxAnswer = 8 << 20

var (
	errNotFound = errors.New("VirusTotal has no such object")
	errTooLarge = errors.New("the answer is larger than 8 MiB")
	errPacked   = errors.New("the answer is packed in a way that was not asked for")
)

// roundTripper makes a function a transport: the way to give vt-go, which knows no context, one for each call.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// call takes one lookup from the quota and makes it. It returns the answer's data, or errNotFound.
func (e *Enricher) call(ctx context.Context, op, path string) (json.RawMessage, error) {
	if err := e.take(ctx); err != nil {
		return nil, err
	}
	data, err := e.get(ctx, op, path, e.config.Key)
	wait, waits := errors.AsType[*framework.Wait](err)
	switch {
	case err == nil || errors.Is(err, errNotFound):
		e.key.accepted(e.now())
	case waits:
		if noted := e.quota.Exhausted(ctx, service, wait.Until, wait.Reason); noted != nil {
			return nil, fmt.Errorf("%w; telling the others: %s", err, noted.Error())
		}
	default:
		e.key.refused(err)
	}
	return data, err
}

func (e *Enricher) take(ctx context.Context) error {
	err := e.quota.Take(ctx, service,
		framework.Limit{Count: e.config.PerMinute, Per: time.Minute},
		framework.Limit{Count: e.config.PerDay, Per: 24 * time.Hour})
	if err != nil {
		return fmt.Errorf("take from the quota of %s: %w", service, err)
	}
	return nil
}

// get makes one request through vt-go. A zero key makes it one that VirusTotal does not count.
func (e *Enricher) get(ctx context.Context, op, path string, key framework.Secret) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, e.config.Timeout)
	defer cancel()
	got := reply{op: op, now: e.now()}
	send := roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := e.send(ctx, request)
		if err != nil {
			got.broken = err
			return nil, err
		}
		got.status, got.header = response.StatusCode, response.Header
		return response, nil
	})
	client := vt.NewClient(key.Reveal(), vt.WithHTTPClient(&http.Client{Transport: send, CheckRedirect: stop}))
	client.Agent = e.agent
	target := *e.base
	target.Path += path
	response, err := client.Get(&target)
	if got.broken != nil {
		return nil, transportError(op, e.config.Timeout, got.broken)
	}
	if refusal, ok := errors.AsType[vt.Error](err); ok {
		got.code = refusal.Code
		got.message = strings.ReplaceAll(refusal.Message, e.config.Key.Reveal(), "[secret]")
	}
	if failure := got.failure(); failure != nil {
		return nil, failure
	}
	if err != nil || len(response.Data) == 0 {
		return nil, got.nonsense(err)
	}
	return response.Data, nil
}

// stop keeps redirects from being followed: the API has none, and the key must not wander.
func stop(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// send makes the request under the caller's context, and reads the whole answer within bounds.
func (e *Enricher) send(ctx context.Context, request *http.Request) (*http.Response, error) {
	request = request.Clone(ctx)
	// vt-go unpacks without a bound. Without this header net/http unpacks, below the bound.
	request.Header.Del("Accept-Encoding")
	if request.Header.Get("X-Apikey") == "" {
		request.Header.Del("X-Apikey")
	}
	client := *e.http
	client.CheckRedirect = stop
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	received := response.Body // which is replaced below
	defer func() { _ = received.Close() }()
	if response.Header.Get("Content-Encoding") != "" {
		return nil, errPacked
	}
	body, err := io.ReadAll(io.LimitReader(received, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, errTooLarge
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, nil
}
