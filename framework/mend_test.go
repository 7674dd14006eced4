package framework_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestTextThatIsNotUnicodeIsReplacedAndNothingElse(t *testing.T) {
	for name, test := range map[string]struct{ sent, want string }{
		"nothing":                                   {``, ``},
		"plain text":                                {`{"a":"b"}`, `{"a":"b"}`},
		"text of Python's surrogateescape":          {`{"a":"x\udcffy"}`, `{"a":"x\ufffdy"}`},
		"the first half of a pair":                  {`"\ud83d"`, `"\ufffd"`},
		"the first half, in upper case":             {`"\uD83D..."`, `"\ufffd..."`},
		"a pair":                                    {`"\ud83d\ude00"`, `"\ud83d\ude00"`},
		"a pair the wrong way round":                {`"\ude00\ud83d"`, `"\ufffd\ufffd"`},
		"a half before a pair":                      {`"\ud83d\ud83d\ude00"`, `"\ufffd\ud83d\ude00"`},
		"a half before another escape":              {`"\ud83d\u0041\n"`, `"\ufffd\u0041\n"`},
		"a half in a name":                          {`{"\udfff":1}`, `{"\ufffd":1}`},
		"a backslash before what looks like a half": {`"\\ud83d"`, `"\\ud83d"`},
		"a half behind a backslash":                 {`"\\\ud83d"`, `"\\\ufffd"`},
		"a half behind a quote":                     {`"\"\ud83d"`, `"\"\ufffd"`},
		"a half behind a string":                    {`["a\\","\ud83d"]`, `["a\\","\ufffd"]`},
		"a half outside of a string":                {`[\ud83d]`, `[\ud83d]`},
		"an escape that has no end":                 {`"\ud83`, `"\ud83`},
		"a backslash at the end":                    {`"\ud83d\`, `"\ufffd\`},
		"a byte that is not UTF-8":                  {"\"a\xffb\"", "\"a\uFFFDb\""},
		"a character that is cut off":               {"\"\xf0\x9f\x98\"", "\"\uFFFD\""},
		"a surrogate in UTF-8":                      {"\"\xed\xa0\x80\"", "\"\uFFFD\""},
		"both":                                      {"\"\xc3\\ud83d\"", "\"\uFFFD\\ufffd\""},
	} {
		t.Run(name, func(t *testing.T) {
			sent := []byte(test.sent)
			if got := string(framework.Mended(sent)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if string(sent) != test.sent {
				t.Errorf("what was sent is changed to %q", sent)
			}
		})
	}
}

// What is valid is unchanged, and whatever is valid but for its text is valid afterwards.
func FuzzMended(f *testing.F) {
	for _, seed := range []string{`{"a":"\udcff"}`, "\"\xff\"", `["\ud83d\ude00","\\ud83d"]`, `"\ud83d\ud83d\ude00"`, `"\uD8`, "\"\xf0\x9f\\\xff\"", `[\ud83d"\ud83d"]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		sent := bytes.Clone(document)
		mended := framework.Mended(document)
		if !bytes.Equal(sent, document) {
			t.Fatalf("what was sent, %q, is changed to %q", sent, document)
		}
		repeated := jsontext.AllowDuplicateNames(true)
		if jsontext.Value(document).IsValid(repeated) && !bytes.Equal(mended, document) {
			t.Errorf("valid %q is changed to %q", document, mended)
		}
		if valid := jsontext.Value(mended).IsValid(repeated); valid != jsontext.Value(document).IsValid(repeated, jsontext.AllowInvalidUTF8(true)) {
			t.Errorf("%q is mended to %q: valid is %v", document, mended, valid)
		}
		if !utf8.Valid(mended) || len(mended) > 3*len(document) || !bytes.Equal(framework.Mended(mended), mended) {
			t.Errorf("%q is mended to %q", document, mended)
		}
	})
}

// signed notes the bytes that a signature would be checked on.
type signed struct{ saw *string }

func (s signed) Before(_ context.Context, r *framework.Request) error {
	*s.saw = string(r.Raw())
	return nil
}

func TestAnEndpointThatMendsTakesTextThatIsNotUnicode(t *testing.T) {
	const sent = "{\"text\":\"cut \\ud83d \xff\"}"
	type input struct {
		Body struct {
			Text string `json:"text"`
		}
		Raw []byte
	}
	for mend, want := range map[bool]int{true: http.StatusNoContent, false: http.StatusBadRequest} {
		var got, raw, saw string
		route := framework.Endpoint[input, struct{}]{
			Method: http.MethodPost, Path: "/in", ID: "in", Mend: mend,
			Handle: func(_ context.Context, in *input) (*struct{}, error) {
				got, raw = in.Body.Text, string(in.Raw)
				return &struct{}{}, nil
			},
		}.Route()
		funnel := newFunnel(t, new(frameworktest.Log).Logger())
		chain := framework.Chain{Public: true, Before: []framework.Named[framework.Before]{{Name: "signed", Part: signed{&saw}}}}
		if err := funnel.Mount(route, chain); err != nil {
			t.Fatal(err)
		}
		recorder := httptest.NewRecorder()
		funnel.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/in", strings.NewReader(sent)))
		if recorder.Code != want || saw != sent {
			t.Errorf("mend %v: %d %s; the plugin saw %q", mend, recorder.Code, recorder.Body, saw)
		}
		if mend && (got != "cut \uFFFD \uFFFD" || raw != sent) {
			t.Errorf("the handler got %q, and as sent %q", got, raw)
		}
	}
}
