package framework

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
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
	return &schemas{registry: huma.NewMapRegistry(schemaPrefix, schemaName), nodes: map[string]*node{}}
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
	if err := checkTags(t, map[reflect.Type]bool{}); err != nil {
		return nil, nil, err
	}
	schema = s.registry.Schema(t, true, hint)
	checker, err = s.compile(schema)
	if err != nil {
		err = fmt.Errorf("schema of %s: %w", t, err)
	}
	return schema, checker, err
}

// ofField returns schema and checker of a parameter that is a field of an input.
func (s *schemas) ofField(field reflect.StructField) (schema *huma.Schema, checker *node, err error) {
	defer func() {
		if wrong := recover(); wrong != nil {
			err = fmt.Errorf("schema of field %s: %v", field.Name, wrong)
		}
	}()
	schema = huma.SchemaFromField(s.registry, field, field.Name)
	checker, err = s.compile(schema)
	if err != nil {
		err = fmt.Errorf("schema of field %s: %w", field.Name, err)
	}
	return schema, checker, err
}

// kinds is a set of JSON kinds.
type kinds uint8

const (
	isNull kinds = 1 << iota
	isBool
	isNumber
	isString
	isArray
	isObject
	isAny = isNull | isBool | isNumber | isString | isArray | isObject
)

// node checks one place of a document. It is compiled from the published schema and never changes afterwards.
type node struct {
	kinds   kinds
	integer bool
	bits    int // 32 or 64 for an integer with a format

	enum   map[string]struct{} // canonicalKey of the allowed values; nil for no rule
	oneOf  []*node             // alternatives that differ in their kinds
	choice *choiceRules
	str    *stringRules
	num    *numberRules
	array  *arrayRules
	object *objectRules
}

// choiceRules are alternatives that a member tells apart.
type choiceRules struct {
	discriminator string
	shapes        map[string]*node
}

type stringRules struct {
	minLength, maxLength int // in code points; -1 for no rule
	pattern              *regexp.Regexp
	format               string
	valid                func(string) bool
}

// numberRules are bounds; each is nil for no rule.
type numberRules struct{ minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf *bound }

// bound is a limit as a number and as the schema publishes it.
type bound struct {
	decimal
	approximate float64
}

type arrayRules struct {
	items              *node
	minItems, maxItems int // -1 for no rule
	unique             bool
}

type objectRules struct {
	properties             map[string]*property
	required               []string // in the order of the schema
	additional             *node    // nil when undeclared members are not allowed
	minMembers, maxMembers int      // -1 for no rule
}

type property struct {
	node     *node
	required int // index into required, -1 when optional
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
	var err error
	if n.kinds, err = kindsOf(schema); err != nil {
		return err
	}
	if schema.Nullable {
		n.kinds |= isNull
	}
	return errors.Join(
		s.fillOneOf(n, schema), fillEnum(n, schema), fillString(n, schema),
		fillNumber(n, schema), s.fillArray(n, schema), s.fillObject(n, schema),
	)
}

func kindsOf(schema *huma.Schema) (kinds, error) {
	switch schema.Type {
	case "":
		return isAny, nil
	case "null":
		return isNull, nil
	case huma.TypeBoolean:
		return isBool, nil
	case huma.TypeInteger, huma.TypeNumber:
		return isNumber, nil
	case huma.TypeString:
		return isString, nil
	case huma.TypeArray:
		return isArray, nil
	case huma.TypeObject:
		return isObject, nil
	default:
		return 0, fmt.Errorf("unknown type %q", schema.Type)
	}
}

// fillOneOf takes alternatives that can be told apart by the kind of the value alone.
func (s *schemas) fillOneOf(n *node, schema *huma.Schema) error {
	if len(schema.OneOf) == 0 {
		return nil
	}
	if schema.Discriminator != nil {
		return s.fillChoice(n, schema)
	}
	n.kinds = 0
	for _, alternative := range schema.OneOf {
		compiled, err := s.compile(alternative)
		if err != nil {
			return err
		}
		if n.kinds&compiled.kinds != 0 {
			return errors.New("alternatives of oneOf must differ in their JSON type")
		}
		n.kinds |= compiled.kinds
		n.oneOf = append(n.oneOf, compiled)
	}
	return nil
}

