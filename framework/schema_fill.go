package framework

import (
	"errors"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

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
	n.enum = &enumRules{texts: map[string]struct{}{}, others: map[string]struct{}{}}
	for _, value := range values {
		if err := n.enum.add(value); err != nil {
			return fmt.Errorf("enum: %w", err)
		}
	}
	return nil
}

func (e *enumRules) add(value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return err
	}
	s := scanner{document: encoded}
	if s.kind() == isString {
		text, _ := s.string()
		e.texts[string(text)] = struct{}{}
		return nil
	}
	s.value()
	e.others[string(s.canonical(0))] = struct{}{}
	return nil
}

func fillString(n *node, schema *huma.Schema) error {
	if schema.Type != huma.TypeString {
		return nil
	}
	rules := &stringRules{minLength: orNone(schema.MinLength), maxLength: orNone(schema.MaxLength), format: schema.Format}
	if schema.Pattern != "" {
		pattern, err := compilePattern(schema.Pattern)
		if err != nil {
			return err
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
	n.integer, n.unsigned = schema.Type == huma.TypeInteger, schema.Format == "uint64"
	if schema.MultipleOf != nil && *schema.MultipleOf <= 0 {
		return errors.New("multipleOf must be above 0")
	}
	rules := numberRules{
		boundOf(schema.Minimum), boundOf(schema.ExclusiveMinimum), boundOf(schema.Maximum),
		boundOf(schema.ExclusiveMaximum), boundOf(schema.MultipleOf),
	}
	if rules != (numberRules{}) || schema.Type == huma.TypeNumber { // whose one rule is to fit 64 bits
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
	if len(rules.required) > setSize {
		return fmt.Errorf("more than %d required members", setSize)
	}
	optional := len(rules.required)
	for name, member := range schema.Properties {
		compiled, err := s.compile(member)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		number := indexOf(rules.required, name) + 1
		if number == 0 {
			optional++
			number = optional
		}
		rules.properties[name] = &property{node: compiled, number: number}
	}
	for _, name := range rules.required {
		rules.inOrder = append(rules.inOrder, rules.properties[name])
	}
	switch additional := schema.AdditionalProperties.(type) {
	case *huma.Schema:
		var err error
		rules.additional, err = s.compile(additional)
		rules.others.node = rules.additional
		return err
	case bool:
		if additional {
			rules.additional = &node{kinds: isAny}
			rules.others.node = rules.additional
		}
	}
	return nil
}
