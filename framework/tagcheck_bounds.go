package framework

import (
	"math"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// bounds refuses bounds between which there is nothing, and those beyond what the Go type holds.
func (c *tagCheck) bounds(of reflect.Type, schema *huma.Schema, at spot) {
	item := itemOf(schema)
	for _, pair := range []struct {
		least, most *int
		names       string
	}{
		{item.MinLength, item.MaxLength, "minLength %d is above maxLength %d"},
		{schema.MinItems, schema.MaxItems, "minItems %d is above maxItems %d"},
		{schema.MinProperties, schema.MaxProperties, "minProperties %d is above maxProperties %d"},
	} {
		if pair.least != nil && pair.most != nil && *pair.least > *pair.most {
			c.wrong(at, pair.names+": nothing could be right", *pair.least, *pair.most)
		}
	}
	if !hasNumber(item) {
		c.wrong(at, "there is no number within its bounds: nothing could be right")
	}
	least, most := rangeOf(leaf(of))
	for name, bound := range map[string]*float64{"minimum": item.Minimum, "exclusiveMinimum": item.ExclusiveMinimum, "maximum": item.Maximum, "exclusiveMaximum": item.ExclusiveMaximum} {
		if bound != nil && (*bound < least || *bound > most) {
			c.wrong(at, "%s %v is beyond what the type %s holds, %v to %v", name, *bound, leaf(of), least, most)
		}
	}
}

// hasNumber reports whether there is a number that keeps all bounds of a schema. Where floats end, it says yes.
func hasNumber(s *huma.Schema) bool {
	least, most := math.Inf(-1), math.Inf(1)
	step := 0.0
	if s.Type == huma.TypeInteger {
		step = 1
	}
	if s.MultipleOf != nil && *s.MultipleOf >= step { // else a fraction: not all of its multiples are integers, but some
		step = *s.MultipleOf
	}
	open := false // the least or the most itself is not allowed
	for _, bound := range []struct {
		value     *float64
		into      *float64
		exclusive bool
		narrower  func(a, b float64) float64
	}{
		{s.Minimum, &least, false, math.Max},
		{s.ExclusiveMinimum, &least, true, math.Max},
		{s.Maximum, &most, false, math.Min},
		{s.ExclusiveMaximum, &most, true, math.Min},
	} {
		if bound.value == nil {
			continue
		}
		narrow := bound.narrower(*bound.into, *bound.value)
		open = open || bound.exclusive && narrow == *bound.value
		*bound.into = narrow
	}
	if step == 0 || math.Abs(least) > 1<<53 || math.Abs(most) > 1<<53 {
		return least < most || least == most && !open
	}
	first := math.Ceil(least/step) * step
	if s.ExclusiveMinimum != nil && first <= *s.ExclusiveMinimum {
		first += step
	}
	return first <= most && (s.ExclusiveMaximum == nil || first < *s.ExclusiveMaximum)
}

// rangeOf is what a type of numbers can hold.
func rangeOf(t reflect.Type) (least, most float64) {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return -math.Ldexp(1, t.Bits()-1), math.Ldexp(1, t.Bits()-1) - 1
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return 0, math.Ldexp(1, t.Bits()) - 1
	case reflect.Float32:
		return -maxSingle, maxSingle
	default:
		return math.Inf(-1), math.Inf(1)
	}
}
