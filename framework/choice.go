package framework

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Choice is a closed choice between shapes of object. T is a struct whose fields are pointers to structs, each with the tag
// choice:"name"; in JSON the member type says which one it is, and a field _ with the tag discriminator:"kind" gives that
// member another name. Exactly one field is set after decoding, and must be set before encoding:
//
//	type Target struct {
//		Host *HostTarget `choice:"host"`
//		User *UserTarget `choice:"user"`
//	}
//	Body struct{ Target framework.Choice[Target] `json:"target"` }  // {"target": {"type": "host", …}}
type Choice[T any] struct{ Value T }

// choice describes a T.
type choice struct {
	discriminator string
	variants      []variant
}

type variant struct {
	name  string
	field int
	of    reflect.Type // the struct
}

// isChoice marks every Choice.
func (Choice[T]) isChoice() {}

// choiceOf reads the tags of a T; a wrong one is a bug of the part, seen at start-up.
func choiceOf(t reflect.Type) (choice, error) {
	c := choice{discriminator: "type"}
	if t.Kind() != reflect.Struct {
		return c, fmt.Errorf("framework.Choice needs a struct, not %s", t)
	}
	for i := range t.NumField() {
		field := t.Field(i)
		if name := field.Tag.Get("discriminator"); name != "" {
			c.discriminator = name
			continue
		}
		name, ok := field.Tag.Lookup("choice")
		if !ok || name == "" || field.Type.Kind() != reflect.Pointer || field.Type.Elem().Kind() != reflect.Struct {
			return c, fmt.Errorf("field %s of %s is not a pointer to a struct with the tag choice", field.Name, t)
		}
		if slices.ContainsFunc(c.variants, func(v variant) bool { return v.name == name }) {
			return c, fmt.Errorf("field %s of %s: the choice %s is given twice", field.Name, t, name)
		}
		c.variants = append(c.variants, variant{name, i, field.Type.Elem()})
	}
	if len(c.variants) == 0 {
		return c, fmt.Errorf("framework.Choice of %s has nothing to choose from", t)
	}
	return c, nil
}

// Schema is oneOf the shapes, each with its constant discriminator.
func (Choice[T]) Schema(registry huma.Registry) *huma.Schema {
	c, err := choiceOf(reflect.TypeFor[T]())
	if err != nil {
		panic(err) //nolint:forbidigo // our own bug, seen at start-up: schemas.ofType makes an error of it
	}
	schema := &huma.Schema{Discriminator: &huma.Discriminator{PropertyName: c.discriminator, Mapping: map[string]string{}}}
	for _, v := range c.variants {
		name := schemaName(reflect.TypeFor[T](), "") + "-" + v.name
		shape := huma.SchemaFromType(registry, v.of)
		if shape.Properties[c.discriminator] != nil {
			panic(fmt.Errorf("%s has a member %s, which is the discriminator of %s", v.of, c.discriminator, reflect.TypeFor[T]())) //nolint:forbidigo // as above
		}
		shape.Properties[c.discriminator] = &huma.Schema{Type: huma.TypeString, Const: v.name, Description: "Which shape this is"}
		shape.Required = append([]string{c.discriminator}, shape.Required...)
		registry.Map()[name] = shape
		schema.OneOf = append(schema.OneOf, &huma.Schema{Ref: schemaPrefix + name})
		schema.Discriminator.Mapping[v.name] = schemaPrefix + name
	}
	return schema
}

var errNoChoice = errors.New("exactly one field of a framework.Choice must be set")

// MarshalJSONTo writes the field that is set, with its discriminator.
func (c Choice[T]) MarshalJSONTo(encoder *jsontext.Encoder) error {
	described, err := choiceOf(reflect.TypeFor[T]())
	if err != nil {
		return err
	}
	value := reflect.ValueOf(c.Value)
	var encoded []byte
	for _, v := range described.variants {
		if value.Field(v.field).IsNil() {
			continue
		}
		if encoded != nil {
			return errNoChoice
		}
		body, err := json.Marshal(value.Field(v.field).Interface())
		if err != nil {
			return err
		}
		head, err := json.Marshal(map[string]string{described.discriminator: v.name})
		if err != nil {
			return err
		}
		encoded = merge(head, body)
	}
	if encoded == nil {
		return errNoChoice
	}
	return encoder.WriteValue(encoded)
}

// merge makes one object of two that share no member.
func merge(head, body []byte) []byte {
	rest := bytes.TrimPrefix(body, []byte("{"))
	if !bytes.Equal(rest, []byte("}")) {
		rest = append([]byte(","), rest...)
	}
	return append(bytes.TrimSuffix(head, []byte("}")), rest...)
}

// UnmarshalJSONFrom decodes into the field that the discriminator names.
func (c *Choice[T]) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	described, err := choiceOf(reflect.TypeFor[T]())
	if err != nil {
		return err
	}
	value, err := decoder.ReadValue()
	if err != nil {
		return err
	}
	name, _ := discriminatorOf(value, described.discriminator)
	for _, v := range described.variants {
		if v.name == name {
			shape := reflect.New(v.of)
			c.Value = *new(T)
			reflect.ValueOf(&c.Value).Elem().Field(v.field).Set(shape)
			return unmarshalHere(decoder, value, shape.Interface())
		}
	}
	return errNoChoice
}

// discriminatorOf returns the string member of an object, and whether it has one.
func discriminatorOf(object jsontext.Value, member string) (name string, found bool) {
	decoder := jsontext.NewDecoder(bytes.NewReader(object))
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return "", false
	}
	for decoder.PeekKind() == '"' {
		key, err := decoder.ReadToken()
		if err != nil {
			return "", false
		}
		if key.String() == member && decoder.PeekKind() == '"' {
			value, err := decoder.ReadToken()
			if err != nil {
				return "", false
			}
			return value.String(), true
		}
		if decoder.SkipValue() != nil {
			return "", false
		}
	}
	return "", false
}
