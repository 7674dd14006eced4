package app

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"funnelweb/framework"
)

// condition compiles the when of an automation: an expression (expr-lang.org) over the members of the event's data, with
// the event's own id, type and time under event. An empty one always holds. What an expression reads and the data does not
// have is nil. An error at run time is the event's, not the expression's, and is told as such.
func condition(when string) (func(framework.Event) (bool, error), error) {
	if when == "" {
		return nil, nil //nolint:nilnil // no condition is a valid answer: the engine asks for none
	}
	program, err := expr.Compile(when, expr.AsBool(), expr.Env(map[string]any{}), expr.AllowUndefinedVariables())
	if err != nil {
		message, _, _ := strings.Cut(err.Error(), "\n") // the lines below it draw the place
		return nil, errors.New("when: " + message)
	}
	return func(event framework.Event) (bool, error) { return holds(program, event) }, nil
}

func holds(program *vm.Program, event framework.Event) (bool, error) {
	decoded, err := framework.DecodeData(event.Data)
	if err != nil {
		return false, fmt.Errorf("decode the data of event %s: %w", event.ID, err)
	}
	data, _ := calculable(decoded).(map[string]any)
	if data == nil {
		data = map[string]any{} // data that is no object has no members
	}
	data["event"] = map[string]any{"id": event.ID, "type": event.Type, "time": event.Time}
	result, err := expr.Run(program, data)
	if err != nil {
		reason, _, _ := strings.Cut(err.Error(), "\n") // names members and types, never values
		return false, &framework.ServiceError{
			Service: "automation", Op: "evaluate when", Permanent: true, Err: err,
			Reason: "the condition does not fit this event: " + reason,
		}
	}
	held, _ := result.(bool)
	return held, nil
}

// calculable turns the numbers of decoded data, in place, into those with which an expression can calculate.
func calculable(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = calculable(member)
		}
	case []any:
		for i, element := range v {
			v[i] = calculable(element)
		}
	case framework.Number:
		return v.Value()
	}
	return value
}