func (s *schemas) fillChoice(n *node, schema *huma.Schema) error {
	n.kinds = isObject
	n.choice = &choiceRules{discriminator: schema.Discriminator.PropertyName, shapes: map[string]*node{}}
	for name, ref := range schema.Discriminator.Mapping {
		shape, err := s.compileRef(ref)
		if err != nil {
			return err
		}
		n.choice.shapes[name] = shape
	}
	return nil
}

func fillEnum(n *node, schema *huma.Schema) error {
	values := schema.Enum
	if schema.Const != nil {
		values = []any{schema.Const}
	}
	if len(values) == 0 {
		return nil
	}
	n.enum = map[string]struct{}{}
	for _, value := range values {
		encoded, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("enum: %w", err)
		}
		key, ok := canonicalKey(encoded)
		if !ok {
			return fmt.Errorf("enum: %s cannot be compared", encoded)
		}
		n.enum[key] = struct{}{}
	}
	return nil
}

func fillString(n *node, schema *huma.Schema) error {
	if schema.Type != huma.TypeString {
		return nil
	}
	rules := &stringRules{minLength: orNone(schema.MinLength), maxLength: orNone(schema.MaxLength), format: schema.Format}
	if schema.Pattern != "" {
		pattern, err := regexp.Compile(schema.Pattern)
		if err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
		rules.pattern = pattern
	}
	if schema.ContentEncoding == "base64" {
		rules.format, rules.valid = "base64", isBase64
	} else if schema.Format != "" {
		valid, known := stringFormat(schema.Format)
		if !known {
			return fmt.Errorf("unknown format %q", schema.Format)
		}
		rules.valid = valid
	}
	if rules.minLength >= 0 || rules.maxLength >= 0 || rules.pattern != nil || rules.valid != nil {
		n.str = rules
	}
	return nil
}

func fillNumber(n *node, schema *huma.Schema) error {
	if n.kinds&isNumber == 0 {
		return nil
	}
	n.integer = schema.Type == huma.TypeInteger
	switch {
	case n.integer && schema.Format == "int32":
		n.bits = 32
	case n.integer:
		n.bits = 64
	}
	if schema.MultipleOf != nil && *schema.MultipleOf <= 0 {
		return errors.New("multipleOf must be above 0")
	}
	rules := numberRules{
		boundOf(schema.Minimum), boundOf(schema.ExclusiveMinimum), boundOf(schema.Maximum),
		boundOf(schema.ExclusiveMaximum), boundOf(schema.MultipleOf),
	}
	if rules != (numberRules{}) {
		n.num = &rules
	}
	return nil
}

func boundOf(limit *float64) *bound {
	if limit == nil {
		return nil
	}
	return &bound{decimalOf(*limit), *limit}
}

func (s *schemas) fillArray(n *node, schema *huma.Schema) error {
	if schema.Type != huma.TypeArray {
		return nil
	}
	n.array = &arrayRules{minItems: orNone(schema.MinItems), maxItems: orNone(schema.MaxItems), unique: schema.UniqueItems}
	var err error
	n.array.items, err = s.compile(schema.Items)
	return err
}

func (s *schemas) fillObject(n *node, schema *huma.Schema) error {
	if schema.Type != huma.TypeObject {
		return nil
	}
	rules := &objectRules{
		properties: map[string]*property{}, required: schema.Required,
		minMembers: orNone(schema.MinProperties), maxMembers: orNone(schema.MaxProperties),
	}
	n.object = rules
	if len(rules.required) > maxRequired {
		return fmt.Errorf("more than %d required members", maxRequired)
	}
	for name, member := range schema.Properties {
		compiled, err := s.compile(member)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		rules.properties[name] = &property{node: compiled, required: indexOf(rules.required, name)}
	}
	switch additional := schema.AdditionalProperties.(type) {
	case *huma.Schema:
		var err error
		rules.additional, err = s.compile(additional)
		return err
	case bool:
		if additional {
			rules.additional = &node{kinds: isAny}
		}
	}
	return nil
}

// maxRequired is the width of the bit set in which a walk marks the required members that it has met.
const maxRequired = 64

func indexOf(names []string, name string) int {
	for i, candidate := range names {
		if candidate == name {
			return i
		}
	}
	return -1
}

func orNone(limit *int) int {
	if limit == nil {
		return -1
	}
	return *limit
}
