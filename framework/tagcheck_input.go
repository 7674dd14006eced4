package framework

import (
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

var (
	parameterName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.\[\]-]*$`)
	pathSegment   = regexp.MustCompile(`^(?:[^{}:*]*|\{([A-Za-z_][A-Za-z0-9_-]*)\})$`)
)

// path looks at the path of a route.
func (c *tagCheck) path(route *Route) {
	at := spot{owner: "the path " + route.Path}
	if !strings.HasPrefix(route.Path, "/") {
		c.wrong(at, "a path begins with a slash")
	}
	var names []string
	for segment := range strings.SplitSeq(route.Path, "/") {
		match := pathSegment.FindStringSubmatch(segment)
		switch {
		case match == nil:
			c.wrong(at, "the segment %s is neither plain nor a parameter, which is written {name}", segment)
		case match[1] == "":
		case slices.Contains(names, match[1]):
			c.wrong(at, "the parameter {%s} is in it twice", match[1])
		default:
			names = append(names, match[1])
			if !isTaken(match[1], route.input) {
				c.wrong(at, "no field of the input takes the parameter {%s}: add one with the tag path:%q", match[1], match[1])
			}
		}
	}
}

func isTaken(name string, input reflect.Type) bool {
	for field := range input.Fields() {
		if field.Tag.Get("path") == name {
			return true
		}
	}
	return false
}

// input looks at the fields of an input.
func (c *tagCheck) input(route *Route) {
	names := map[string]spot{}
	for field := range route.input.Fields() {
		at := spot{owner: "the input"}.inside(route.input, field.Name)
		tags, err := parseTag(field.Tag)
		switch {
		case !c.tells(at, err):
		case field.Anonymous:
			c.wrong(at, "a struct is embedded in an input, whose parameters are not looked for in it: write them here")
		case !field.IsExported():
			c.wrong(at, "the field is not exported, so that nothing fills it: remove it")
		case field.Name == "Body":
			c.body(field, tags, at)
		case field.Name == "Raw" && field.Type == reflect.TypeFor[[]byte](), field.Name == "Request" && field.Type == reflect.TypeFor[*Request]():
			c.unread(tags, "the field is filled by its name", at)
		default:
			c.parameter(field, tags, route, names, at)
		}
	}
}

// body looks at the field Body, whose tags are rules for the body as a whole.
func (c *tagCheck) body(field reflect.StructField, tags []tag, at spot) {
	before := len(c.errs)
	c.tags(tags, append(placeKeys(), "choice", "discriminator"), at)
	for _, t := range tags {
		if slices.Contains([]string{"default", "required", "nullable", "example"}, t.key) {
			c.wrong(at, "the tag %s has no meaning: a body is always needed, and its example is Endpoint.Example", t.key)
		}
	}
	if field.Type.Name() == "" && field.Type.Kind() == reflect.Struct {
		at = at.inside(reflect.TypeFor[struct{}](), "") // its fields are called those of the body
	}
	if c.value(field.Type, at) && len(c.errs) == before {
		c.rules(field, tags, at)
	}
}

func (c *tagCheck) parameter(field reflect.StructField, tags []tag, route *Route, names map[string]spot, at spot) {
	var places []string
	for _, t := range tags {
		if slices.Contains(placeKeys(), t.key) {
			places = append(places, t.key)
		}
	}
	switch {
	case len(places) == 0:
		c.wrong(at, "it has none of the tags path, query and header; a body is the field Body")
		return
	case len(places) > 1:
		c.wrong(at, "it has the tags %s: a parameter is in one place", strings.Join(places, " and "))
		return
	}
	before, in, name := len(c.errs), places[0], field.Tag.Get(places[0])
	c.tags(tags, []string{"choice", "discriminator"}, at)
	c.parameterName(in, name, route, names, at)
	if !c.value(field.Type, at) || len(c.errs) > before {
		return
	}
	schema, _, err := newSchemas().ofField(reflect.StructField{Name: field.Name, Type: field.Type})
	if c.tells(at, err) && c.tells(at, isParameter(in, field, schema)) {
		c.rules(field, tags, at)
	}
}

func (c *tagCheck) parameterName(in, name string, route *Route, names map[string]spot, at spot) {
	key := in + " " + name
	if in == "header" {
		key = in + " " + http.CanonicalHeaderKey(name)
	}
	switch other, taken := names[key]; {
	case taken:
		c.wrong(at, "the %s parameter %s is taken by %s", in, name, other)
	case !parameterName.MatchString(name):
		c.wrong(at, "%q is no name for a parameter: take letters, digits, _ and -", name)
	case in == "path" && !strings.Contains(route.Path+"/", "/{"+name+"}/"):
		c.wrong(at, "the path %s has no parameter {%s}", route.Path, name)
	}
	names[key] = at
}

// isParameter refuses what cannot be read from the text of a parameter.
func isParameter(in string, field reflect.StructField, schema *huma.Schema) error {
	item, required := itemOf(schema), field.Tag.Get("required")
	_, hasDefault := field.Tag.Lookup("default")
	switch {
	case item.Type == "" || item.Type == huma.TypeObject || item.Type == huma.TypeArray:
		return fmt.Errorf("a parameter is a text, a number, a boolean or a list of those, not %s", inWords(item))
	case in == "path" && schema.Type == huma.TypeArray:
		return fmt.Errorf("a segment of the path is one value, not a list")
	case in == "path" && (hasDefault || required == "false"):
		return fmt.Errorf("a segment of the path is always there: remove default and required")
	case in == "header" && leaf(field.Type) == reflect.TypeFor[time.Time]() && field.Tag.Get("format") != "date-time":
		return fmt.Errorf(`times in headers are of two kinds: add format:"date-time" for those of RFC 3339, or take a string for HTTP's own`)
	}
	return nil
}
