package framework_test

import (
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestJSONIsKeptAsItWasSent(t *testing.T) {
	for _, text := range []string{`null`, `1.50e1`, `"\u0041"`, `[ 1, {"b":1,"a":2} ]`, `12345678901234567890`, `true`} {
		var held struct {
			A framework.JSON
			B int
		}
		if err := json.Unmarshal([]byte(`{"A":`+text+`,"B":1}`), &held); err != nil || held.B != 1 {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(text, string(held.A)); diff != "" {
			t.Error(diff)
		}
		written, err := json.Marshal(held)
		if err != nil {
			t.Fatal(err)
		}
		var again struct{ A framework.JSON }
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatal(err)
		}
		was, is := jsontext.Value(text), jsontext.Value(again.A)
		if err := was.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		if err := is.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(was), string(is)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestJSONIsACopy(t *testing.T) {
	sent := []byte(`["abc"]`)
	var held []framework.JSON
	if err := json.Unmarshal(sent, &held); err != nil {
		t.Fatal(err)
	}
	copy(sent, `["xyz"]`)
	if string(held[0]) != `"abc"` {
		t.Errorf("held %s", held[0])
	}
}

func TestJSONThatIsNoneIsNotWritten(t *testing.T) {
	if got, err := json.Marshal([]framework.JSON{nil, {}}); err != nil || string(got) != `[null,null]` {
		t.Errorf("got %s, %v", got, err)
	}
	for _, broken := range []string{`{`, `"a" "b"`, `{"a":1,"a":2}`, "\"\xff\""} {
		if got, err := json.Marshal(framework.JSON(broken)); err == nil {
			t.Errorf("%q was written as %s", broken, got)
		}
	}
}

func TestStringOrListReadsAndWritesBothForms(t *testing.T) {
	for _, c := range []struct {
		text string
		want framework.StringOrList
	}{
		{`"a"`, framework.StringOrList{"a"}},
		{`""`, framework.StringOrList{""}},
		{`["a","b"]`, framework.StringOrList{"a", "b"}},
		{`[]`, framework.StringOrList{}},
	} {
		var got framework.StringOrList
		if err := json.Unmarshal([]byte(c.text), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Error(diff)
		}
		if written, err := json.Marshal(got); err != nil || string(written) != c.text {
			t.Errorf("%s was written as %s, %v", c.text, written, err)
		}
	}
	for _, wrong := range []string{`1`, `{}`, `["a",1]`, `["a",["b"]]`, `true`} {
		var got framework.StringOrList
		if err := json.Unmarshal([]byte(wrong), &got); err == nil {
			t.Errorf("%s became %q", wrong, got)
		}
	}
	if written, err := json.Marshal(framework.StringOrList(nil)); err != nil || string(written) != `[]` {
		t.Errorf("nil was written as %s, %v", written, err)
	}
}

func TestOpenKeepsWhatTheTypeDoesNotKnow(t *testing.T) {
	type alert struct {
		ID string `json:"id"`
	}
	const text = `{"id":"1","new":{"x":[1]}}`
	var got framework.Open[alert]
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(framework.Open[alert]{Value: alert{"1"}, Raw: framework.JSON(text)}, got); diff != "" {
		t.Error(diff)
	}
	if written, err := json.Marshal(got); err != nil || string(written) != text {
		t.Errorf("written as %s, %v", written, err)
	}
	if err := json.Unmarshal([]byte(`{"id":1}`), &got); err == nil {
		t.Error("a number became a string")
	}
}

func TestSchemasSayWhatIsTaken(t *testing.T) {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	type alert struct {
		ID string `json:"id"`
	}
	open := framework.Open[alert]{}.Schema(registry)
	if open.Type != huma.TypeObject || open.AdditionalProperties != true || open.Properties["id"] == nil {
		t.Errorf("Open: %+v", open)
	}
	if either := (framework.StringOrList{}).Schema(registry); len(either.OneOf) != 2 {
		t.Errorf("StringOrList: %+v", either)
	}
	if anything := (framework.JSON{}).Schema(registry); anything.Type != "" {
		t.Errorf("JSON: %+v", anything)
	}
	defer func() {
		if recover() == nil {
			t.Error("Open of something that is no struct was taken")
		}
	}()
	framework.Open[string]{}.Schema(registry)
}
