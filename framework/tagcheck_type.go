package framework

import (
	"encoding"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// isAChoice reports whether a type is a Choice.
func isAChoice(t reflect.Type) bool { return implements[interface{ isChoice() }](t) }

// isOfOurs reports whether a type is an Open or an OrNull: a struct whose first field is checked as any other value.
func isOfOurs(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == reflect.TypeFor[JSON]().PkgPath() && tellsItsSchema(t) && t.NumField() > 0
}

// tellsItsSchema reports whether a type says itself what its schema is.
func tellsItsSchema(t reflect.Type) bool { return implements[huma.SchemaProvider](t) }

// writesItself reports whether a type has a form in JSON of its own.
func writesItself(t reflect.Type) bool {
	return hasOwnJSON(t) || implements[encoding.TextMarshaler](t) || implements[encoding.TextUnmarshaler](t)
}

func hasOwnJSON(t reflect.Type) bool {
	return implements[json.MarshalerTo](t) || implements[json.UnmarshalerFrom](t) || implements[json.Marshaler](t) || implements[json.Unmarshaler](t)
}

func implements[T any](t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[T]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[T]())
}

// isNotSwallowed refuses a struct that is written as one of its fields is: the methods of what it embeds are its own, and all
// else in it would be lost.
func isNotSwallowed(t reflect.Type) error {
	if t.Kind() != reflect.Struct || t.NumField() == 1 {
		return nil
	}
	for field := range t.Fields() {
		if field.Anonymous && (tellsItsSchema(field.Type) || writesItself(field.Type)) {
			return fmt.Errorf("%s embeds %s, whose form in JSON becomes that of all of it: make that a field with a name", t, field.Type)
		}
	}
	return nil
}

// hasSchema refuses types whose form in JSON does not exist, or is another one than the schema would say.
func hasSchema(t reflect.Type, written bool) error {
	switch t {
	case reflect.TypeFor[time.Time]():
		return nil
	case reflect.TypeFor[stdjson.RawMessage]():
		return errors.New("json.RawMessage is published as a text of base64: take framework.JSON for any value")
	case reflect.TypeFor[stdjson.Number]():
		return errors.New("json.Number is published as a text, and may be a number: take a float64, or a string with a pattern")
	case reflect.TypeFor[time.Duration]():
		return errors.New(`time.Duration has no form in JSON: take a string with format:"duration", or a whole number with the unit in its name`)
	case reflect.TypeFor[url.URL]():
		return errors.New(`url.URL is no text in JSON: take a string with format:"uri"`)
	case reflect.TypeFor[net.IP]():
		return errors.New("net.IP is published as an IPv4 address and may be another: take netip.Addr")
	}
	switch kind := t.Kind(); {
	case kind == reflect.Array && t.Elem().Kind() == reflect.Uint8 && !writesItself(t):
		return fmt.Errorf("%s is a text of base64, whose schema cannot tell of how many bytes: take []byte, or a string with a pattern", t)
	case hasOwnJSON(t):
		return fmt.Errorf("%s has a form in JSON that its schema does not tell: give it a method Schema, as framework.StringOrList has, or take framework.JSON for any value", t)
	case written && implements[encoding.TextMarshaler](t) != implements[encoding.TextUnmarshaler](t):
		return fmt.Errorf("%s is a text in one direction alone, and its schema cannot be right: it needs MarshalText and UnmarshalText", t)
	case kind == reflect.Map && (t.Key().Kind() != reflect.String || writesItself(t.Key())):
		return fmt.Errorf("the keys of a map are strings in JSON, not %s: take a map[string], or a list", t.Key())
	case kind == reflect.Interface:
		return errors.New("an interface has no schema: take framework.JSON for any value, framework.Choice for one of several")
	case kind == reflect.Func, kind == reflect.Chan, kind == reflect.Complex64, kind == reflect.Complex128, kind == reflect.UnsafePointer, kind == reflect.Uintptr:
		return fmt.Errorf(`%s has no form in JSON: remove the field, or leave it out by json:"-"`, kind)
	}
	return nil
}

// checkJSON looks at the tag json of a member.
func checkJSON(tag string) error {
	name, options, more := strings.Cut(tag, ",")
	if name == "-" || strings.ContainsAny(name, `'"\`) {
		return fmt.Errorf("the JSON name %s is not possible: it is a name without quotes and backslashes, and not -", name)
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty", "omitzero":
		case "":
			if more {
				return errors.New("the tag json has a comma too many")
			}
		case "string":
			return errors.New("the tag json says string, and the schema a number: have a field of type string, with a pattern")
		case "inline", "embed":
			return fmt.Errorf("the tag json says %s, which the schema does not follow: embed the struct, without a tag", option)
		default:
			if strings.HasPrefix(option, "case:") {
				return errors.New("the tag json says case, and names are compared exactly here: remove it")
			}
			if strings.HasPrefix(option, "format:") {
				return errors.New("the tag json takes no format: that is a tag of its own")
			}
			return fmt.Errorf("the tag json says %s, which is not known: there are omitempty and omitzero", option)
		}
	}
	return nil
}
