package framework

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Tags that go vet finds, too: the types are made here, so that it does not find these.
func TestTagsThatReflectPassesOverAreErrors(t *testing.T) {
	text := reflect.TypeFor[string]()
	for _, c := range []struct {
		name   string
		fields []reflect.StructField
		want   []string
	}{
		{
			"no quotes",
			[]reflect.StructField{{Name: "Name", Type: text, Tag: `json:name`}},
			[]string{`field Name of the input.Body: the tag cannot be read from json:name on: it is written key:"value" key:"value"`},
		},
		{
			"a comma",
			[]reflect.StructField{{Name: "Name", Type: text, Tag: `json:"name",minLength:"3"`}},
			[]string{`field Name of the input.Body: there is no space between the tag json and ,minLength:"3"`},
		},
		{
			"no space",
			[]reflect.StructField{{Name: "Name", Type: text, Tag: `json:"name"minLength:"3"`}},
			[]string{`field Name of the input.Body: there is no space between the tag json and minLength:"3"`},
		},
		{
			"a space too many",
			[]reflect.StructField{{Name: "Name", Type: text, Tag: `json: "name"`}},
			[]string{`field Name of the input.Body: the tag cannot be read from json: "name" on: it is written key:"value" key:"value"`},
		},
		{
			"a key alone",
			[]reflect.StructField{{Name: "Name", Type: text, Tag: `required`}},
			[]string{`field Name of the input.Body: the tag cannot be read from required on: it is written key:"value" key:"value"`},
		},
		{
			"a key of something else",
			[]reflect.StructField{{Name: "Name", Type: text, Tag: `json;doc:"name"`}},
			[]string{`field Name of the input.Body: the tag cannot be read from json;doc:"name" on: it is written key:"value" key:"value"`},
		},
		{
			"an open quote",
			[]reflect.StructField{{Name: "Name", Type: text, Tag: `json:"name`}},
			[]string{`field Name of the input.Body: the tag cannot be read from json:"name on: it is written key:"value" key:"value"`},
		},
		{
			"a key twice",
			[]reflect.StructField{{Name: "Name", Type: text, Tag: `json:"name" minLength:"1" minLength:"2"`}},
			[]string{`field Name of the input.Body: the tag minLength is given twice`},
		},
		{
			"a name twice",
			[]reflect.StructField{{Name: "A", Type: text, Tag: `json:"same"`}, {Name: "B", Type: text, Tag: `json:"same"`}, {Name: "same", PkgPath: "a", Type: text}},
			[]string{`field B of the input.Body: the JSON name "same" is taken by field A of the input.Body`},
		},
		{
			"a name that another field has by itself",
			[]reflect.StructField{{Name: "Same", Type: text}, {Name: "B", Type: text, Tag: `json:"Same"`}},
			[]string{`field B of the input.Body: the JSON name "Same" is taken by field Same of the input.Body`},
		},
		{
			"a field that is not exported",
			[]reflect.StructField{{Name: "hidden", PkgPath: "a", Type: text, Tag: `json:"hidden" minLenght:"1"`}},
			[]string{
				`field hidden of the input.Body: the tag json has no meaning: the field is not exported, so that nothing fills it`,
				`field hidden of the input.Body: the tag minLenght is not known: did you mean minLength?`,
			},
		},
		{"all right", []reflect.StructField{{Name: "Name", Type: text, Tag: `  json:"name"   doc:"a \"name\", in quotes"  `}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			input := reflect.StructOf([]reflect.StructField{{Name: "Body", Type: reflect.StructOf(c.fields)}})
			err := checkRoute(&Route{Path: "/", input: input, output: reflect.TypeFor[struct{}]()})
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMisspeltKeysAreLedBackToTheOneThatWasMeant(t *testing.T) {
	for key, want := range map[string]string{
		"minLenght": "minLength", "maxlength": "maxLength", "max_items": "maxItems", "foramt": "format", "patern": "pattern", "defautl": "default",
		"exampel": "example", "requierd": "required", "minimun": "minimum", "exclusiveMax": "", "enums": "enum", "headers": "header", "quer": "query",
		"dco": "", "xyz": "", "something": "",
	} {
		if got := nearest(key); got != want {
			t.Errorf("%s is taken for %q, not %q", key, got, want)
		}
	}
}

func TestKeysOfOthersAreLeftAlone(t *testing.T) {
	for _, key := range []string{"json", "yaml", "db", "gorm", "protobuf"} {
		if err := checkKey(key); err != nil {
			t.Error(err)
		}
	}
}
