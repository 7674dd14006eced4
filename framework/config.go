package framework

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Mistake is one thing that is wrong with a configuration, and where.
type Mistake struct {
	Line    int    // in the file, from 1; 0 when it has no place
	Path    string // such as endpoints[0].before[1].hmac
	Message string
}

// Error writes line, path and message.
func (m *Mistake) Error() string {
	text := m.Message
	if m.Path != "" {
		text = m.Path + ": " + text
	}
	if m.Line > 0 {
		text = fmt.Sprintf("line %d: %s", m.Line, text)
	}
	return text
}

// DecodeConfig decodes a node strictly over the defaults already in target: unknown and repeated keys, empty items of
// lists and wrong types are all reported, each as a Mistake with its line and path, joined. A path of "" is the root.
// A zero node leaves the defaults as they are. No message quotes a value: it may be a secret written in place.
func DecodeConfig(node *yaml.Node, path string, target any) error {
	if node == nil || node.Kind == 0 || node.Tag == "!!null" {
		return nil
	}
	places := newPlaces(node, path)
	all := places.mistakes
	// Repeated keys were found above: the decoder would not look further into a mapping that has one.
	err := node.Load(target, yaml.WithKnownFields(), yaml.WithUniqueKeys(false))
	for _, one := range loadErrors(err) {
		at, ok := places.paths[place{one.Mark.Line, one.Mark.Column}]
		if !ok { // in the content of an alias, which stands elsewhere
			at = path
		}
		line := one.Mark.Line
		if line == 0 {
			line = node.Line
		}
		all = append(all, &Mistake{Line: line, Path: at, Message: explain(one.Message, target)})
	}
	return errors.Join(all...)
}

// loadErrors takes an error of the decoder apart.
func loadErrors(err error) []*yaml.LoadError {
	if err == nil {
		return nil
	}
	if several, ok := errors.AsType[*yaml.LoadErrors](err); ok {
		return several.Errors
	}
	if one, ok := errors.AsType[*yaml.LoadError](err); ok {
		return []*yaml.LoadError{one}
	}
	return []*yaml.LoadError{{Message: err.Error()}}
}

// placedMessage is an error text that begins with the path of a key: "secrets[0]: is too short".
var placedMessage = regexp.MustCompile(`(?s)^([a-z0-9_]+(?:\[[0-9]+\])*(?:\.[a-z0-9_]+(?:\[[0-9]+\])*)*): (.+)$`)

// PlaceErrors makes a Mistake of each of the joined errors with which the owner of a node refused what it says. An error
// that begins with the path of a key that is there ("secrets[0]: is too short") gets the line of the key.
func PlaceErrors(err error, node *yaml.Node, path string) error {
	if all := joined(err); all != nil {
		for i, one := range all {
			all[i] = PlaceErrors(one, node, path)
		}
		return errors.Join(all...)
	}
	if _, placed := errors.AsType[*Mistake](err); placed {
		return err
	}
	if found := placedMessage.FindStringSubmatch(err.Error()); found != nil && node != nil {
		at := join(path, found[1])
		if line, there := newPlaces(node, path).lines[at]; there {
			return &Mistake{Line: line, Path: at, Message: found[2]}
		}
	}
	return &Mistake{Line: nodeLine(node), Path: path, Message: err.Error()}
}

// joined returns what errors.Join made this very error of, or nil.
func joined(err error) []error {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	all := slices.Clone(several.Unwrap())
	var texts []string
	for _, one := range all {
		texts = append(texts, one.Error())
	}
	if strings.Join(texts, "\n") != err.Error() { // made by fmt.Errorf, whose words count
		return nil
	}
	return all
}
