package enrich

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPathsLeadToValuesHoweverMembersAreNamed(t *testing.T) {
	t.Parallel()
	const data = `{
		"a": {"b": {"c": "nested"}, "b.c": "dotted", "d.e": {"f.g": "both"}, "x": {"y": "short"}},
		"a.x": {"y": "long"}, "a.b": 7,
		"list": ["one", 2, "", null, {"k": "three"}, [" four "]],
		"deep": [{"k": "v1"}, {"k": ["v2", "v3"]}, {"other": 1}],
		"big": 12345678901234567890, "yes": true, "null": null, "empty": "", "object": {}
	}`
	for path, want := range map[string][]string{
		"a.b.c": {"dotted"}, "a.d.e.f.g": {"both"}, "a.x.y": {"long"}, "a.b": {"7"},
		"list": {"one", "2", " four "}, "list.k": {"three"}, "deep.k": {"v1", "v2", "v3"},
		"big": {"12345678901234567890"}, "yes": nil, "null": nil, "empty": nil, "object": nil,
		"a": nil, "a.b.c.d": nil, "nowhere": nil, "": nil, ".": nil, "a..b": nil, ".a": nil,
	} {
		value, err := decode([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, lookup(value, path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func FuzzLookup(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":{"b":"c"}}`, "a.b"}, {`{"a.b":["c",{"d":1}]}`, "a.b.d"}, {`[[[]]]`, "."}, {`"x"`, ""}, {`{"":{"":"x"}}`, "."},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, data, path string) {
		value, err := decode([]byte(data))
		if err != nil {
			return
		}
		for _, found := range lookup(value, path) {
			if found == "" {
				t.Errorf("an empty value at %q", path)
			}
		}
		if path != "" && !strings.ContainsAny(path, "\ufffd") {
			wrapped := map[string]any{path: "whole"}
			if diff := cmp.Diff([]string{"whole"}, lookup(wrapped, path)); diff != "" {
				t.Errorf("a member named %q (-want +got):\n%s", path, diff)
			}
		}
	})
}
