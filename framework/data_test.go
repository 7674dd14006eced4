package framework_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestDataIsDecodedWithItsNumbersAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	const data = `{"id":12345678901234567890,"huge":1e999,"tiny":-0.10,"list":[3,{"n":1E2}],"text":"3","no":null,"yes":true}`
	got, err := framework.DecodeData(framework.JSON(data))
	if err != nil {
		t.Fatal(err)
	}
	want := any(map[string]any{
		"id": framework.Number("12345678901234567890"), "huge": framework.Number("1e999"), "tiny": framework.Number("-0.10"),
		"list": []any{framework.Number("3"), map[string]any{"n": framework.Number("1E2")}},
		"text": "3", "no": nil, "yes": true,
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	encoded, err := json.Marshal(got, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	const again = `{"huge":1e999,"id":12345678901234567890,"list":[3,{"n":1E2}],"no":null,"text":"3","tiny":-0.10,"yes":true}`
	if diff := cmp.Diff(again, string(encoded)); diff != "" {
		t.Errorf("encoded again (-want +got):\n%s", diff)
	}
}

func TestDataMayBeAnyJSON(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]any{
		`"SEC-1"`: "SEC-1", `[1]`: []any{framework.Number("1")}, `7`: framework.Number("7"), `null`: nil,
	} {
		got, err := framework.DecodeData(framework.JSON(data))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", data, err, diff)
		}
	}
}

func TestDataThatIsNotJSONIsRefusedForGood(t *testing.T) {
	t.Parallel()
	for _, data := range []string{``, `{`, `{"a":1,"a":2}`, `01`, "\"\xff\""} {
		got, err := framework.DecodeData(framework.JSON(data))
		if !framework.IsPermanent(err) || got != nil {
			t.Errorf("%s: %v, %v", data, got, err)
		}
		if reason := framework.Reason(err); reason != "event: decode its data: it is not JSON" {
			t.Errorf("%s: %s", data, reason)
		}
	}
}

func TestANumberHasTheValueThatAMachineCanHold(t *testing.T) {
	t.Parallel()
	for number, want := range map[framework.Number]any{
		"0": 0, "-7": -7, "9223372036854775807": 9223372036854775807, "-9223372036854775808": -9223372036854775808,
		"9223372036854775808": 9223372036854775808.0, "1.5": 1.5, "1e3": 1000.0, "-0": 0, "1e-999": 0.0,
		"1e999": "1e999", "-1e999": "-1e999",
	} {
		if diff := cmp.Diff(want, number.Value()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", number, diff)
		}
	}
}

func FuzzDecodeData(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `{"a":[1e400,-0,0.1]}`, `{"":{"":null}}`, `[1]`, `null`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		got, err := framework.DecodeData(framework.JSON(data))
		if err != nil {
			if _, ok := errors.AsType[*framework.ServiceError](err); !ok {
				t.Errorf("%v", err)
			}
			return
		}
		encoded, err := json.Marshal(got)
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		again, err := framework.DecodeData(encoded)
		if diff := cmp.Diff(got, again); diff != "" || err != nil {
			t.Errorf("%v (-first +again):\n%s", err, diff)
		}
		walk(t, got)
	})
}

// walk looks at the value of every number.
func walk(t *testing.T, value any) {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		for _, one := range v {
			walk(t, one)
		}
	case []any:
		for _, one := range v {
			walk(t, one)
		}
	case framework.Number:
		if text, ok := v.Value().(string); ok && text != fmt.Sprint(v) {
			t.Errorf("%s became %s", v, text)
		}
	}
}
