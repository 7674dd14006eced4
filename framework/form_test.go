package framework

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

type Level2 struct {
	ID    string             `json:"id"`
	Next  *Level2            `json:"next,omitempty"`
	Twice **int              `json:"twice,omitempty"`
	More  []Level2           `json:"more,omitempty"`
	Named map[string]*Level2 `json:"named,omitempty"`
}

type tagged struct {
	Text string `json:"text,case:ignore"`
}

type embedding struct {
	Level2
	Own string `json:"own"`
}

// filled has one of everything that a form knows, and of what it leaves to the JSON package.
type filled struct {
	Text     string            `json:"text,omitempty"`
	Kind     RunState          `json:"kind,omitempty"`
	When     time.Time         `json:"when,omitzero"`
	WhenNot  *time.Time        `json:"when_not,omitempty" nullable:"true"`
	Int      int               `json:"int,omitempty"`
	Small    int8              `json:"small,omitempty"`
	Large    int64             `json:"large,omitempty"`
	Positive uint16            `json:"positive,omitempty"`
	Ratio    float64           `json:"ratio,omitempty"`
	Single   float32           `json:"single,omitempty"`
	Flag     bool              `json:"flag,omitempty"`
	Maybe    *string           `json:"maybe,omitempty" nullable:"true"`
	List     []string          `json:"list,omitempty" nullable:"true"`
	Lists    [][]int           `json:"lists,omitempty"`
	Values   map[string]string `json:"values,omitempty" nullable:"true"`
	States   map[RunState]int  `json:"states,omitempty"`
	Several  StringOrList      `json:"several,omitempty"`
	Row      map[string]JSON   `json:"row,omitempty"`
	Free     JSON              `json:"free,omitempty"`
	Any      any               `json:"any,omitempty"`
	Blob     []byte            `json:"blob,omitempty"`
	Pair     [2]int32          `json:"pair,omitzero"`
	Deep     Level2            `json:"deep,omitzero"`
	Open     Open[nested]      `json:"open,omitzero"`
	Choice   Choice[shapes]    `json:"choice,omitzero"`
	Tagged   tagged            `json:"tagged,omitzero"`
	Embeds   embedding         `json:"embeds,omitzero"`
	NoTag    string            `required:"false"`
	Skipped  string            `json:"-"`
}

func fillSeeds() []string {
	return []string{
		`{}`, `{"text":"a\n\u00e9\ud83d\ude00","kind":"done","NoTag":"x","when":"2026-11-20T12:00:00.5+01:00","when_not":"2026-11-20T12:00:00Z"}`,
		`{"int":-7,"small":127,"large":9223372036854775807,"positive":65535,"ratio":1.5e-7,"single":0.1,"flag":true}`,
		`{"small":128}`, `{"positive":-1}`, `{"positive":65536}`, `{"int":1.0}`, `{"ratio":1e400}`, `{"single":1e39}`, `{"when":"2026-11-20t12:00:00z"}`, `{"when":"2016-12-31T23:59:60Z"}`,
		`{"maybe":null,"list":null,"values":null,"when_not":null}`, `{"maybe":"","list":[],"values":{}}`, `{"list":["a","b","c","d","e","f","g","h","i"],"lists":[[],[1],[1,2]]}`,
		`{"values":{"a":"b","":"c","\u0061b":""},"states":{"done":1},"several":["a"],"row":{"a":1,"b":[null]},"free":{"x":1},"any":[1,{"a":null}]}`, `{"several":"a","blob":"aGk=","pair":[1,2]}`,
		`{"deep":{"id":"1","next":{"id":"2"},"twice":3,"more":[{"id":"3"},{"id":"4","more":[]}],"named":{"a":{"id":"5"},"b":{"id":"6"}}}}`,
		`{"open":{"id":"1","x":2},"choice":{"type":"line","from":"a"},"tagged":{"text":"a"},"embeds":{"id":"1","own":"x"}}`,
		`{"text":"a","Text":"b","TEXT":"c","skipped":1,"Skipped":"x","hidden":"y","-":"z"}`, `{"NoTag":"a","text":"b","int":1}`,
	}
}

