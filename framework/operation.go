package framework

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// operation is a mounted route, compiled: the order of a call is the order of its methods.
type operation struct {
	Route
	Chain
	path         string // with the segments that plugins read
	binding      *binding
	outputSchema *huma.Schema
	output       *node
	empty        bool // the output has no members: the answer is 204 without a body
	declared     func(name string) bool
	early        int // how many before plugins run before the body is read

	bodyExample, answerExample jsontext.Value // for the document; nil when there is none
}

func newOperation(s *schemas, route Route, chain Chain) (*operation, error) {
	if err := chain.validate(); err != nil {
		return nil, err
	}
	path, err := chain.extend(route.Path)
	if err != nil {
		return nil, err
	}
	o := &operation{Route: route, Chain: chain, path: path, early: chain.early()}
	if err := o.checkScope(); err != nil {
		return nil, err
	}
	if o.binding, err = newBinding(s, &o.Route); err != nil {
		return nil, err
	}
	if route.output.Kind() == reflect.Struct && route.output.NumField() == 0 {
		o.empty = true
		o.success = []int{http.StatusNoContent}
		return o, o.encodeExamples()
	}
	if o.outputSchema, o.output, err = s.ofType(route.output, route.ID+"-answer"); err != nil {
		return nil, err
	}
	o.declared = namesOf(o.output).has
	if err := o.checkList(); err != nil {
		return nil, err
	}
	return o, o.encodeExamples()
}

// run takes a request through the funnel and returns the answer to be sent, with the error that it hides, if any.
func (o *operation) run(ctx context.Context, request *Request) (*Response, error) {
	answer, cause := o.answerOrMask(ctx, request)
	return o.pass(ctx, request, answer, cause)
}

// pass takes an answer, or a part of one, through the after plugins.
func (o *operation) pass(ctx context.Context, request *Request, answer *Response, cause error) (*Response, error) {
	for _, plugin := range o.After {
		if err := guard("after plugin", plugin.Name, func() error { return plugin.Part.After(ctx, request, answer) }); err != nil {
			return internalProblem().response(request.ID), errors.Join(cause, err)
		}
	}
	return answer, cause
}

// answerOrMask is answer, with a panic anywhere in it masked: types of a part are decoded, encoded and asked for their status
// outside of its handler.
func (o *operation) answerOrMask(ctx context.Context, request *Request) (answer *Response, cause error) {
	crash := guard("funnel", "", func() error {
		answer, cause = o.answer(ctx, request)
		return nil
	})
	if crash != nil {
		return internalProblem().response(request.ID), crash
	}
	return answer, cause
}

// answer is the funnel up to the after plugins.
func (o *operation) answer(ctx context.Context, request *Request) (*Response, error) {
	input, err := o.input(ctx, request)
	if err != nil {
		return toProblem(err).response(request.ID), err
	}
	var output any
	err = guard("handler", "", func() error {
		output, err = o.handle(context.WithValue(ctx, requestKey{}, request), input)
		return err
	})
	if err != nil {
		return toProblem(err).response(request.ID), err
	}
	answer, err := o.encode(output)
	if err != nil {
		return internalProblem().response(request.ID), err
	}
	return answer, nil
}

// input is the funnel up to the handler.
func (o *operation) input(ctx context.Context, request *Request) (any, error) {
	if err := o.admit(ctx, request); err != nil {
		return nil, err
	}
	if err := o.checkContent(request.Header); err != nil {
		return nil, err
	}
	input := o.newInput()
	return input, o.binding.bind(request, input)
}

// firstRead is the room in bytes that is made for a body before any of it has come.
const firstRead = 16 << 10

// readBody reads the whole body within the bound: plugins check signatures on exactly these bytes.
func (o *operation) readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > o.maxBody {
		return nil, o.tooLarge()
	}
	// No more room is made than a sender has filled, or a few headers without bodies could cost gigabytes. One byte more than
	// was announced is where the end is found.
	body := make([]byte, 0, max(bytes.MinRead, min(r.ContentLength+1, firstRead)))
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > o.maxBody:
			return nil, o.tooLarge()
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, unread(err)
		}
		if len(body) == cap(body) {
			body = slices.Grow(body, len(body))
		}
	}
}

func (o *operation) tooLarge() *Problem {
	return NewProblem(http.StatusRequestEntityTooLarge, o.detail(fmt.Sprintf("The body is larger than %d bytes.", o.maxBody)))
}

// unread tells why a body was not read to its end. The server around the funnel may have said so with a Problem.
func unread(err error) *Problem {
	problem, told := errors.AsType[*Problem](err)
	switch {
	case told:
		return problem
	case errors.Is(err, os.ErrDeadlineExceeded):
		problem = NewProblem(http.StatusRequestTimeout, "The body did not arrive within the time limit. Nothing was stored.")
	default:
		problem = NewProblem(http.StatusBadRequest, "The body could not be read to its end. Nothing was stored.")
	}
	problem.Cause = err
	return problem
}

