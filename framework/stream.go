package framework

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

// Stream takes an answer whose list may be too long to be made before it is sent. It comes in parts, of which each is an answer of
// its own: it is held to the schema and passes every after plugin, and then its list goes behind those of the parts before. Of the
// other members that counts which came first.
//
// An error before anything was sent is answered as always. After that the connection is cut off, so that no list looks complete that
// is not; in lines a last one, {"problem":{…}}, says why.
type Stream[O any] struct{ to *sender }

// Send takes the next part; there is at least one, and its list may be empty. It returns when the part was sent, or is held as the
// beginning of an answer that may be short. A caller that reads too slowly is an error. After an error nothing more is to be sent, and the
// handler returns it.
func (s *Stream[O]) Send(ctx context.Context, part *O) error { return s.to.part(ctx, part) }

// Lines has the items of the list sent one a line (application/x-ndjson), and nothing else of the parts. It is called before Send.
func (s *Stream[O]) Lines() { s.to.join = asLines{} }

// Header is sent with the answer, as far as it is set before the first Send; names with http.TrailerPrefix behind it.
func (s *Stream[O]) Header() http.Header { return s.to.header }

// The bounds of sending.
const (
	heldBytes  = 64 << 10         // of a document that is sent whole, with its length, when it has ended by then
	pieceBytes = 64 << 10         // that are written in one go
	pieceTime  = 30 * time.Second // for each of them
)

// joiner is how parts are put together.
type joiner interface {
	mediaType() string
	// held says how many bytes may wait for the end of the answer.
	held() int
	// add appends what a part adds.
	add(to []byte, p piece) ([]byte, error)
	// end appends what ends an answer.
	end(to []byte) []byte
	// fail appends what tells of a problem, once a part was sent.
	fail(to, problem []byte) []byte
}

// sender sends one answer in parts.
type sender struct {
	o       *operation
	request *Request
	to      http.ResponseWriter
	join    joiner
	header  http.Header

	first   *Response // the first part: its status and headers are those of the answer
	waiting []byte    // not sent yet
	size    int       // bytes sent
	err     error     // why nothing more is sent

	begun    bool // status and headers have left
	headOnly bool // and that is all
}

// errHead ends the answer to HEAD where its body would begin.
var errHead = errors.New("the caller wants no body")

// part takes a part through the rest of the funnel and sends it.
func (s *sender) part(ctx context.Context, value any) error {
	if s.err == nil {
		s.err = s.take(ctx, value)
	}
	return s.err
}

func (s *sender) take(ctx context.Context, value any) error {
	var part *Response
	err := guard("funnel", "", func() (err error) {
		part, err = s.o.encode(value)
		return err
	})
	if err == nil {
		part, err = s.o.pass(ctx, s.request, part, nil)
	}
	if err != nil {
		return err
	}
	adds, err := split(part.Body, s.o.list)
	if err != nil {
		return fmt.Errorf("a part of the answer of %s is not what its schema says once the after plugins had it: %w", s.o.ID, err)
	}
	if s.first == nil {
		s.first = part
	}
	if s.waiting, err = s.join.add(s.waiting, adds); err != nil {
		return err
	}
	if !s.begun && len(s.waiting) <= s.join.held() {
		return nil
	}
	return s.flush()
}

// begin sends status and headers.
func (s *sender) begin() {
	s.begun = true
	header := s.to.Header()
	setHeaders(header, s.request.ID)
	maps.Copy(header, s.first.Header)
	maps.Copy(header, s.header)
	header.Set("Content-Type", s.join.mediaType())
	s.to.WriteHeader(s.first.Status)
}

// flush sends what waits. Who takes it too slowly is not waited for: he holds what others need.
func (s *sender) flush() error {
	if !s.begun {
		s.begin()
	}
	if s.request.Method == http.MethodHead {
		s.headOnly = true
		return errHead
	}
	connection := http.NewResponseController(s.to)
	for rest := s.waiting; len(rest) > 0; {
		n := min(len(rest), pieceBytes)
		s.allow(connection)
		written, err := s.to.Write(rest[:n])
		s.size += written
		if err == nil {
			err = connection.Flush()
		}
		if err != nil && !errors.Is(err, http.ErrNotSupported) {
			return &goneError{err}
		}
		rest = rest[n:]
	}
	_ = connection.SetWriteDeadline(time.Time{}) // the next part may take its time
	s.waiting = s.waiting[:0]
	if cap(s.waiting) > 4*pieceBytes { // one large item is not to hold memory for all that follow
		s.waiting = nil
	}
	return nil
}

