package framework

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// standard is a default of a member of the body: what an absent member is taken for.
type standard struct {
	field    []int // the way to it, as reflect.Value.FieldByIndex goes
	document []byte
}

// standardsOf finds the defaults of a body type, all of which are applied before decoding. One that could not be is an
// error: inside lists, maps and what a pointer leads to, there is nothing yet that it could be put into.
func (s *schemas) standardsOf(t reflect.Type) ([]standard, error) {
	finder := &standardFinder{schemas: s, seen: map[reflect.Type]bool{}}
	finder.find(t, nil, true)
	return finder.found, errors.Join(finder.errs...)
}

type standardFinder struct {
	schemas *schemas
	seen    map[reflect.Type]bool // types that were found not to have what cannot be applied
	found   []standard
	errs    []error
}

// find looks into a type; there is false where a value of it need not exist.
func (f *standardFinder) find(t reflect.Type, way []int, there bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		f.find(t.Elem(), nil, false)
		return
	case reflect.Struct:
	default:
		return
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ isChoice() }]()) {
		there = false // which shape it is shows only in the document
	} else if reflect.PointerTo(t).Implements(reflect.TypeFor[huma.SchemaProvider]()) {
		return
	}
	if !there && f.seen[t] {
		return
	}
	f.seen[t] = f.seen[t] || !there
	for i := range t.NumField() {
		field := t.Field(i)
		at := append(append([]int(nil), way...), i)
		if text, ok := field.Tag.Lookup("default"); ok {
			f.add(t, field, text, at, there)
		}
		f.find(field.Type, at, there)
	}
}

func (f *standardFinder) add(t reflect.Type, field reflect.StructField, text string, at []int, there bool) {
	if !there {
		f.errs = append(f.errs, fmt.Errorf("field %s of %s has a default, which is not applied inside a list, a map or an optional object", field.Name, t))
		return
	}
	optional := strings.Contains(field.Tag.Get("json"), ",omit") || field.Tag.Get("required") == "false"
	if !optional {
		f.errs = append(f.errs, fmt.Errorf(`field %s of %s has a default and is required: add omitempty or required:"false"`, field.Name, t))
		return
	}
	schema := huma.SchemaFromField(f.schemas.registry, field, field.Name)
	document, err := json.Marshal(schema.Default)
	if err == nil {
		err = json.Unmarshal(document, reflect.New(field.Type).Interface())
	}
	if err != nil {
		f.errs = append(f.errs, fmt.Errorf("field %s of %s: default %q: %w", field.Name, t, text, err))
		return
	}
	f.found = append(f.found, standard{at, document})
}

// apply puts the defaults into a new body.
func apply(standards []standard, body reflect.Value) error {
	for _, one := range standards {
		if err := json.Unmarshal(one.document, body.FieldByIndex(one.field).Addr().Interface()); err != nil {
			return fmt.Errorf("apply a default: %w", err)
		}
	}
	return nil
}
