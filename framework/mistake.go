package framework

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// place is a line and a column.
type place struct{ line, column int }

// places knows what stands where in a node.
type places struct {
	paths    map[place]string // a key has the path of its mapping
	lines    map[string]int   // by the path of a key or of an item of a list
	mistakes []error          // that the decoder does not find, or finds instead of others
}

func newPlaces(node *yaml.Node, path string) *places {
	p := &places{paths: map[place]string{}, lines: map[string]int{}}
	p.add(node, path)
	return p
}

func (p *places) add(node *yaml.Node, path string) {
	p.paths[place{node.Line, node.Column}] = path
	switch node.Kind {
	case yaml.DocumentNode:
		for _, child := range node.Content {
			p.add(child, path)
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			at := path + "[" + strconv.Itoa(i) + "]"
			if item.Kind == yaml.ScalarNode && item.Tag == "!!null" {
				p.mistakes = append(p.mistakes, &Mistake{Line: item.Line, Path: at, Message: "is empty"})
			}
			p.lines[at] = item.Line
			p.add(item, at)
		}
	case yaml.MappingNode:
		first := map[string]int{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			if line, repeated := first[key.Value]; repeated && key.Kind == yaml.ScalarNode {
				message := fmt.Sprintf("key %s is given twice, first in line %d", key.Value, line)
				p.mistakes = append(p.mistakes, &Mistake{Line: key.Line, Path: path, Message: message})
			}
			first[key.Value] = key.Line
			p.paths[place{key.Line, key.Column}] = path
			p.lines[join(path, key.Value)] = key.Line
			p.add(value, join(path, key.Value))
		}
	default: // scalars hold nothing; an alias stands for what was added where it is defined
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// These are the messages of the decoder that name Go types or quote values.
var (
	unknownKey = regexp.MustCompile(`^field (.*) not found in type (.*)$`)
	wrongType  = regexp.MustCompile("(?s)^cannot construct (\\S+)(?: `.*`)? into (.*?)(?: \\(TextUnmarshaler\\))?$")
	wrongTag   = regexp.MustCompile("(?s)^cannot construct .* as a ")
)

// explain says a message of the decoder in the words of the configuration. Others come from the types that read
// themselves, such as Secret, and are meant for people.
func explain(message string, target any) string {
	if found := unknownKey.FindStringSubmatch(message); found != nil {
		keys := map[string][]string{}
		knownKeys(reflect.TypeOf(target), keys)
		if len(keys[found[2]]) == 0 {
			return "unknown key " + found[1] + "; there are none"
		}
		return "unknown key " + found[1] + "; known: " + strings.Join(keys[found[2]], ", ")
	}
	if found := wrongType.FindStringSubmatch(message); found != nil {
		return mismatch(nameOfTag(found[1]), nameOfType(found[2]))
	}
	if wrongTag.MatchString(message) {
		return "the value does not fit its tag"
	}
	return message
}

func mismatch(found, expected string) string {
	if found == expected || found == "a number" && expected == "a whole number" {
		return "the number is out of range"
	}
	return "expected " + expected + ", found " + found
}

func nameOfTag(tag string) string {
	switch tag {
	case "!!str":
		return "text"
	case "!!int":
		return "a number"
	case "!!float":
		return "a number with a fraction"
	case "!!bool":
		return "true or false"
	case "!!seq":
		return "a list"
	case "!!map":
		return "keys with values"
	case "!!timestamp":
		return "a date"
	default:
		return "something else"
	}
}

func nameOfType(name string) string {
	switch {
	case name == "bool":
		return "true or false"
	case name == "string":
		return "text"
	case name == "time.Duration":
		return "a duration such as 30s"
	case strings.HasPrefix(name, "int"), strings.HasPrefix(name, "uint"):
		return "a whole number"
	case strings.HasPrefix(name, "float"):
		return "a number"
	case strings.HasPrefix(name, "["):
		return "a list"
	default: // structs and maps
		return "keys with values"
	}
}

// knownKeys collects the keys of every struct that a type is made of, by the name of the struct.
func knownKeys(t reflect.Type, into map[string][]string) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		knownKeys(t.Elem(), into)
	case reflect.Struct:
		if _, seen := into[t.String()]; seen {
			return
		}
		into[t.String()] = nil
		for field := range t.Fields() {
			if !field.IsExported() {
				continue
			}
			key, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			knownKeys(field.Type, into)
			switch {
			case strings.Contains(options, "inline"):
				into[t.String()] = append(into[t.String()], into[field.Type.String()]...)
			case key == "":
				into[t.String()] = append(into[t.String()], strings.ToLower(field.Name))
			case key != "-":
				into[t.String()] = append(into[t.String()], key)
			}
		}
	default: // the others have no keys
	}
}
