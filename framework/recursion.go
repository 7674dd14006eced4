package framework

import (
	"fmt"
	"reflect"
	"slices"
)

// checkRecursion refuses a framework.Choice that contains itself, whatever is in between, and a list or map whose items are
// of its own type with no struct in between: the schema of either has no end, as only a struct's has a name that it can be
// referred to by. A struct may contain itself otherwise.
func checkRecursion(t reflect.Type) error {
	for _, part := range allParts(t) {
		if isAChoice(part) && holdsItself(part) {
			return fmt.Errorf("%s contains itself: a framework.Choice must not", part)
		}
		if isEndless(part) {
			return fmt.Errorf("%s contains itself and nothing else: its schema has no end", part)
		}
	}
	return nil
}

// allParts returns a type and all that it consists of, each once.
func allParts(t reflect.Type) []reflect.Type {
	found, seen := []reflect.Type{t}, map[reflect.Type]bool{t: true}
	for i := 0; i < len(found); i++ {
		for _, part := range partsOf(found[i]) {
			if !seen[part] {
				found, seen[part] = append(found, part), true
			}
		}
	}
	return found
}

// partsOf returns what a type consists of, but for types that tell their schema: those need not look like what they hold.
func partsOf(t reflect.Type) []reflect.Type {
	switch {
	case tellsItsSchema(t) && !isAChoice(t) && !isOfOurs(t):
		return nil
	case t.Kind() == reflect.Struct:
		var parts []reflect.Type
		for field := range t.Fields() {
			parts = append(parts, field.Type)
		}
		return parts
	case isContainer(t):
		return []reflect.Type{t.Elem()}
	default:
		return nil
	}
}

func isContainer(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return true
	default:
		return false
	}
}

// holdsItself reports whether a type is among its own parts.
func holdsItself(t reflect.Type) bool {
	for _, part := range partsOf(t) {
		if slices.Contains(allParts(part), t) {
			return true
		}
	}
	return false
}

// isEndless reports whether a list or a map holds itself with nothing but lists, maps and pointers in between.
func isEndless(t reflect.Type) bool {
	seen := map[reflect.Type]bool{}
	for isContainer(t) && !tellsItsSchema(t) {
		if seen[t] {
			return true
		}
		seen[t] = true
		t = t.Elem()
	}
	return false
}
