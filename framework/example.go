package framework

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// encodeExamples readies the examples for the document, and holds them to the schemas.
func (o *operation) encodeExamples() error {
	var errs []error
	for _, p := range o.binding.parameters {
		if example := p.example(); example != nil {
			_, err := encodeExample(example, p.checker, Reject)
			errs = append(errs, in(p.name, err))
		}
	}
	var err error
	if o.example != nil && o.binding.body != nil {
		o.bodyExample, err = encodeExample(o.example, o.binding.body.checker, o.binding.body.undeclared)
		errs = append(errs, in("body", err))
	}
	if o.answered != nil && !o.empty {
		o.answerExample, err = encodeExample(o.answered, o.output, Reject)
		errs = append(errs, in("answer", err))
	}
	return errors.Join(errs...)
}

func in(place string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", place, err)
}

// encodeExample makes the JSON of an example for the document. One that breaks the schema which it illustrates is a bug of
// the part, seen at start-up; members that the schema does not declare are shown, if such are let in.
func encodeExample(value any, checker *node, undeclared Undeclared) (jsontext.Value, error) {
	encoded, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encode the example: %w", err)
	}
	violations, _, err := checker.check(encoded, undeclared)
	if err != nil {
		return nil, fmt.Errorf("check the example: %w", err)
	}
	if len(violations) > 0 {
		return nil, fmt.Errorf("the example breaks its schema at %q: %s", violations[0].Pointer, violations[0].Message)
	}
	return encoded, nil
}
