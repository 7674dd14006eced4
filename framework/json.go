package framework

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// JSON is any JSON value, kept as it was sent.
type JSON []byte

// Schema allows every value.
func (JSON) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// MarshalJSONTo writes the value; an empty one is null.
func (j JSON) MarshalJSONTo(encoder *jsontext.Encoder) error {
	if len(j) == 0 {
		return encoder.WriteToken(jsontext.Null)
	}
	return encoder.WriteValue(jsontext.Value(j))
}

// UnmarshalJSONFrom copies the value.
func (j *JSON) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	value, err := decoder.ReadValue()
	if err != nil {
		return err
	}
	*j = append((*j)[:0], value...)
	return nil
}

// StringOrList is what Splunk sends for a field: a string, or a list of strings when the field has several values.
type StringOrList []string

// Schema allows a string or a list of strings.
func (StringOrList) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeString},
		{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}},
	}}
}

// MarshalJSONTo writes one value as a string and several as a list.
func (s StringOrList) MarshalJSONTo(encoder *jsontext.Encoder) error {
	if len(s) == 1 {
		return encoder.WriteToken(jsontext.String(s[0]))
	}
	return json.MarshalEncode(encoder, []string(s), json.FormatNilSliceAsNull(false))
}

// UnmarshalJSONFrom reads either form.
func (s *StringOrList) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	if decoder.PeekKind() != '"' {
		return json.UnmarshalDecode(decoder, (*[]string)(s))
	}
	token, err := decoder.ReadToken()
	if err != nil {
		return err
	}
	*s = StringOrList{token.String()}
	return nil
}

// Open is an object that is checked as a T and may have further members: Raw keeps it whole, as it was sent. It is
// for senders that add fields, where the whole is wanted as evidence.
type Open[T any] struct {
	Value T
	Raw   JSON
}

// Schema is T's schema with further members allowed.
func (Open[T]) Schema(registry huma.Registry) *huma.Schema {
	schema := huma.SchemaFromType(registry, reflect.TypeFor[T]())
	if schema.Type != huma.TypeObject {
		panic(fmt.Sprintf("framework.Open needs a struct, not %s", reflect.TypeFor[T]())) //nolint:forbidigo // our own bug, seen at start-up
	}
	schema.AdditionalProperties = true
	return schema
}

// MarshalJSONTo writes Raw.
func (o Open[T]) MarshalJSONTo(encoder *jsontext.Encoder) error { return o.Raw.MarshalJSONTo(encoder) }

// UnmarshalJSONFrom reads both forms.
func (o *Open[T]) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	if err := o.Raw.UnmarshalJSONFrom(decoder); err != nil {
		return err
	}
	return unmarshalHere(decoder, jsontext.Value(o.Raw), &o.Value)
}

// unmarshalHere decodes a value that was just read. Its error tells the place in the whole document.
func unmarshalHere(decoder *jsontext.Decoder, value jsontext.Value, into any) error {
	err := json.Unmarshal(value, into, decoder.Options())
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok {
		wrong.JSONPointer = decoder.StackPointer() + wrong.JSONPointer
		wrong.ByteOffset += decoder.InputOffset() - int64(len(value))
	}
	return err
}

// OrNull is a T or null; Value is nil for null. Pointers to numbers, strings and booleans need it not.
type OrNull[T any] struct{ Value *T }

// Schema allows a T or null.
func (OrNull[T]) Schema(registry huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{registry.Schema(reflect.TypeFor[T](), true, ""), {Type: "null"}}}
}

// MarshalJSONTo writes the value or null.
func (o OrNull[T]) MarshalJSONTo(encoder *jsontext.Encoder) error {
	return json.MarshalEncode(encoder, o.Value)
}

// UnmarshalJSONFrom reads the value or null.
func (o *OrNull[T]) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	return json.UnmarshalDecode(decoder, &o.Value)
}
