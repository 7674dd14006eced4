package framework

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// Before runs ahead of decoding, on the headers and the raw bytes; without these when it is HeadersOnly. It is used by many requests at once.
type Before interface {
	// Before returns nil to let the call go on. A Problem is answered as it is; any other error and any panic
	// become a bare 500, and no data is given.
	Before(ctx context.Context, r *Request) error
}

// After runs on the buffered response, problems included, before a byte of it has left.
type After interface {
	// After may change the response. On an error or a panic nothing of the response leaves: a bare 500 is sent.
	After(ctx context.Context, r *Request, response *Response) error
}

// SecurityScheme describes in the OpenAPI document how a caller proves who they are.
type SecurityScheme = huma.SecurityScheme

// Authenticator is implemented by a Before plugin that refuses callers who do not prove who they are. A route
// without one must say that it is public, or the server does not start.
type Authenticator interface {
	Before
	// Security is the scheme for the document; a zero one is left out, since OpenAPI has no word for a token in the path.
	Security() SecurityScheme
}

// HeadersOnly is implemented by a Before plugin that may not need the body. As long as a chain begins with such plugins they run
// before the body is read, and Raw is empty for them: whoever they refuse is not waited for. After the first plugin that needs the
// body they run where they stand.
type HeadersOnly interface {
	Before
	// HeadersOnly is whether it works without the body as it is configured.
	HeadersOnly() bool
}

// NeedsIdentity is implemented by a Before plugin that works on who is calling, Request.Identity. The server does not start
// when no Authenticator is before such a plugin.
type NeedsIdentity interface {
	Before
	// NeedsIdentity is whether it does so as it is configured.
	NeedsIdentity() bool
}

// Refuser is implemented by a Before plugin whose Problems have other statuses than 401, so that the document lists them.
type Refuser interface {
	Before
	// Refusals returns the statuses.
	Refusals() []int
}

// PathExtender is implemented by a Before plugin that reads a segment of the path. Every path of its endpoint
// gets "/{name}" appended.
type PathExtender interface {
	// PathSegment returns the name, or "" for none.
	PathSegment() string
}

// Request is the call as plugins see it: the HTTP request, its id and its body, bounded.
type Request struct {
	*http.Request
	ID       string // in the answer, in the header X-Request-Id and in every log line
	client   netip.Addr
	identity string
	scopes   []Scope // what the caller is limited to
	limited  bool    // else the caller may do everything
	raw      []byte
	unread   bool // the body was not asked for, and may still be on its way
	brings   bool // it comes to have an event stored, and the caller has proven who they are
	params   func(string) string
	onAnswer []func(status int)
}

// NewRequest wraps an HTTP request whose body was read. Path parameters are looked up with params; nil means none.
func NewRequest(r *http.Request, id string, body []byte, params func(string) string) *Request {
	return &Request{Request: r, ID: id, raw: body, params: params}
}

// Raw returns the body as it came in, and nothing to plugins that run before it is read (HeadersOnly). It must not be changed.
func (r *Request) Raw() []byte { return r.raw }

// PathParam returns a path parameter, or "".
func (r *Request) PathParam(name string) string {
	if r.params == nil {
		return ""
	}
	return r.params(name)
}

// Client is the address of the caller: the peer of the connection, or, when that is a trusted proxy of the
// configuration, the last address in X-Forwarded-For that is not one. It is invalid when there is none, as in tests.
func (r *Request) Client() netip.Addr { return r.client }

// SetClient says who the caller is. The funnel does; plugins must not.
func (r *Request) SetClient(client netip.Addr) { r.client = client }

// Identify attaches who is calling, for the log line and the handler. It must not be a secret.
func (r *Request) Identify(identity string) { r.identity = identity }

// Identity is who is calling, or "".
func (r *Request) Identity() string { return r.identity }

// OnAnswer has a function called with the status of the answer, once that is decided: a before plugin learns what became
// of the call that it let through. What was asked for last is called first.
func (r *Request) OnAnswer(call func(status int)) { r.onAnswer = append(r.onAnswer, call) }

// answered calls what OnAnswer was given.
func (r *Request) answered(status int) error {
	var errs []error
	for _, call := range slices.Backward(r.onAnswer) { // each is told, whatever another one does
		if err := guard("on answer", "", func() error { call(status); return nil }); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Response is the answer, complete and not yet sent.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	declared func(name string) bool
}
