package framework

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// binding fills an input from a request. It is compiled from the input's type at start-up.
type binding struct {
	parameters []parameter
	body       *bodyBinding
	query      bool // a parameter is in the query
	route      *Route
	raw        int // index of the field Raw, -1 when there is none
	request    int // index of the field Request, -1 when there is none
}

type bodyBinding struct {
	field      int
	schema     *huma.Schema
	checker    *node
	form       *form
	undeclared Undeclared
	mend       bool
	standards  []standard
}

// parameter is a field that takes a path, query or header parameter.
type parameter struct {
	field    int
	in, name string
	required bool
	text     bool // the JSON form is a string: the value is quoted before it is checked
	list     bool // it may be given several times
	schema   *huma.Schema
	checker  *node
	standard []byte // the default in JSON, nil when there is none
}

// newBinding reads the fields of an input type.
func newBinding(s *schemas, route *Route) (*binding, error) {
	if route.input.Kind() != reflect.Struct {
		return nil, fmt.Errorf("input %s is not a struct", route.input)
	}
	if err := checkRoute(route); err != nil {
		return nil, err
	}
	b := &binding{raw: -1, request: -1, route: route}
	var errs []error
	for i := range route.input.NumField() {
		field := route.input.Field(i)
		switch {
		case field.Name == "Body":
			schema, checker, err := s.ofBody(field, route.ID+"-body")
			if err != nil {
				return nil, fmt.Errorf("input %s: %w", route.input, err)
			}
			standards, err := s.standardsOf(field.Type)
			b.body = &bodyBinding{field: i, schema: schema, checker: checker, form: formOf(field.Type), undeclared: route.undeclared, mend: route.mend, standards: standards}
			errs = append(errs, err)
		case field.Name == "Raw" && field.Type == reflect.TypeFor[[]byte]():
			b.raw = i
		case field.Name == "Request" && field.Type == reflect.TypeFor[*Request]():
			b.request = i
		default:
			p, err := newParameter(s, field, i)
			b.parameters = append(b.parameters, p)
			b.query = b.query || p.in == "query"
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("input %s: %w", route.input, err)
	}
	return b, nil
}

func newParameter(s *schemas, field reflect.StructField, index int) (parameter, error) {
	p := parameter{field: index}
	for _, in := range []string{"path", "query", "header"} {
		if name := field.Tag.Get(in); name != "" {
			p.in, p.name = in, name
		}
	}
	if p.in == "" {
		return p, fmt.Errorf("field %s has none of the tags path, query and header", field.Name)
	}
	p.required = p.in == "path" || field.Tag.Get("required") == "true"
	var err error
	if p.schema, p.checker, err = s.ofField(field); err != nil {
		return p, err
	}
	item := p.checker
	if item.array != nil {
		p.list, item = true, item.array.items
	}
	p.text = item.kinds&isString != 0
	if p.schema.Default != nil {
		p.standard, err = json.Marshal(p.schema.Default)
	}
	return p, err
}

// bind fills a new input. Its error is a Problem that names every place that breaks a rule.
func (b *binding) bind(r *Request, input any) error {
	target := reflect.ValueOf(input).Elem()
	var broken []Field
	var query url.Values
	if b.query {
		var err error
		if query, err = url.ParseQuery(r.URL.RawQuery); err != nil { // URL.Query would drop what it cannot read, a filter say
			broken = append(broken, Field{In: "query", Rule: "query", Message: "must be pairs of name=value, joined by &, with what is special percent-encoded"})
		}
	}
	for i := range b.parameters {
		broken = append(broken, b.parameters[i].bind(r, query, target)...)
	}
	if b.body != nil {
		violations, problem := b.body.bind(r, target.Field(b.body.field))
		if problem != nil {
			return problem
		}
		broken = append(broken, violations...)
	}
	if len(broken) > 0 {
		return b.unprocessable(broken)
	}
	if b.raw >= 0 {
		target.Field(b.raw).SetBytes(r.Raw())
	}
	if b.request >= 0 {
		target.Field(b.request).Set(reflect.ValueOf(r))
	}
	return nil
}

func (b *binding) unprocessable(broken []Field) *Problem {
	detail := "The call breaks the rules listed in errors."
	if len(broken) >= maxViolations {
		detail = fmt.Sprintf("The call breaks many rules, of which errors lists %d.", len(broken))
	}
	problem := NewProblem(http.StatusUnprocessableEntity, b.route.detail(detail))
	problem.Errors = broken
	return problem
}

func (p *parameter) bind(r *Request, query url.Values, target reflect.Value) []Field {
	values := p.values(r, query)
	document := p.standard
	switch {
	case len(values) > 0 && p.list:
		document = p.documents(values)
	case len(values) > 1:
		return p.breaks("once", "must be given once")
	case len(values) == 1:
		document = p.document(values[0])
	case p.required:
		return p.breaks("required", "is missing")
	case document == nil:
		return nil
	}
	violations, _, err := p.checker.check(document, Reject)
	if err != nil {
		return p.mistyped()
	}
	for i := range violations {
		violations[i].In, violations[i].Pointer = p.in, p.name
	}
	if len(violations) > 0 {
		return violations
	}
	if err := decodeChecked(document, target.Field(p.field).Addr().Interface()); err != nil {
		return p.mistyped()
	}
	return nil
}

// mistyped is about text that is no form of the parameter's type, or not UTF-8. A list is given value by value.
func (p *parameter) mistyped() []Field {
	if p.list {
		return p.breaks("type", "must be "+p.checker.array.items.kindsInWords()+", each time that it is given")
	}
	return p.breaks("type", "must be "+p.checker.kindsInWords())
}

func (p *parameter) breaks(rule, message string) []Field {
	return []Field{{In: p.in, Pointer: p.name, Rule: rule, Message: message}}
}

func (p *parameter) values(r *Request, query url.Values) []string {
	switch p.in {
	case "query":
		return query[p.name]
	case "header":
		return r.Header.Values(p.name)
	default:
		if value := r.PathParam(p.name); value != "" {
			return []string{value}
		}
		return nil
	}
}

// documents is the JSON form of a parameter that was given several times; nil when one of its values has none. It must not
// be left out: the list would look as if it had not been given.
func (p *parameter) documents(values []string) []byte {
	list := []byte{'['}
	for i, value := range values {
		if i > 0 {
			list = append(list, ',')
		}
		item := p.document(value)
		if item == nil {
			return nil
		}
		list = append(list, item...)
	}
	return append(list, ']')
}

// plainScalar is a JSON number, true or false, and nothing around it.
var plainScalar = regexp.MustCompile(`^(true|false|-?[0-9.eE+-]+)$`)

// document is the JSON form of a parameter's text. Text that is not valid UTF-8 gives a document that is refused.
func (p *parameter) document(value string) []byte {
	if !p.text {
		if !plainScalar.MatchString(value) {
			return nil // which is no JSON: text must not bring brackets, commas or null of its own
		}
		return []byte(value)
	}
	quoted, err := jsontext.AppendQuote(nil, value)
	if err != nil {
		return nil
	}
	return quoted
}

// bind checks and decodes the body. The problem, if any, is about the body as a whole.
func (b *bodyBinding) bind(r *Request, target reflect.Value) (violations []Field, problem *Problem) {
	if err := apply(b.standards, target); err != nil {
		return nil, internalProblem()
	}
	document := r.Raw()
	if b.mend {
		document = Mended(document)
	}
	violations, filled, err := b.checker.fill(document, b.undeclared, b.form, target)
	switch {
	case err != nil:
		return nil, notJSON(err)
	case len(violations) > 0 || filled:
		return violations, nil
	}
	return b.decode(document, target)
}

// decode is for bodies that fill could not put into the input: it does, or says what does not fit.
func (b *bodyBinding) decode(document []byte, target reflect.Value) (violations []Field, problem *Problem) {
	target.SetZero()
	if err := apply(b.standards, target); err != nil {
		return nil, internalProblem()
	}
	err := decodeChecked(document, target.Addr().Interface())
	if err == nil {
		return nil, nil
	}
	// What the schema allows and the Go type cannot hold, such as a date of the year 10000.
	field := Field{In: "body", Rule: "type", Message: "has a value that is out of range here"}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		field.Pointer = shortened(string(semantic.JSONPointer))
	}
	return []Field{field}, nil
}

// notJSON is the problem for a body that is not one JSON document. It says where, never what was sent.
func notJSON(cause error) *Problem {
	problem := NewProblem(http.StatusBadRequest, "The body is not valid JSON. Nothing was stored.")
	field := Field{In: "body", Rule: "json", Message: "must be one JSON document (RFC 8259) in UTF-8 without repeated names"}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](cause); ok {
		field.Pointer = shortened(string(syntactic.JSONPointer))
		field.Message += fmt.Sprintf("; see byte %d", syntactic.ByteOffset)
	}
	if errors.Is(cause, errTooDeep) {
		field.Rule, field.Message = "depth", fmt.Sprintf("must not be nested deeper than %d", maxDepth)
	}
	if errors.Is(cause, io.ErrUnexpectedEOF) || errors.Is(cause, io.EOF) {
		field.Message = "ends before the JSON document is complete"
	}
	problem.Errors = []Field{field}
	return problem
}
