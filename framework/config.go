package framework

import (
	"errors"
	"fmt"

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

// DecodeConfig decodes a node strictly over the defaults already in target: unknown and repeated keys and wrong
// types are all reported, each as a Mistake at path, joined. A zero node leaves the defaults as they are.
func DecodeConfig(node *yaml.Node, path string, target any) error {
	if node == nil || node.IsZero() || node.Tag == "!!null" {
		return nil
	}
	err := node.Load(target, yaml.WithKnownFields(), yaml.WithUniqueKeys())
	return mistakes(err, path, node.Line)
}

func mistakes(err error, path string, line int) error {
	var several *yaml.LoadErrors
	if !errors.As(err, &several) {
		if err == nil {
			return nil
		}
		return &Mistake{Line: line, Path: path, Message: err.Error()}
	}
	var all []error
	for _, one := range several.Errors {
		at := one.Mark.Line
		if at == 0 {
			at = line
		}
		message := one.Message
		all = append(all, &Mistake{Line: at, Path: path, Message: message})
	}
	return errors.Join(all...)
}
