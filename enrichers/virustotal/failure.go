package virustotal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"funnelweb/framework"
)

const (
	// After a refused key: another try is of use only once somebody has changed the configuration, and the waiting
	// jobs go through then.
	retryConfig = 5 * time.Minute
	// VirusTotal's shortest quota is for a minute.
	retryQuota    = time.Minute
	maxRetryAfter = 24 * time.Hour // that a server may ask for
	maxMessage    = 300            // runes of VirusTotal's own words
)

// reply is what came back, besides the data.
type reply struct {
	op      string
	now     time.Time
	broken  error // the request did not get an answer that can be read
	status  int
	header  http.Header
	code    string // of an error in VirusTotal's own form
	message string
}

// failure returns the error that an answer stands for, or nil. The codes are those of
// https://docs.virustotal.com/reference/errors.
func (r reply) failure() error {
	failed := r.because("")
	switch {
	case r.code == "NotFoundError" && r.status == http.StatusNotFound:
		return errNotFound
	case r.code == "QuotaExceededError":
		return r.quota()
	case r.status == http.StatusTooManyRequests:
		failed.Reason = "too many requests"
		failed.RetryAfter = r.retryAfter(retryQuota)
	case r.status == http.StatusUnauthorized:
		failed.Reason, failed.RetryAfter = "the key was refused: correct it", retryConfig
	case r.status == http.StatusForbidden:
		failed.Reason, failed.Permanent = "the key does not allow this lookup, or the account is blocked: look at the account, then replay", true
	case r.status == http.StatusBadRequest:
		failed.Reason, failed.Permanent = "VirusTotal does not take this for an indicator", true
	case r.status >= 500:
		failed.Reason, failed.RetryAfter = "VirusTotal has a problem of its own", r.retryAfter(0)
	case r.status >= 300 && r.status < 400:
		failed.Reason = "the answer is a redirect, which the API does not give: correct url"
	case r.status != http.StatusOK && r.code == "":
		failed.Reason = "the answer is not VirusTotal's: correct url, or look for a proxy in between"
	case r.status != http.StatusOK || r.code != "":
		failed.Reason = "VirusTotal refused the lookup"
	default:
		return nil
	}
	return failed
}

func (r reply) because(reason string) *framework.ServiceError {
	failed := &framework.ServiceError{Service: service, Op: r.op, Status: r.status, Reason: reason}
	if r.code != "" {
		failed.Err = fmt.Errorf("%s: %s", framework.Line(r.code, maxMessage), framework.Line(r.message, maxMessage))
	}
	return failed
}

// quota is a wait, not a failure. VirusTotal has one code for its quotas of a minute, a day and a month; where its
// words name none, the minute is tried first. A month's is looked at again each day.
func (r reply) quota() error {
	words := strings.ToLower(r.message)
	if strings.Contains(words, "day") || strings.Contains(words, "daily") || strings.Contains(words, "month") {
		return &framework.Wait{Until: midnight(r.now), Reason: "the daily or monthly quota of the VirusTotal key is used up"}
	}
	return &framework.Wait{Until: r.now.Add(r.retryAfter(retryQuota)), Reason: "the quota of the VirusTotal key is used up"}
}

// midnight is when VirusTotal's daily quota starts anew.
func midnight(now time.Time) time.Time {
	return now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
}

// retryAfter is the wait that the answer asks for, or another when it asks for none.
func (r reply) retryAfter(otherwise time.Duration) time.Duration {
	if wait := framework.ParseRetryAfter(r.header.Get("Retry-After"), r.now); wait > 0 {
		return wait
	}
	return otherwise
}

// nonsense is for an answer with status 200 that is none. The error that vt-go makes of it holds the address asked
// for, which is of use in the log.
func (r reply) nonsense(cause error) error {
	failed := r.because("the answer is empty")
	failed.Err = cause
	kind := r.header.Get("Content-Type")
	switch {
	case cause != nil && !strings.HasPrefix(kind, "application/json"):
		failed.Reason = "the answer is not JSON but " + framework.Line(kind, 60) + ": correct url, or look for a proxy in between"
		if kind == "" {
			failed.Reason = "the answer does not say that it is JSON: correct url, or look for a proxy in between"
		}
	case cause != nil:
		failed.Reason = "the answer is broken JSON"
	}
	return failed
}

// transportError is for a request without an answer.
func transportError(op string, timeout time.Duration, cause error) error {
	failed := &framework.ServiceError{Service: service, Op: op, Err: cause}
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timedOut net.Error
	switch {
	case errors.Is(cause, context.Canceled):
		failed.Reason = "the lookup was cancelled"
	case errors.Is(cause, context.DeadlineExceeded), errors.As(cause, &timedOut) && timedOut.Timeout():
		failed.Reason = "no answer within the time limit"
		if timeout > 0 {
			failed.Reason = fmt.Sprintf("no answer within %s", timeout)
		}
	case errors.Is(cause, errTooLarge), errors.Is(cause, errPacked):
		failed.Reason = cause.Error()
	case errors.As(cause, &dns):
		failed.Reason = "the name of the server in url cannot be resolved"
	case errors.As(cause, &certificate):
		failed.Reason = "the certificate of the server in url is not valid or not from a trusted authority"
	default:
		failed.Reason = "the connection could not be made, or was cut before the answer was complete"
	}
	return failed
}
