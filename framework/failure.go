package framework

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ServiceError is a failed call to an outside service, told so that the engine can decide what to do next
// and a person can act on it. Reason never holds a secret, a URL with one, or text of more than one line.
type ServiceError struct {
	Service    string        // "jira"
	Op         string        // "create issue"
	Status     int           // the HTTP status or protocol code, 0 when there was no answer
	Reason     string        // for people: what is wrong and, where known, what to do
	Permanent  bool          // trying again cannot help
	RetryAfter time.Duration // the least wait that the service asked for, 0 when it did not
	Ambiguous  bool          // the side effect may have happened although no proof of it came back
	Err        error         // the cause, for the log
}

// Error says service, operation, status and reason, and the cause.
func (e *ServiceError) Error() string {
	text := e.Public()
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Public is the error without its cause: what people may see.
func (e *ServiceError) Public() string {
	if e.Status != 0 {
		return fmt.Sprintf("%s: %s: %s (status %d)", e.Service, e.Op, e.Reason, e.Status)
	}
	return fmt.Sprintf("%s: %s: %s", e.Service, e.Op, e.Reason)
}

// Unwrap returns the cause.
func (e *ServiceError) Unwrap() error { return e.Err }

// CircuitState says whether jobs may call a service.
type CircuitState string

// The states of a service's circuit.
const (
	CircuitClosed     CircuitState = "closed"     // it works, as far as is known
	CircuitOpen       CircuitState = "open"       // it is down: jobs that need it wait, but for one probe at a time
	CircuitRecovering CircuitState = "recovering" // a probe succeeded: the jobs that waited flow again, ever faster
)

// Circuit is the state of an outside service as the jobs that need it met it. All replicas share it.
type Circuit struct {
	Service   string       `json:"service"`
	State     CircuitState `json:"state" enum:"closed,open,recovering"`
	Since     time.Time    `json:"since,omitzero" doc:"Since when it is in this state"`
	NextProbe time.Time    `json:"next_probe,omitzero" doc:"When the next call is made, while it is open"`
	Reason    string       `json:"reason,omitempty" doc:"Why the last call failed"`
}

// Wait says that a job is not to run before a time. It is no failure and costs no attempt: a quota waits.
type Wait struct {
	Until  time.Time
	Reason string // for people: "VirusTotal quota of 4 a minute"
}

// Error tells until when and why.
func (w *Wait) Error() string {
	return fmt.Sprintf("wait until %s: %s", w.Until.UTC().Format(time.RFC3339), w.Reason)
}

// Reason is the text of an error that people may see. An error of no known kind gives a constant: its own
// text may hold anything.
func Reason(err error) string {
	var service *ServiceError
	var wait *Wait
	var problem *Problem
	switch {
	case err == nil:
		return ""
	case errors.As(err, &service):
		return service.Public()
	case errors.As(err, &wait):
		return wait.Reason
	case errors.As(err, &problem):
		return problem.Title + ": " + problem.Detail
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer within the time limit"
	default:
		return "internal error; the log has its cause"
	}
}

// Service names the outside service that failed, or "".
func Service(err error) string {
	if service, ok := errors.AsType[*ServiceError](err); ok {
		return service.Service
	}
	return ""
}

// IsPermanent reports whether trying again cannot help.
func IsPermanent(err error) bool {
	service, ok := errors.AsType[*ServiceError](err)
	return ok && service.Permanent
}

// RetryAfter is the least wait that the failed service asked for, or 0.
func RetryAfter(err error) time.Duration {
	if service, ok := errors.AsType[*ServiceError](err); ok {
		return service.RetryAfter
	}
	return 0
}

// MayHaveHappened reports whether the side effect of a failed call may have taken place. Only a ServiceError
// that is not Ambiguous, or a Wait, excludes it.
func MayHaveHappened(err error) bool {
	if service, ok := errors.AsType[*ServiceError](err); ok {
		return service.Ambiguous
	}
	_, waits := errors.AsType[*Wait](err)
	return err != nil && !waits
}