// agrees holds filling against decoding.
func agrees(t *testing.T, n *node, f *form, document []byte, undeclared Undeclared) {
	t.Helper()
	var got, want filled
	violations, ok, err := n.fill(document, undeclared, f, reflect.ValueOf(&got).Elem())
	if err != nil || len(violations) > 0 {
		if ok {
			t.Fatalf("%s was filled in spite of %v %v", document, err, violations)
		}
		return
	}
	err = json.Unmarshal(document, &want, jsontext.AllowDuplicateNames(true))
	if !ok { // then the body is decoded, whatever comes of that
		return
	}
	if err != nil {
		t.Fatalf("%s was filled, and cannot be decoded: %v", document, err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(filled{}, embedding{})); diff != "" {
		t.Fatalf("%s (-decoded +filled):\n%s", document, diff)
	}
}

func newFilled(tb testing.TB) (*node, *form) {
	tb.Helper()
	_, n, err := newSchemas().ofType(reflect.TypeFor[filled](), "filled")
	if err != nil {
		tb.Fatal(err)
	}
	return n, formOf(reflect.TypeFor[filled]())
}

func FuzzFillingIsDecoding(f *testing.F) {
	for _, seed := range fillSeeds() {
		f.Add([]byte(seed))
	}
	n, form := newFilled(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		agrees(t, n, form, document, Reject)
		agrees(t, n, form, document, Drop)
	})
}

func TestMostDocumentsAreFilledOnTheWay(t *testing.T) {
	n, form := newFilled(t)
	notFilled := []string{`"small":128`, `"positive":-1`, `"positive":65536`, `"int":1.0`, `1e400`, `1e39`, `t12:00:00z`, `:60Z`, `"Text"`}
	for _, seed := range fillSeeds() {
		want := true
		for _, part := range notFilled {
			want = want && !strings.Contains(seed, part)
		}
		var into filled
		if _, got, _ := n.fill([]byte(seed), Reject, form, reflect.ValueOf(&into).Elem()); got != want {
			t.Errorf("%s filled: %t", seed, got)
		}
	}
}

func TestFormsLeaveToTheJSONPackageWhatItAloneKnows(t *testing.T) {
	for _, c := range []struct {
		of   reflect.Type
		want formKind
	}{
		{reflect.TypeFor[StringOrList](), formWhole},
		{reflect.TypeFor[map[string]StringOrList](), formWhole},
		{reflect.TypeFor[[]JSON](), formWhole},
		{reflect.TypeFor[*any](), formWhole},
		{reflect.TypeFor[tagged](), formWhole},
		{reflect.TypeFor[embedding](), formWhole},
		{reflect.TypeFor[map[int]string](), formWhole},
		{reflect.TypeFor[struct {
			A string `json:"'a'"`
		}](), formWhole},
		{reflect.TypeFor[*Level2](), formPointer},
		{reflect.TypeFor[map[string]int](), formMap},
	} {
		if got := formOf(c.of).kind; got != c.want {
			t.Errorf("form of %s is %b, want %b", c.of, got, c.want)
		}
	}
}

func TestDefaultsStandWhereTheDocumentSaysNothing(t *testing.T) {
	n, form := newFilled(t)
	into := filled{Text: "default", List: []string{"x", "y"}, Deep: Level2{ID: "default", Next: &Level2{ID: "next"}}}
	_, ok, err := n.fill([]byte(`{"list":["z"],"deep":{"id":"new"}}`), Reject, form, reflect.ValueOf(&into).Elem())
	want := filled{Text: "default", List: []string{"z"}, Deep: Level2{ID: "new", Next: &Level2{ID: "next"}}}
	if diff := cmp.Diff(want, into, cmp.AllowUnexported(filled{}, embedding{})); diff != "" || !ok || err != nil {
		t.Errorf("%t %v (-want +got):\n%s", ok, err, diff)
	}
	merged := filled{Values: map[string]string{"a": "default"}}
	if _, ok, _ := n.fill([]byte(`{"values":{"b":"c"}}`), Reject, form, reflect.ValueOf(&merged).Elem()); ok {
		t.Error("a map with a default was filled: the JSON package merges")
	}
}
