package framework

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestTheExamplesOfThePublishedDocumentHoldBeforeTheJudge reads the document of the whole server as a client does: every schema in it
// compiles, and every example is valid by the schema that it stands beside.
func TestTheExamplesOfThePublishedDocumentHoldBeforeTheJudge(t *testing.T) {
	text, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiler.AssertContent()
	for _, format := range numberFormats() {
		compiler.RegisterFormat(format)
	}
	const url = "mem:///openapi.json"
	if err := compiler.AddResource(url, document); err != nil {
		t.Fatal(err)
	}
	schemas, examples := 0, 0
	var look func(value any, location []string)
	look = func(value any, location []string) {
		switch value := value.(type) {
		case []any:
			for i, item := range value {
				look(item, append(slices.Clone(location), strconv.Itoa(i)))
			}
		case map[string]any:
			if described, ok := value["schema"].(map[string]any); ok {
				at := append(slices.Clone(location), "schema")
				schema, err := compiler.Compile(url + "#" + pointerOf(at))
				if err != nil {
					t.Fatalf("%s: %v", pointerOf(at), err)
				}
				schemas++
				for _, example := range examplesOf(value, described) {
					examples++
					if err := schema.Validate(example); err != nil {
						t.Errorf("the example beside %s: %v", pointerOf(at), err)
					}
				}
			}
			for name, member := range value {
				if name != "example" && name != "examples" {
					look(member, append(slices.Clone(location), name))
				}
			}
		}
	}
	look(document, nil)
	if schemas < 30 || examples < 10 {
		t.Errorf("%d schemas and %d examples were found", schemas, examples)
	}
}

// examplesOf are those of a media type or parameter, and of its schema.
func examplesOf(holder, schema map[string]any) (all []any) {
	for _, from := range []map[string]any{holder, schema} {
		if example, ok := from["example"]; ok {
			all = append(all, example)
		}
	}
	if list, ok := schema["examples"].([]any); ok {
		all = append(all, list...)
	}
	if named, ok := holder["examples"].(map[string]any); ok {
		for _, one := range named {
			if described, ok := one.(map[string]any); ok {
				all = append(all, described["value"])
			}
		}
	}
	return all
}
