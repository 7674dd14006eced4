package framework

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

const schemaPrefix = "#/components/schemas/"

// schemas turns Go types into the published schemas, and those into checkers: one source for both.
type schemas struct {
	registry huma.Registry
	nodes    map[string]*node // by reference
}

// arraysAreNotNull makes "type: array" mean what it says; huma reads this setting whenever it makes a schema.
//
//nolint:gochecknoglobals // guards huma's own package variable, which is set once and to one value
var arraysAreNotNull = sync.OnceFunc(func() { huma.DefaultArrayNullable = false })

func newSchemas() *schemas {
	arraysAreNotNull()
	return &schemas{registry: newSchemaRegistry(), nodes: map[string]*node{}}
}

// schemaName qualifies a type by its package, so that two parts may both have a type Alert.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	pkg := t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:]
	if pkg == "" || pkg == "framework" {
		return name
	}
	return strings.ToUpper(pkg[:1]) + pkg[1:] + name
}

// ofType returns the published schema of a type and its checker. A wrong tag is an error that names the type.
func (s *schemas) ofType(t reflect.Type, hint string) (schema *huma.Schema, checker *node, err error) {
	defer func() {
		if wrong := recover(); wrong != nil { // huma panics on tags that it cannot read
			err = fmt.Errorf("schema of %s: %v", t, wrong)
		}
	}()
	schema = s.registry.Schema(t, true, hint)
	checker, err = s.compile(schema)
	if err != nil {
		err = fmt.Errorf("schema of %s: %w", t, err)
	}
	return schema, checker, err
}

// ofBody returns schema and checker of the field Body. Its tags are rules for all of it, such as the length of a list.
func (s *schemas) ofBody(field reflect.StructField, hint string) (schema *huma.Schema, checker *node, err error) {
	if schema, checker, err = s.ofType(field.Type, hint); err != nil || field.Tag == "" {
		return schema, checker, err
	}
	return s.ofTagged(field, hint)
}

// ofField returns schema and checker of a parameter that is a field of an input.
func (s *schemas) ofField(field reflect.StructField) (schema *huma.Schema, checker *node, err error) {
	return s.ofTagged(field, field.Name)
}

func (s *schemas) ofTagged(field reflect.StructField, hint string) (schema *huma.Schema, checker *node, err error) {
	defer func() {
		if wrong := recover(); wrong != nil {
			err = fmt.Errorf("schema of field %s: %v", field.Name, wrong)
		}
	}()
	schema = huma.SchemaFromField(s.registry, field, hint)
	checker, err = s.compile(schema)
	if err != nil {
		err = fmt.Errorf("schema of field %s: %w", field.Name, err)
	}
	return schema, checker, err
}

// compile turns a schema into its checker. It refuses keywords that it would not enforce: what is published holds.
func (s *schemas) compile(schema *huma.Schema) (*node, error) {
	if schema.Ref != "" {
		return s.compileRef(schema.Ref)
	}
	if len(schema.AnyOf)+len(schema.AllOf) > 0 || schema.Not != nil || len(schema.DependentRequired) > 0 {
		return nil, errors.New("anyOf, allOf, not and dependentRequired are not enforced")
	}
	n := &node{}
	return n, s.fill(n, schema)
}

// compileRef compiles a named schema once; the node exists before its members, so that types may be recursive.
func (s *schemas) compileRef(ref string) (*node, error) {
	if n, ok := s.nodes[ref]; ok {
		return n, nil
	}
	target := s.registry.SchemaFromRef(ref)
	if target == nil {
		return nil, fmt.Errorf("no schema %s", ref)
	}
	n := &node{}
	s.nodes[ref] = n
	return n, s.fill(n, target)
}

func (s *schemas) fill(n *node, schema *huma.Schema) error {
	if schema.Nullable && len(schema.Enum) > 0 && !slices.Contains(schema.Enum, nil) {
		schema.Enum = append(schema.Enum, nil) // else the published enum would refuse the null that the type allows
	}
	var err error
	if n.kinds, err = kindsOf(schema); err != nil {
		return err
	}
	if schema.Nullable {
		n.kinds |= isNull
	}
	err = errors.Join(
		s.fillOneOf(n, schema), fillEnum(n, schema), fillString(n, schema),
		fillNumber(n, schema), s.fillArray(n, schema), s.fillObject(n, schema),
	)
	publishDateTime(schema) // last: the check of the format holds it already
	return err
}
