package framework

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// checkRoute looks for mistakes in the types of a route: tags that are wrong, that mean nothing where they stand, or that
// contradict each other, and fields that a document could not describe. Each would start, and be a rule that does not hold or
// an answer that is never right; so each is an error at the start that names the type and the field and says what to do.
func checkRoute(route *Route) error {
	if err := errors.Join(checkRecursion(route.input), checkRecursion(route.output)); err != nil {
		return err // what follows would not come to an end
	}
	c := &tagCheck{right: map[reflect.Type]bool{}, told: map[string]bool{}}
	c.path(route)
	c.input(route)
	c.right, c.written = map[reflect.Type]bool{}, true
	c.value(route.output, spot{owner: "the answer"})
	return errors.Join(c.errs...)
}

// tagCheck collects mistakes.
type tagCheck struct {
	right   map[reflect.Type]bool // the structs that were looked at
	written bool                  // the types are written, not read
	told    map[string]bool
	errs    []error
}

// spot is where something is, as people call it.
type spot struct{ owner, field string }

func (p spot) String() string {
	if p.field == "" {
		return p.owner
	}
	return "field " + p.field + " of " + p.owner
}

// inside is the place of a struct's field. A struct without a name is called by where it is.
func (p spot) inside(t reflect.Type, field string) spot {
	switch {
	case t.Name() != "":
		return spot{t.String(), field}
	case p.field != "":
		return spot{p.owner + "." + p.field, field}
	default:
		return spot{p.owner, field}
	}
}

// wrong remembers a mistake, once.
func (c *tagCheck) wrong(at spot, format string, args ...any) {
	err := fmt.Errorf("%s: "+format, append([]any{at}, args...)...) //nolint:goerr113 // each is for people alone
	if !c.told[err.Error()] {
		c.told[err.Error()] = true
		c.errs = append(c.errs, err)
	}
}

// tells runs a check and reports whether it found nothing.
func (c *tagCheck) tells(at spot, err error) bool {
	if err != nil {
		c.wrong(at, "%w", err)
	}
	return err == nil
}

// value looks into a type that has a form in JSON, and reports whether all is right with it.
func (c *tagCheck) value(t reflect.Type, at spot) bool {
	switch {
	case t.Kind() == reflect.Pointer:
		return c.value(t.Elem(), at)
	case isAChoice(t):
		return c.shapes(t.Field(0).Type, at)
	case isOfOurs(t):
		return c.value(t.Field(0).Type, at)
	case !c.tells(at, isNotSwallowed(t)):
		return false
	case tellsItsSchema(t):
		return true
	case !c.tells(at, hasSchema(t, c.written)):
		return false
	case writesItself(t):
		return true
	case t.Kind() == reflect.Struct:
		return c.members(t, at)
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map:
		return c.value(t.Elem(), at)
	default:
		return true
	}
}

// shapes looks at the struct in a Choice, and at each shape.
func (c *tagCheck) shapes(t reflect.Type, at spot) bool {
	described, err := choiceOf(t)
	if !c.tells(at, err) {
		return false
	}
	right := true
	for _, v := range described.variants {
		field := t.Field(v.field)
		here := at.inside(t, field.Name)
		tags, err := parseTag(field.Tag)
		c.unread(slices.DeleteFunc(tags, func(t tag) bool { return t.key == "choice" }), "a shape of a framework.Choice is an object, and has its own rules", here)
		right = c.tells(here, err) && c.value(v.of, here) && right
	}
	return right
}

// members looks at the fields of a struct. One that is being looked at, since it contains itself, is taken to be right.
func (c *tagCheck) members(t reflect.Type, at spot) bool {
	if right, seen := c.right[t]; seen {
		return right
	}
	c.right[t] = true
	before := len(c.errs)
	c.names(t, at)
	for field := range t.Fields() {
		c.member(field, at.inside(t, field.Name))
	}
	c.right[t] = len(c.errs) == before
	return c.right[t]
}

