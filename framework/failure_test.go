package framework_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestWhatPeopleAndTheEngineSeeOfAnError(t *testing.T) {
	cause := errors.New("dial tcp: secret-host.internal:443: refused")
	refused := &framework.ServiceError{Service: "jira", Op: "create issue", Status: 400, Reason: "project SEC is not there", Permanent: true, Err: cause}
	slow := &framework.ServiceError{Service: "virustotal", Op: "look up", Reason: "no answer", RetryAfter: time.Minute, Ambiguous: true, Err: cause}
	wait := &framework.Wait{Until: frameworktest.Start(), Reason: "VirusTotal quota of 4 a minute"}
	problem := framework.NewProblem(422, "The body breaks a rule.")
	problem.Cause = cause
	for _, c := range []struct {
		name       string
		err        error
		reason     string
		permanent  bool
		retryAfter time.Duration
		happened   bool
	}{
		{"nothing", nil, "", false, 0, false},
		{"a refusal", refused, "jira: create issue: project SEC is not there (status 400)", true, 0, false},
		{"no answer", slow, "virustotal: look up: no answer", false, time.Minute, true},
		{"a wait", wait, "VirusTotal quota of 4 a minute", false, 0, false},
		{"a problem", problem, "Unprocessable Entity: The body breaks a rule.", false, 0, true},
		{"a deadline", context.DeadlineExceeded, "no answer within the time limit", false, 0, true},
		{"an error of no known kind", cause, "internal error; the log has its cause", false, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			errs := []error{c.err}
			if c.err != nil {
				errs = append(errs, fmt.Errorf("wrapped: %w", c.err), errors.Join(errors.New("other"), c.err))
			}
			for _, err := range errs {
				if got := framework.Reason(err); got != c.reason {
					t.Errorf("reason %q, want %q", got, c.reason)
				}
				if got := framework.IsPermanent(err); got != c.permanent {
					t.Errorf("permanent: %t", got)
				}
				if got := framework.RetryAfter(err); got != c.retryAfter {
					t.Errorf("retry after %s", got)
				}
				if got := framework.MayHaveHappened(err); got != c.happened {
					t.Errorf("may have happened: %t", got)
				}
				if strings.Contains(framework.Reason(err), "secret-host") {
					t.Error("the reason tells the cause")
				}
			}
		})
	}
}

func TestTheLogSeesTheCause(t *testing.T) {
	cause := errors.New("dial tcp: refused")
	err := error(&framework.ServiceError{Service: "jira", Op: "create issue", Reason: "no answer", Err: cause})
	if !errors.Is(err, cause) || err.Error() != "jira: create issue: no answer: dial tcp: refused" {
		t.Errorf("error = %v", err)
	}
	wait := &framework.Wait{Until: frameworktest.Start().In(time.FixedZone("", 3600)), Reason: "quota"}
	if got := wait.Error(); got != "wait until 2026-11-20T12:00:00Z: quota" {
		t.Errorf("wait = %s", got)
	}
}
