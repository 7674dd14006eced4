package framework

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
)

// checkTags looks for wrong tags in a type and all that it holds, so that the error names type and field; the schema library
// names neither for some of them.
func checkTags(t reflect.Type, seen map[reflect.Type]bool) error {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return checkTags(t.Elem(), seen)
	case reflect.Struct:
	default:
		return nil
	}
	if seen[t] {
		return nil
	}
	seen[t] = true
	var errs []error
	for field := range t.Fields() {
		if _, err := regexp.Compile(field.Tag.Get("pattern")); err != nil {
			errs = append(errs, fmt.Errorf("field %s of %s: pattern: %w", field.Name, t, err))
		}
		if _, known := stringFormat(field.Tag.Get("format")); !known && field.Tag.Get("format") != "" {
			errs = append(errs, fmt.Errorf("field %s of %s: unknown format %q", field.Name, t, field.Tag.Get("format")))
		}
		errs = append(errs, checkTags(field.Type, seen))
	}
	return errors.Join(errs...)
}