// allow gives what is written next its time.
func (s *sender) allow(connection *http.ResponseController) {
	_ = connection.SetWriteDeadline(time.Now().Add(pieceTime)) //nolint:forbidigo // deadlines are of the real clock; what is no connection has none
}

// goneError is a caller who left, or who reads too slowly.
type goneError struct{ error }

func (e *goneError) Error() string { return "send the answer: " + e.error.Error() }

func (e *goneError) Unwrap() error { return e.error }

// sent takes a request through the funnel. It returns what was not sent: an answer, if all of it is left, and the error that is
// to be logged.
func (o *operation) sent(ctx context.Context, request *Request, s *sender) (answer *Response, cause error) {
	input, err := o.input(ctx, request)
	if err == nil {
		err = guard("handler", "", func() error {
			return o.stream(context.WithValue(ctx, requestKey{}, request), input, s)
		})
		err = s.outcome(err)
	}
	switch {
	case err == nil && s.headOnly:
		return nil, nil //nolint:nilnil // all that was wanted has left
	case err == nil:
		return s.finish()
	case s.begun:
		return nil, s.fail(ctx, err)
	}
	return o.pass(ctx, request, toProblem(err).response(request.ID), err)
}

// outcome is nil when the answer is complete.
func (s *sender) outcome(handler error) error {
	switch {
	case s.headOnly:
		return nil
	case s.err != nil: // whatever the handler made of it
		return s.err
	case handler == nil && s.first == nil:
		return fmt.Errorf("operation %s sent no part", s.o.ID)
	default:
		return handler
	}
}

// finish ends a complete answer. One that is held still is returned, to be sent whole.
func (s *sender) finish() (*Response, error) {
	s.waiting = s.join.end(s.waiting)
	if !s.begun {
		s.first.Header.Set("Content-Type", s.join.mediaType())
		for name, values := range s.header { // there is no body to be waited for with trailers
			s.first.Header[strings.TrimPrefix(name, http.TrailerPrefix)] = values
		}
		s.first.Body = s.waiting
		return s.first, nil
	}
	maps.Copy(s.to.Header(), s.header) // trailers that were set since
	err := s.flush()
	s.allow(http.NewResponseController(s.to)) // for the end of the body, which net/http writes
	return nil, err
}

// fail tells of an error in the midst of an answer, where the form has words for it.
func (s *sender) fail(ctx context.Context, err error) error {
	if _, gone := errors.AsType[*goneError](err); gone {
		return err
	}
	problem, err := s.o.pass(ctx, s.request, toProblem(err).response(s.request.ID), err)
	s.waiting = s.join.fail(s.waiting[:0], problem.Body)
	return &brokenError{errors.Join(err, s.flush())}
}

// brokenError is why an answer was broken off by us.
type brokenError struct{ error }

func (e *brokenError) Error() string { return "the answer was broken off: " + e.error.Error() }

func (e *brokenError) Unwrap() error { return e.error }

// serveStream runs a request whose answer comes in parts and logs it.
func (f *Funnel) serveStream(w http.ResponseWriter, request *Request, o *operation, start time.Time) {
	ctx, ended := f.begin(request, o.path)
	s := &sender{o: o, request: request, to: w, join: &asDocument{list: o.list}, header: http.Header{}}
	answer, cause := o.sent(ctx, request, s)
	status, size := 0, s.size
	if answer != nil {
		status, size = answer.Status, len(answer.Body)
	} else {
		status = s.first.Status
	}
	if err := request.answered(status); err != nil {
		cause = errors.Join(cause, err)
	}
	if request.unread {
		stopWaiting(w)
	}
	if answer != nil {
		send(w, answer, request.ID)
	}
	ended(status)
	f.logRequest(request, o.path, status, size, start, cause)
	if answer == nil && cause != nil {
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to cut an answer off, so that it does not look complete
	}
}