// admit runs the before plugins and reads the body, as late as they allow: who does not get in is not waited for.
func (o *operation) admit(ctx context.Context, request *Request) error {
	request.unread = request.ContentLength != 0
	if err := o.before(ctx, request, 0, o.early); err != nil {
		return err
	}
	body, err := o.readBody(request.Request)
	if err != nil {
		request.unread = request.unread && !errors.Is(err, os.ErrDeadlineExceeded) // which was long enough
		return err
	}
	request.raw, request.unread = body, false
	if o.early == len(o.Before) {
		return nil
	}
	return o.before(ctx, request, o.early, len(o.Before))
}

// before runs some of the before plugins, and asks behind the last of all for the scope of the route.
func (o *operation) before(ctx context.Context, request *Request, from, to int) error {
	for _, plugin := range o.Before[from:to] {
		if err := guard("before plugin", plugin.Name, func() error { return plugin.Part.Before(ctx, request) }); err != nil {
			return err
		}
		if _, proves := plugin.Part.(Authenticator); proves {
			request.brings = len(o.Events) > 0
		}
	}
	if to < len(o.Before) {
		return nil
	}
	return o.authorize(request)
}

const jsonType = "application/json"

// checkContent refuses a body that says it is something else than JSON, as it is. None said is taken for that.
func (o *operation) checkContent(header http.Header) error {
	if o.binding.body == nil {
		return nil
	}
	if isEncoded(header["Content-Encoding"]) {
		problem := NewProblem(http.StatusUnsupportedMediaType, "Send the body as it is, without a Content-Encoding such as gzip.")
		problem.Header = http.Header{"Accept-Encoding": {"identity"}} // RFC 9110 section 15.5.16
		return problem
	}
	said := header.Get("Content-Type")
	if said == "" || said == jsonType {
		return nil
	}
	mediaType, parameters, err := mime.ParseMediaType(said)
	isUTF8 := parameters["charset"] == "" || strings.EqualFold(parameters["charset"], "utf-8")
	if err == nil && isUTF8 && (mediaType == jsonType || strings.HasSuffix(mediaType, "+json") || slices.Contains(o.accepts, mediaType)) {
		return nil
	}
	return NewProblem(http.StatusUnsupportedMediaType, "Send the body as Content-Type: application/json, in UTF-8.")
}

// isEncoded reports whether the values of Content-Encoding name anything but identity. The names may come in either case.
func isEncoded(values []string) bool {
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.TrimSpace(name); name != "" && !strings.EqualFold(name, "identity") {
				return true
			}
		}
	}
	return false
}

// encode turns the handler's output into the answer: undeclared members are stripped, and an answer that breaks its
// own schema is a fault of ours, which does not leave.
func (o *operation) encode(output any) (*Response, error) {
	status := o.success[0]
	if chooser, ok := output.(Statuser); ok {
		status = chooser.HTTPStatus()
		if !slices.Contains(o.success, status) {
			return nil, fmt.Errorf("operation %s does not declare the status %d", o.ID, status)
		}
	}
	if o.empty {
		return &Response{Status: status, Header: http.Header{}}, nil
	}
	body, err := json.Marshal(output)
	if err != nil {
		return nil, fmt.Errorf("encode the answer of %s: %w", o.ID, err)
	}
	violations, cuts, err := o.output.check(body, Drop)
	if err != nil {
		return nil, fmt.Errorf("check the answer of %s: %w", o.ID, err)
	}
	if len(violations) > 0 {
		return nil, fmt.Errorf("the answer of %s breaks its schema at %q: %s", o.ID, violations[0].Pointer, violations[0].Message)
	}
	header := http.Header{"Content-Type": {jsonType}}
	return &Response{Status: status, Header: header, Body: without(body, cuts), declared: o.declared}, nil
}

// without removes ranges, which are in ascending order, from a document.
func without(document []byte, cuts []cut) []byte {
	if len(cuts) == 0 {
		return document
	}
	kept, from := make([]byte, 0, len(document)), 0
	for _, c := range cuts {
		kept = append(kept, document[from:c.from]...)
		from = c.to
	}
	return append(kept, document[from:]...)
}

// toProblem is the mask: whatever is not a Problem becomes a bare 500.
func toProblem(err error) *Problem {
	if problem, ok := errors.AsType[*Problem](err); ok {
		return problem
	}
	return internalProblem()
}

func internalProblem() *Problem {
	return NewProblem(http.StatusInternalServerError, "The server could not complete the call. Quote the request id when asking for help.")
}

// panicked is a recovered panic with its stack, for the log.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// guard runs a part's code and turns a panic into an error that names the part.
func guard(kind, name string, run func() error) (err error) {
	part := func() string { return strings.TrimSpace(kind + " " + name) }
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("%s: %w", part(), &panicked{value, debug.Stack()})
		}
	}()
	if err := run(); err != nil {
		return fmt.Errorf("%s: %w", part(), err)
	}
	return nil
}

type requestKey struct{}

// RequestID returns the id of the request that a handler's context belongs to, or "".
func RequestID(ctx context.Context) string {
	if request, ok := ctx.Value(requestKey{}).(*Request); ok {
		return request.ID
	}
	return ""
}
