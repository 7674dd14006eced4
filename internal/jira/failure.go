package jira

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"funnelweb/framework"
)

const service = "jira"

// unreachable is a call that got no answer. It may have had its effect once its headers were sent.
func unreachable(op operation, err error, sent bool) error {
	return &framework.ServiceError{
		Service: service, Op: op.name, Reason: connectionReason(err, sent),
		Ambiguous: sent && op.writes(), Err: err,
	}
}

func connectionReason(err error, sent bool) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &name):
		return "the host of jira.url is not found"
	case errors.As(err, &certificate):
		return "the certificate of jira.url is not trusted: set jira.ca_file to its authority"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing answers at jira.url"
	case errors.Is(err, errAnswerTooLong):
		return errAnswerTooLong.Error()
	case isTimeout(err):
		return "no answer within the time limit"
	case errors.Is(err, context.Canceled):
		return "the call was broken off"
	case sent:
		return "the connection broke before the answer was complete"
	default:
		return "no connection to jira.url"
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// notJira is a 2xx that holds no answer of Jira: an SSO or proxy page. What it stands in front of may have
// seen the request.
func notJira(op operation, status int, err error) error {
	return &framework.ServiceError{
		Service: service, Op: op.name, Status: status, Reason: notJiraReason,
		Ambiguous: op.writes(), Err: err,
	}
}

const notJiraReason = "the answer is not Jira's (a login or proxy page?)"

// refused is an answer other than 2xx, or one to nobody.
func (c *Client) refused(op operation, response *http.Response, body []byte) error {
	status := response.StatusCode
	failure := &framework.ServiceError{
		Service: service, Op: op.name, Status: status,
		Permanent: isPermanent(status), RetryAfter: c.retryAfter(response),
		Ambiguous: op.writes() && isAmbiguous(status),
	}
	if login := loginRefused(response.Header); login != "" {
		failure.Reason, failure.Permanent = login, false
		return failure
	}
	failure.Reason = statusReason(status)
	if status == http.StatusForbidden && op.needs != "" {
		failure.Reason = "the user of the token may not do this: it needs the permission " + op.needs + " in the project"
	}
	if status == http.StatusTooManyRequests {
		failure.Reason += quotaName(response.Header)
		if response.Header.Get("Ratelimit-Reason") == perIssueLimit && op.issue != "" {
			return c.turns.rest(op.issue, c.now().Add(failure.RetryAfter), c.now())
		}
	}
	if told := c.messages(body); told != "" {
		failure.Reason += ": " + told
		// A lower limit than was known is obeyed by the next attempt, which puts into files what has no room.
		failure.Permanent = failure.Permanent && !c.longestText.learn(told)
	}
	return failure
}

// isPermanent reports whether the same request will be refused again. 401 is not permanent: an operator puts
// the token right. 408, 409, 423, 425 and 429 pass by themselves.
func isPermanent(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusConflict, http.StatusLocked,
		http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	default:
		return status >= 400 && status <= 499
	}
}

// isAmbiguous reports whether the request may have been carried out: what stands between us and Jira answers
// 3xx, 408 and 5xx without knowing what Jira did.
func isAmbiguous(status int) bool {
	return status < 400 || status >= 500 || status == http.StatusRequestTimeout
}

func statusReason(status int) string {
	switch {
	case status < 400:
		return "redirected elsewhere: jira.url is not the base address, or a login page stands before it"
	case status == http.StatusBadRequest:
		return "Jira refuses the request"
	case status == http.StatusUnauthorized:
		return "the user or token is not accepted: check jira.user and jira.token (tokens expire)"
	case status == http.StatusForbidden:
		return "the user of the token may not do this: check its permissions in the project"
	case status == http.StatusNotFound:
		return "no such project, ticket or address, or the user of the token may not see it"
	case status == http.StatusGone:
		return "this Jira no longer has this call: check jira.flavor"
	case status == http.StatusRequestEntityTooLarge:
		return "the request is too large for Jira or for a proxy before it"
	case status == http.StatusTooManyRequests:
		return "Jira asks to slow down"
	case status == http.StatusServiceUnavailable:
		return "Jira is not available"
	case status >= 500:
		return "Jira has an internal error, or a proxy before it cannot reach it"
	default:
		return "Jira refuses the request"
	}
}

// loginRefused is the reason when Jira did not let the user in, whatever the status: some sites then go on with an
// anonymous session and answer 200 or 404 (see the header X-Seraph-LoginReason in Atlassian's REST authentication guide).
func loginRefused(header http.Header) string {
	reasons := strings.Join(header.Values("X-Seraph-Loginreason"), ",")
	denied := header.Get("X-Authentication-Denied-Reason")
	switch {
	case strings.Contains(reasons, "AUTHENTICATION_DENIED"), strings.HasPrefix(denied, "CAPTCHA"):
		return "Jira wants a CAPTCHA solved after failed logins: log in once in a browser as the user of the token"
	case strings.Contains(reasons, "AUTHENTICATED_FAILED"):
		return statusReason(http.StatusUnauthorized)
	default:
		return ""
	}
}

// retryAfter is the wait that the answer asks for: Retry-After in seconds or as a date (RFC 9110 section 10.2.3),
// else, with a 429, the time in X-RateLimit-Reset.
func (c *Client) retryAfter(response *http.Response) time.Duration {
	wait := framework.ParseRetryAfter(response.Header.Get("Retry-After"), c.now())
	if wait > 0 || response.StatusCode != http.StatusTooManyRequests {
		return wait
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} { // Cloud leaves the seconds out
		if at, err := time.Parse(layout, response.Header.Get("X-Ratelimit-Reset")); err == nil {
			return framework.ParseRetryAfter(at.UTC().Format(http.TimeFormat), c.now())
		}
	}
	return 0
}

// quotaName tells which limit was met, one of Jira's fixed words such as jira-burst-based.
func quotaName(header http.Header) string {
	name := header.Get("Ratelimit-Reason")
	if name == "" || len(name) > 40 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return ""
	}
	return " (" + name + ")"
}
