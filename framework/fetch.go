package framework

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// MaxAnswer bounds the answer of a service that Fetch reads, in bytes.
const MaxAnswer = 16 << 20

// maxRetryAfter bounds what a service may ask us to wait.
const maxRetryAfter = 24 * time.Hour

// Fetch makes a call to an outside HTTP service with Deps.HTTP and returns the body of a 2xx answer, at most MaxAnswer bytes of it. Every
// failure is a ServiceError that names service and operation: 400, 403, 404 and other refusals are Permanent; 401 is not,
// since a person can set the credentials right; 429 and 5xx carry the service's Retry-After. No error holds the URL.
// Ambiguous is set unless the call surely did nothing.
func Fetch(deps Deps, service, op string, request *http.Request) ([]byte, error) {
	response, err := deps.HTTP.Do(request) //nolint:gosec // the caller builds the address from its configuration
	if err != nil {
		return nil, noAnswer(service, op, err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	failure := &ServiceError{Service: service, Op: op, Status: response.StatusCode}
	switch {
	case response.StatusCode < 200 || response.StatusCode > 299:
		failure.Reason, failure.Permanent = refusal(response.StatusCode)
		failure.RetryAfter = ParseRetryAfter(response.Header.Get("Retry-After"), deps.Now())
		failure.Ambiguous = response.StatusCode >= http.StatusInternalServerError
		return nil, failure
	case err != nil:
		failure.Reason, failure.Ambiguous, failure.Err = "the answer broke off", true, withoutURL(err)
		return nil, failure
	case len(body) > MaxAnswer:
		failure.Reason, failure.Permanent, failure.Ambiguous = fmt.Sprintf("the answer is larger than %d bytes", MaxAnswer), true, true
		return nil, failure
	}
	return body, nil
}

// GetJSON fetches a URL and decodes its JSON answer, of which members that out does not have are ignored.
func GetJSON(ctx context.Context, deps Deps, service, address string, header http.Header, out any) error {
	const op = "look up"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return &ServiceError{Service: service, Op: op, Reason: "the address cannot be called", Permanent: true, Err: withoutURL(err)}
	}
	if header != nil {
		request.Header = header.Clone()
	}
	request.Header.Set("Accept", "application/json")
	body, err := Fetch(deps, service, op, request)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return &ServiceError{Service: service, Op: op, Status: http.StatusOK, Reason: "the answer is not the JSON expected (a login or proxy page?)"}
	}
	return nil
}

// noAnswer is a call that got none. What cannot connect has surely done nothing.
func noAnswer(service, op string, err error) error {
	failure := &ServiceError{Service: service, Op: op, Reason: "no answer: check its address and the network", Ambiguous: true, Err: withoutURL(err)}
	if errors.Is(err, context.DeadlineExceeded) {
		failure.Reason = "no answer within the time limit"
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		failure.Ambiguous = false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		failure.Reason, failure.Ambiguous = "its certificate is not valid, or not from an authority that is trusted here", false
	}
	return failure
}

// withoutURL drops the URL that net/http puts into its errors: it may hold a secret.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

func refusal(status int) (reason string, permanent bool) {
	switch {
	case status == http.StatusUnauthorized:
		return "the credentials are refused: check them", false
	case status == http.StatusForbidden:
		return "the credentials do not permit this", true
	case status == http.StatusTooManyRequests:
		return "too many calls", false
	case status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return "it cannot answer at the moment", false
	default:
		return "it refuses the call", true
	}
}

// ParseRetryAfter reads a Retry-After header (RFC 9110 section 10.2.3): seconds or a date. What cannot be read, or is
// past, is 0, and nothing is more than 24 hours.
func ParseRetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(0, date.Sub(now)), maxRetryAfter)
	}
	return 0
}
