package framework

import (
	"bytes"
	stdcmp "cmp"
	"math/rand/v2"
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
		`{"values":{"a":"b","":"c","\u0061b":""},"states":{"done":1},"several":["a"],"row":{"a":1,"b":[null]},"free":{"x":1}}`, `{"several":"a","blob":"aGk=","pair":[1,2]}`,
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
	if err = json.Unmarshal(document, &want, jsontext.AllowDuplicateNames(true)); err != nil && bytes.Contains(document, []byte("-0")) {
		want = filled{}
		err = decodeChecked(document, &want) // the JSON package takes -0 for no integer
	}
	if undeclared == Reject && err != nil {
		t.Fatalf("%s is right by the schema, and cannot be decoded: %v", document, err)
	}
	if !ok { // then the body is decoded, whatever comes of that
		return
	}
	if err != nil {
		t.Fatalf("%s was filled, and cannot be decoded: %v", document, err)
	}
	if reflect.DeepEqual(want, got) {
		return
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

func TestFillingIsDecodingOnRandomDocuments(t *testing.T) {
	n, form := newFilled(t)
	var names []string
	for field := range reflect.TypeFor[filled]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, stdcmp.Or(name, field.Name))
	}
	values := []string{
		"null", "true", "0", "-1", "7", "127", "128", "-129", "65536", "1.0", "1.5e-7", "1e39", "1e400", "9223372036854775808", `""`, `"a"`, `"done"`, `"\u0061\n"`, `"aGk="`,
		`"2026-11-20T12:00:00.5+01:00"`, `"9999-12-31T23:59:59Z"`, `"2016-12-31T23:59:60Z"`, "[]", `["a","b"]`, "[1,2]", "[[1],[],[2,3]]", "[null]", "{}", `{"a":"b","\u0061b":"c"}`,
		`{"a":1}`, `{"id":"1"}`, `{"id":"1","next":{"id":"2","more":[{"id":"3"}]},"twice":3,"named":{"x":{"id":"4"}}}`, `{"type":"line","from":"a"}`, `{"text":"a"}`,
	}
	fitting := map[string][]string{}
	for _, name := range names {
		for _, value := range values {
			if violations, _, err := n.check([]byte(`{"`+name+`":`+value+`}`), Reject); err == nil && len(violations) == 0 {
				fitting[name] = append(fitting[name], value)
			}
		}
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	valid := 0
	for range *documents {
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		var members []string
		for _, name := range names[:1+random.IntN(4)] {
			from := fitting[name]
			if len(from) == 0 || random.IntN(8) == 0 {
				from = values
			}
			members = append(members, `"`+name+`":`+from[random.IntN(len(from))])
		}
		document := []byte("{" + strings.Join(members, ",") + "}")
		agrees(t, n, form, document, Undeclared(random.IntN(2)))
		if violations, _, err := n.check(document, Drop); err == nil && len(violations) == 0 {
			valid++
		}
	}
	t.Logf("no disagreement on %d documents (seed %d), %d of them valid", *documents, seed, valid)
	if valid < *documents/3 {
		t.Errorf("only %d of %d documents are valid", valid, *documents)
	}
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
