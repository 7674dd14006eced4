package framework

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// schemaRegistry keeps the schemas of structs by their names. It does as huma's own, and publishes besides what numbers a Go
// type can hold, so that document, check and decoding agree on it.
type schemaRegistry struct {
	schemas map[string]*huma.Schema
	types   map[string]reflect.Type
}

func newSchemaRegistry() *schemaRegistry {
	return &schemaRegistry{schemas: map[string]*huma.Schema{}, types: map[string]reflect.Type{}}
}

// Schema makes the schema of a type, or a reference to it.
func (r *schemaRegistry) Schema(t reflect.Type, allowRef bool, hint string) *huma.Schema {
	plain := t
	for plain.Kind() == reflect.Pointer {
		plain = plain.Elem()
	}
	if plain.Kind() == reflect.Slice || plain.Kind() == reflect.Array {
		t = plain // a list is a list behind a pointer, too
	}
	if !isNamed(plain) {
		return withRange(huma.SchemaFromType(r, t), plain)
	}
	name := r.name(plain, schemaName(t, hint))
	if _, known := r.schemas[name]; !known {
		r.schemas[name], r.types[name] = &huma.Schema{}, plain // first, since types may be recursive
		r.schemas[name] = huma.SchemaFromType(r, t)
	}
	if allowRef {
		return &huma.Schema{Ref: schemaPrefix + name}
	}
	return r.schemas[name]
}

// name tells types without a name apart, whose hints may be the same.
func (r *schemaRegistry) name(t reflect.Type, wanted string) string {
	name := wanted
	for i := 1; r.types[name] != nil && r.types[name] != t; i++ {
		if t.Name() != "" {
			panic(fmt.Errorf("%s and %s share the name %s", t, r.types[name], wanted)) //nolint:forbidigo // schemas.ofType makes an error of it
		}
		name = wanted + strconv.Itoa(i)
	}
	return name
}

// isNamed reports whether a type has a schema of its own below components: structs have, unless they say how they are written.
func isNamed(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return false
	}
	for _, own := range []reflect.Type{reflect.TypeFor[huma.SchemaProvider](), reflect.TypeFor[encoding.TextUnmarshaler]()} {
		if reflect.PointerTo(t).Implements(own) {
			return false
		}
	}
	return true
}

// SchemaFromRef finds a schema, or nil.
func (r *schemaRegistry) SchemaFromRef(ref string) *huma.Schema { return r.schemas[nameOf(ref)] }

// TypeFromRef finds the type that a schema is of, or nil.
func (r *schemaRegistry) TypeFromRef(ref string) reflect.Type { return r.types[nameOf(ref)] }

func nameOf(ref string) string {
	if len(ref) < len(schemaPrefix) || ref[:len(schemaPrefix)] != schemaPrefix {
		return ""
	}
	return ref[len(schemaPrefix):]
}

// Map returns the schemas by name; what is added to it is published.
func (r *schemaRegistry) Map() map[string]*huma.Schema { return r.schemas }

// RegisterTypeAlias does nothing: huma asks for it, and nothing here does.
func (r *schemaRegistry) RegisterTypeAlias(reflect.Type, reflect.Type) {}

// MarshalJSON writes the schemas in the order of their names.
func (r *schemaRegistry) MarshalJSON() ([]byte, error) {
	return json.Marshal(r.schemas, json.Deterministic(true))
}

// withRange adds the range of a number to its schema. That of 64 bits is told by the format alone: float64, in which huma keeps
// limits, does not know the ends of it.
func withRange(schema *huma.Schema, t reflect.Type) *huma.Schema {
	if schema == nil || schema.Type != huma.TypeInteger && schema.Type != huma.TypeNumber || reflect.PointerTo(t).Implements(reflect.TypeFor[huma.SchemaProvider]()) {
		return schema
	}
	if least, most := rangeOf(t); t.Bits() < 64 {
		schema.Minimum, schema.Maximum = &least, &most
	}
	switch t.Kind() {
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		schema.Format = "uint" + strconv.Itoa(t.Bits()) // huma says int32 and int64, which hold half of it
	default:
	}
	return schema
}

// maxSingle is the greatest float32, as it is written in JSON. It is a little above the number itself, and read as it.
const maxSingle = 3.4028235e38
