package framework

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOutputLosesWhatItsSchemaDoesNotDeclare(t *testing.T) {
	s := newSchemas()
	_, checker, err := s.ofType(reflect.TypeFor[nested](), "nested")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, document, want string }{
		{"nothing to lose", `{"id":"1"}`, `{"id":"1"}`},
		{"the first member", `{"x":1,"id":"1"}`, `{"id":"1"}`},
		{"the last member", `{"id":"1","x":{"y":[1,2]}}`, `{"id":"1"}`},
		{"one in the middle", `{"id":"1","x":"a,b","next":{"id":"2"}}`, `{"id":"1","next":{"id":"2"}}`},
		{"several at the start", `{"x":1,"y":2,"id":"1"}`, `{"id":"1"}`},
		{"white space in front of commas", "{ \"x\":1 \t,\r\n\"id\":\"1\" , \"y\":2 }", "{\r\n\"id\":\"1\" }"},
		{"one deep inside", `{"next":{"x":1,"id":"2","y":1},"id":"1"}`, `{"next":{"id":"2"},"id":"1"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			violations, cuts, err := checker.check([]byte(c.document), Drop)
			if err != nil || len(violations) > 0 {
				t.Fatal(err, violations)
			}
			if diff := cmp.Diff(c.want, string(without([]byte(c.document), cuts))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzStrippingLeavesAValidDocumentThatNeedsNoMore(f *testing.F) {
	for _, seed := range []string{"{ \"x\":[[]]\t\r ,\"id\":\"1\"}", `{"x":1,"id":"1"}`, `{"id":"1","x":2,"next":{"y":1,"id":"2"}}`, `{"x":1,"y":2,"id":"","z":[{}]}`} {
		f.Add([]byte(seed))
	}
	s := newSchemas()
	_, checker, err := s.ofType(reflect.TypeFor[nested](), "nested")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		violations, cuts, err := checker.check(document, Drop)
		if err != nil || len(violations) > 0 {
			return
		}
		stripped := without(document, cuts)
		violations, more, err := checker.check(stripped, Reject)
		if err != nil || len(violations) > 0 || len(more) > 0 {
			t.Fatalf("%s was stripped to %s: %v %v", document, stripped, err, violations)
		}
	})
}

func TestADeepDocumentIsRefusedInBoundedTime(t *testing.T) {
	s := newSchemas()
	_, checker, err := s.ofType(reflect.TypeFor[nested](), "nested")
	if err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat(`{"id":"1","next":`, 200_000) + "null" + strings.Repeat("}", 200_000)
	if _, _, err := checker.check([]byte(deep), Reject); err == nil {
		t.Error("a document nested 200,000 deep was accepted")
	}
}
