package directory

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/internal/sandbox/fault"
)

// outcome is what a fault leaves to be done.
type outcome int

const (
	carryOut outcome = iota // as usual
	cutAfter                // as usual, and then the connection is closed
	answered                // nothing
	gone                    // nothing, and the connection is closed
)

// meet lets a request meet its fault. What answers to it is one more than its own tag.
func (s *session) meet(ctx context.Context, op string, r request) outcome {
	met, there := s.faults.Next(op)
	if !there {
		return carryOut
	}
	if err := fault.Wait(ctx, met.Latency); err != nil {
		return gone
	}
	switch {
	case met.CutBefore:
		return gone
	case met.CutAfter:
		return cutAfter
	case met.HTML:
		s.write([]byte(garbage(met.Body)))
		return gone
	case met.Status == 0:
		return carryOut
	case r.op == nil: // there is nothing yet that could be answered
		return gone
	}
	failed := failure(met)
	operation, target, _ := strings.Cut(op, " ")
	s.note(ctx, operation, target, failed.code)
	answer := r.op.Tag + 1
	if r.op.Tag == ldap.ApplicationSearchRequest {
		answer = ldap.ApplicationSearchResultDone
	}
	if s.send(failed.encode(r.id, answer)) {
		return answered
	}
	return gone
}

func failure(met fault.Fault) result {
	failed := result{code: met.Status, message: met.Body}
	switch {
	case met.Status < http.StatusOK:
	case met.Status == http.StatusTooManyRequests:
		failed.code = ldap.LDAPResultBusy
	case met.Status == http.StatusServiceUnavailable:
		failed.code = ldap.LDAPResultUnavailable
	default:
		failed.code = ldap.LDAPResultOther
	}
	if failed.message == "" {
		failed.message = "000020AE: SvcErr: DSID-03200A4F, problem 5001 (BUSY), data 0\n"
	}
	return failed
}

// garbage is what a web server says on the wrong port.
func garbage(body string) string {
	if body != "" {
		return body
	}
	return "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html><h1>400 Bad Request</h1></html>\r\n"
}
