package framework

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// ProblemType is the media type of a Problem (RFC 9457 section 3).
const ProblemType = "application/problem+json"

// Problem is the only error that a client sees (RFC 9457). Detail and Errors must never hold values that were
// sent, secrets or other people's errors; Cause is for the log alone.
type Problem struct {
	Title     string  `json:"title" doc:"The kind of problem" maxLength:"200"`
	Status    int     `json:"status" doc:"The HTTP status" minimum:"400" maximum:"599"`
	Detail    string  `json:"detail,omitempty" doc:"What is wrong with this call and what to do" maxLength:"2000"`
	RequestID string  `json:"request_id" doc:"Quote this when asking for help" maxLength:"64"`
	Errors    []Field `json:"errors,omitempty" doc:"Each place that breaks a rule"`

	Header http.Header `json:"-"` // sent with the answer: Retry-After, WWW-Authenticate
	Cause  error       `json:"-"` // logged under the request id
}

// Field is one place in the input that breaks a rule.
type Field struct {
	In      string `json:"in" doc:"Where to look" enum:"body,path,query,header"`
	Pointer string `json:"pointer" doc:"JSON pointer into the body, or the parameter's name" maxLength:"1000"`
	Rule    string `json:"rule" doc:"The rule that is broken, as the schema names it" maxLength:"40"`
	Message string `json:"message" doc:"The rule in words" maxLength:"500"`
}

// NewProblem makes a problem whose title is the status in words.
func NewProblem(status int, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

// Unauthorized is a 401 with a challenge such as "Bearer", or none when it is empty.
func Unauthorized(challenge, detail string) *Problem {
	problem := NewProblem(http.StatusUnauthorized, detail)
	if challenge != "" {
		problem.Header = http.Header{"Www-Authenticate": {challenge}}
	}
	return problem
}

// Unavailable is a 503 that asks the sender to repeat the call after a while, in whole seconds.
func Unavailable(detail string, after time.Duration, cause error) *Problem {
	problem := NewProblem(http.StatusServiceUnavailable, detail)
	problem.Header = http.Header{"Retry-After": {strconv.Itoa(max(1, int(after/time.Second)))}}
	problem.Cause = cause
	return problem
}

// Error tells status, detail and cause; it is for the log.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail)
	if p.Cause != nil {
		text += ": " + p.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// response encodes the problem for one request. The problem itself is shared and not changed.
func (p *Problem) response(requestID string) *Response {
	sent := *p
	sent.RequestID = requestID
	body, err := json.Marshal(&sent)
	if err != nil { // only invalid UTF-8 in Detail can do this
		sent.Detail, sent.Errors = "", nil
		body, _ = json.Marshal(&sent)
	}
	header := http.Header{}
	for name, values := range p.Header {
		header[name] = append([]string(nil), values...)
	}
	header.Set("Content-Type", ProblemType)
	return &Response{Status: p.Status, Header: header, Body: body, declared: isProblemMember}
}
