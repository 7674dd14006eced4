package framework

import (
	"context"
	"net/http"
	"reflect"
)

// Undeclared says what becomes of input members that the schema does not declare.
type Undeclared int

// The two ways with undeclared members.
const (
	Reject Undeclared = iota // a 422 that names them: the default
	Drop                     // they are removed before decoding, for senders that add fields from release to release
)

// DefaultMaxBody bounds a request body in bytes unless the endpoint says otherwise.
const DefaultMaxBody = 1 << 20

// Endpoint is a typed HTTP operation. The fields of I are bound and checked by their tags: path, query and header
// name a parameter, and the field Body, if there is one, takes the decoded JSON body. The field Raw of type []byte, if
// there is one, gets the body as sent, the field Request of type *Request the call itself. O is encoded as JSON.
type Endpoint[I, O any] struct {
	Method      string
	Path        string // with parameters as {name}; a trailing slash is served too
	ID          string // operation id: unique, kebab-case
	Summary     string // one line
	Description string
	Tag         string // groups operations in the document
	// TagDescription says what the operations of the tag are for; one of them having it is enough.
	TagDescription string
	// Scope is what the caller must be allowed; anybody whom the before plugins let through when empty.
	Scope      Scope
	MaxBody    int64             // bytes; DefaultMaxBody when 0
	Accepts    []string          // media types beside JSON that senders say their JSON is of: text/plain by Amazon SNS
	Undeclared Undeclared        // Reject or Drop undeclared members of the body
	Mend       bool              // bind Mended(body), for senders that repeat nothing: else text that is not Unicode is a 400
	Forms      map[string]string // media types beside JSON that the answer may have, when Stream chooses them, each with an example
	Success    []int             // the statuses that Handle may give, the usual one first; 200 when empty
	Events     []string          // the types of event that Handle may publish: what automations can be on
	Example    any               // of a request body, for the document; it is held to the schema
	Answer     *O                // an example of the answer, for the document; it is held to the schema
	Handle     func(context.Context, *I) (*O, error)
	// Stream takes the place of Handle where O holds a list that may be too long to be made before it is sent; List is the name of
	// that member. Parts of the answer are sent while it is made.
	Stream func(context.Context, *I, *Stream[O]) error
	List   string
}

// Statuser is implemented by an output that chooses among Endpoint.Success.
type Statuser interface {
	// HTTPStatus returns the status of the answer.
	HTTPStatus() int
}

// Routes are the operations of an endpoint part.
type Routes []Route

// Route is an Endpoint whose types were erased, ready to be mounted. Make one with Endpoint.Route.
type Route struct {
	Method, Path, ID, Summary, Description, Tag, TagDescription string

	Events []string // the types of event that it may publish
	Scope  Scope    // what the caller must be allowed

	// Probe looks at the services that the endpoint needs, as a Prober does; nil when there is nothing to look at.
	Probe func(ctx context.Context) []Probed

	maxBody    int64
	undeclared Undeclared
	mend       bool
	accepts    []string
	forms      map[string]string
	success    []int
	example    any
	answered   any
	input      reflect.Type // a struct
	output     reflect.Type
	newInput   func() any // a pointer to a new input
	handle     func(context.Context, any) (any, error)
	stream     func(context.Context, any, *sender) error // instead of handle
	list       string
}

// Route erases the types.
func (e Endpoint[I, O]) Route() Route {
	if e.MaxBody == 0 {
		e.MaxBody = DefaultMaxBody
	}
	if len(e.Success) == 0 {
		e.Success = []int{http.StatusOK}
	}
	route := Route{
		Method: e.Method, Path: e.Path, ID: e.ID, Summary: e.Summary, Description: e.Description, Tag: e.Tag, TagDescription: e.TagDescription, Events: e.Events, Scope: e.Scope,
		maxBody: e.MaxBody, undeclared: e.Undeclared, mend: e.Mend, accepts: e.Accepts, forms: e.Forms, success: e.Success, example: e.Example,
		input: reflect.TypeFor[I](), output: reflect.TypeFor[O](),
		newInput: func() any { return new(I) },
		handle: func(ctx context.Context, input any) (any, error) {
			output, err := e.Handle(ctx, input.(*I)) //nolint:forcetypeassert // made by newInput
			if err != nil {
				return nil, err
			}
			return output, nil
		},
	}
	if e.Stream != nil {
		route.list = e.List
		route.stream = func(ctx context.Context, input any, to *sender) error {
			return e.Stream(ctx, input.(*I), &Stream[O]{to}) //nolint:forcetypeassert // made by newInput
		}
	}
	if e.Answer != nil {
		route.answered = e.Answer
	}
	return route
}

// detail completes that of a refusal: who only reads is not told that nothing was stored.
func (r *Route) detail(reason string) string {
	if r.Method == http.MethodGet {
		return reason
	}
	return reason + " Nothing was stored."
}