func (c *tagCheck) member(field reflect.StructField, at spot) {
	tags, err := parseTag(field.Tag)
	if !c.tells(at, err) {
		return
	}
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	switch embedded := field.Anonymous && name == ""; {
	case embedded:
		c.embedded(field, tags, at)
		return
	case !field.IsExported():
		c.unread(tags, "the field is not exported, so that nothing fills it", at)
		return
	case field.Tag.Get("json") == "-":
		c.unread(slices.DeleteFunc(tags, func(t tag) bool { return t.key == "json" }), `the field is left out by json:"-"`, at)
		return
	}
	before := len(c.errs)
	c.tells(at, checkJSON(field.Tag.Get("json")))
	c.tags(tags, append(placeKeys(), "choice", "discriminator"), at)
	if c.value(field.Type, at) && len(c.errs) == before {
		c.rules(field, tags, at)
	}
}

// tags looks at the keys and values of a field, some of which may not stand there.
func (c *tagCheck) tags(tags []tag, elsewhere []string, at spot) {
	for _, t := range tags {
		if slices.Contains(elsewhere, t.key) {
			c.wrong(at, "the tag %s has no meaning here: %s", t.key, map[string]string{
				"path": "parameters are fields of the input, beside its Body", "query": "parameters are fields of the input, beside its Body",
				"header": "parameters are fields of the input, beside its Body", "choice": "it is for the fields of the struct in a framework.Choice",
				"discriminator": "it is for the field _ of the struct in a framework.Choice",
			}[t.key])
			continue
		}
		if c.tells(at, checkKey(t.key)) {
			c.tells(at, checkValue(t))
		}
	}
}

// unread refuses rules on a field that is not read.
func (c *tagCheck) unread(tags []tag, why string, at spot) {
	for _, t := range tags {
		if isRead(t.key) || t.key == "json" {
			c.wrong(at, "the tag %s has no meaning: %s", t.key, why)
		} else {
			c.tells(at, checkKey(t.key))
		}
	}
}

// embedded looks at a struct whose members become those of the struct around it.
func (c *tagCheck) embedded(field reflect.StructField, tags []tag, at spot) {
	switch {
	case field.Type.Kind() == reflect.Pointer:
		c.wrong(at, "a pointer is embedded: embed the struct itself, since nil would leave out members that the schema requires")
	case field.Type.Kind() != reflect.Struct || tellsItsSchema(field.Type) || writesItself(field.Type):
		c.wrong(at, "only a struct without a JSON form of its own can be embedded: give the field a name in the tag json")
	case !field.IsExported():
		c.wrong(at, "the embedded type is not exported, and the schema leaves its members out: export it, or write them here")
	case len(tags) > 0 && field.Tag.Get("json") != "-":
		c.wrong(at, "an embedded struct takes no tags, %s neither: give it a name in the tag json to make it a member of its own", tags[0].key)
	case len(tags) == 0:
		c.value(field.Type, at)
	}
}

// names refuses a JSON name that two fields of a struct have, be it through embedding, and a field that another one hides:
// the schema and the JSON package choose among them by different rules.
func (c *tagCheck) names(t reflect.Type, at spot) {
	names, goNames := map[string]spot{}, map[string]spot{}
	var look func(t reflect.Type, at spot)
	look = func(t reflect.Type, at spot) {
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			here := at.inside(t, field.Name)
			switch {
			case field.Anonymous && name == "":
				if field.Type.Kind() == reflect.Struct {
					look(field.Type, here)
				}
				continue
			case !field.IsExported() || name == "-":
				continue
			case name == "":
				name = field.Name
			}
			if other, taken := names[name]; taken {
				c.wrong(here, "the JSON name %q is taken by %s", name, other)
			} else if other, hidden := goNames[field.Name]; hidden {
				c.wrong(here, "it has the same name as %s, and the schema shows one of them alone: rename one", other)
			}
			names[name], goNames[field.Name] = here, here
		}
	}
	look(t, at)
}
