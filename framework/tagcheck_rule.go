package framework

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// rules holds the tags of a field, each of which is right by itself, against its type and against each other.
func (c *tagCheck) rules(field reflect.StructField, tags []tag, at spot) {
	rules := slices.DeleteFunc(slices.Clone(tags), func(t tag) bool { return !isRead(t.key) || t.key == "doc" || t.key == "deprecated" })
	if len(rules) == 0 {
		return
	}
	s := newSchemas() // of its own, so that trying out leaves no names in the published ones
	schema, _, err := s.ofField(reflect.StructField{Name: field.Name, Type: field.Type})
	if !c.tells(at, err) {
		return
	}
	before := len(c.errs)
	for _, t := range rules {
		c.tells(at, meansSomething(t, field.Type, schema))
	}
	if len(c.errs) > before {
		return
	}
	if _, given := field.Tag.Lookup("default"); given && field.Tag.Get("required") == "true" {
		c.wrong(at, "it is required and has a default, which would never be taken: remove one")
	}
	if options := field.Tag.Get("json"); field.Tag.Get("required") == "true" && strings.Contains(options, ",omit") {
		c.wrong(at, "it is required, and left out of an answer by omitempty or omitzero: remove one")
	}
	bounded, checker, err := s.ofField(reflect.StructField{Name: field.Name, Type: field.Type, Tag: withoutKeys(tags, "enum", "const", "default", "example")})
	if !c.tells(at, err) {
		return
	}
	c.bounds(field.Type, bounded, at)
	for _, t := range rules {
		if t.key == "enum" || t.key == "const" {
			c.listed(t, itemOf(bounded), itemNode(checker), at)
		}
	}
	if len(c.errs) == before {
		c.samples(field, rules, s, at)
	}
}

// withoutKeys puts a tag together again, but for some keys.
func withoutKeys(tags []tag, keys ...string) reflect.StructTag {
	var kept []string
	for _, t := range tags {
		if !slices.Contains(keys, t.key) {
			kept = append(kept, fmt.Sprintf("%s:%q", t.key, t.value))
		}
	}
	return reflect.StructTag(strings.Join(kept, " "))
}

// itemOf is what the rules for single values are about: the items of a list.
func itemOf(schema *huma.Schema) *huma.Schema {
	if schema.Type == huma.TypeArray {
		return schema.Items
	}
	return schema
}

func itemNode(n *node) *node {
	if n.array != nil {
		return n.array.items
	}
	return n
}

// meansSomething refuses a rule that is not for the type of its field: it would be published, and not hold.
func meansSomething(t tag, of reflect.Type, schema *huma.Schema) error {
	item := itemOf(schema)
	isText, isNumber := item.Type == huma.TypeString, item.Type == huma.TypeInteger || item.Type == huma.TypeNumber
	fits, is := true, inWords(item)
	switch t.key {
	case "minLength", "maxLength", "pattern", "patternDescription":
		fits = isText
	case "format":
		fits = isText && item.ContentEncoding == ""
		if isText && leaf(of) == reflect.TypeFor[time.Time]() && t.value != "date-time" {
			return fmt.Errorf("a time.Time is a date-time, and no %s: take a string", t.value)
		}
	case "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf":
		fits = isNumber
	case "minItems", "maxItems", "uniqueItems":
		fits, is = schema.Type == huma.TypeArray, inWords(schema)
		if of.Kind() == reflect.Array && t.key != "uniqueItems" {
			return fmt.Errorf("%s has no meaning for %s, which has a length: take a slice", t.key, of)
		}
	case "minProperties", "maxProperties":
		fits, is = schema.Type == huma.TypeObject, inWords(schema)
	case "enum", "const":
		fits = isText || isNumber || item.Type == huma.TypeBoolean
	case "nullable":
		fits, is = schema.Type != "" || schema.Ref == "" && t.value == "false", inWords(schema)
		if !fits && schema.Ref != "" {
			return fmt.Errorf("nullable has no meaning for %s: take framework.OrNull", is)
		}
	case "default":
		fits, is = schema.Type != "" && schema.Type != huma.TypeObject, inWords(schema)
	}
	if !fits {
		return fmt.Errorf("%s has no meaning for %s: it would be published and not hold", t.key, is)
	}
	return nil
}

// leaf is the type of the single values of a field.
func leaf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	return t
}

// inWords says what a schema allows.
func inWords(schema *huma.Schema) string {
	switch {
	case schema.Ref != "":
		return "an object with fields of its own"
	case schema.Type == "":
		return "a value of several forms"
	case schema.ContentEncoding != "":
		return "bytes in base64"
	case schema.Type == huma.TypeObject:
		return "a map"
	case schema.Type == huma.TypeArray:
		return "a list"
	case schema.Type == huma.TypeString:
		return "a text"
	case schema.Type == huma.TypeInteger:
		return "an integer"
	default:
		return "a " + schema.Type
	}
}

// listed refuses a value of an enum that could never be right.
func (c *tagCheck) listed(t tag, schema *huma.Schema, checker *node, at spot) {
	values := []string{t.value}
	if t.key == "enum" {
		values = strings.Split(t.value, ",")
	}
	for i, value := range values {
		switch wrong := breaks(value, schema, checker); {
		case value == "" || value != strings.TrimSpace(value):
			c.wrong(at, "%s has the value %q: values stand between commas, without spaces around them", t.key, value)
		case slices.Contains(values[:i], value):
			c.wrong(at, "%s has the value %s twice", t.key, value)
		case wrong != "":
			c.wrong(at, "%s has the value %s, which %s", t.key, value, wrong)
		}
	}
	if t.key == "const" && schema.Nullable {
		c.wrong(at, "const and null contradict each other: remove one")
	}
}

// samples refuses a default and an example that break the rules of their field.
func (c *tagCheck) samples(field reflect.StructField, rules []tag, s *schemas, at spot) {
	schema, checker, err := s.ofField(reflect.StructField{Name: field.Name, Type: field.Type, Tag: withoutKeys(rules, "default", "example")})
	if !c.tells(at, err) {
		return
	}
	before := len(c.errs)
	for _, t := range rules {
		if t.key != "default" && t.key != "example" {
			continue
		}
		if schema.Ref != "" {
			schema = s.registry.SchemaFromRef(schema.Ref)
		}
		if wrong := breaks(t.value, schema, checker); wrong != "" {
			c.wrong(at, "its %s %s", t.key, wrong)
		}
	}
	if len(c.errs) == before {
		_, _, err = s.ofField(reflect.StructField{Name: field.Name, Type: field.Type, Tag: withoutKeys(rules)}) // all at once
		c.tells(at, err)
	}
}

// breaks says why a value in a tag is not right, or "". Texts are written without quotes, and lists of texts with commas.
func breaks(value string, schema *huma.Schema, checker *node) string {
	document := []byte(value)
	var err error
	switch {
	case schema.Type == huma.TypeString:
		document, err = json.Marshal(value)
	case schema.Type == huma.TypeArray && schema.Items.Type == huma.TypeString && !strings.HasPrefix(value, "["):
		texts := strings.Split(value, ",")
		for i := range texts {
			texts[i] = strings.TrimSpace(texts[i])
		}
		document, err = json.Marshal(texts)
	}
	if err != nil {
		return "must be UTF-8"
	}
	violations, _, err := checker.check(document, Reject)
	if err != nil {
		return "must be " + checker.kindsInWords()
	}
	if len(violations) == 0 {
		return ""
	}
	if pointer := violations[0].Pointer; pointer != "" {
		return fmt.Sprintf("is wrong at %q: it %s", pointer, violations[0].Message)
	}
	return violations[0].Message
}
