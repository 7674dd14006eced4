package framework_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

type listInput struct {
	Numbers   []int    `query:"number" required:"true"`
	Words     []string `query:"word" maxLength:"5"`
	Addresses []string `query:"address" format:"ipv4"`
	Flags     []bool   `header:"X-Flag"`
}

type listOutput struct {
	Numbers   []int    `json:"numbers"`
	Words     []string `json:"words"`
	Addresses []string `json:"addresses"`
	Flags     []bool   `json:"flags"`
}

// TestAListParameterIsNeverShorterThanWhatWasSent has values that are none of their type: a filter that cannot be read must
// not become no filter.
func TestAListParameterIsNeverShorterThanWhatWasSent(t *testing.T) {
	funnel := newFunnel(t, new(frameworktest.Log).Logger())
	route := framework.Endpoint[listInput, listOutput]{
		Method: http.MethodGet, Path: "/list", ID: "list", Summary: "List",
		Handle: func(_ context.Context, in *listInput) (*listOutput, error) { return (*listOutput)(in), nil },
	}.Route()
	if err := funnel.Mount(route, framework.Chain{Public: true}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, flag, want string }{
		{"number=1&number=2&word=a", "true", `{"numbers":[1,2],"words":["a"],"addresses":[],"flags":[true]}`},
		{"number=abc", "", "number must be an integer, each time that it is given"},
		{"number=1&number=abc", "", "number must be an integer, each time that it is given"},
		{"number=", "", "number must be an integer, each time that it is given"},
		{"number=null", "", "number must be an integer, each time that it is given"},
		{"number=1,2", "", "number must be an integer, each time that it is given"},
		{"number=[1]", "", "number must be an integer, each time that it is given"},
		{"number=1e400", "", "number must be a number that fits 64 bits"},
		{"word=a", "", "number is missing"},
		{"number=1&word=%ff", "", "word must be a string, each time that it is given"},
		{"number=1&word=toolong", "", "word must have at most 5 characters"},
		{"number=1&address=%ff", "", "address must be a string, each time that it is given"},
		{"number=1&address=1.2.3", "", "address must be of the format ipv4"},
		{"number=1", "maybe", "X-Flag must be true or false, each time that it is given"},
	} {
		request := httptest.NewRequest(http.MethodGet, "/list?"+c.query, http.NoBody)
		if c.flag != "" {
			request.Header.Set("X-Flag", c.flag)
		}
		recorder := httptest.NewRecorder()
		funnel.ServeHTTP(recorder, request)
		got, want := recorder.Body.String(), http.StatusOK
		if !strings.HasPrefix(c.want, "{") {
			want = http.StatusUnprocessableEntity
			var told []string
			for _, field := range problem(t, answer{recorder.Code, recorder.Header(), recorder.Body.String()}).Errors {
				told = append(told, field.Pointer+" "+field.Message)
			}
			got = strings.Join(told, "; ")
		}
		if diff := cmp.Diff(c.want, got); diff != "" || recorder.Code != want {
			t.Errorf("%s: status %d\n%s", c.query, recorder.Code, diff)
		}
	}
}

type flags struct {
	Body struct {
		Flag  bool           `json:"flag"`
		Maybe *bool          `json:"maybe,omitempty"`
		Any   framework.JSON `json:"any,omitempty"`
		All   []bool         `json:"all,omitempty"`
	}
}

func TestAWordThatIsBrokenOffIsNoJSON(t *testing.T) {
	log := new(frameworktest.Log)
	funnel := newFunnel(t, log.Logger())
	route := framework.Endpoint[flags, struct{}]{
		Method: http.MethodPost, Path: "/flags", ID: "flags", Summary: "Flags",
		Handle: func(context.Context, *flags) (*struct{}, error) { return nil, nil },
	}.Route()
	if err := funnel.Mount(route, framework.Chain{Public: true}); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"true", "false", "null"} {
		for length := 1; length < len(word); length++ {
			for _, body := range []string{`{"flag":`, `{"maybe":`, `{"any":`, `{"all":[true,`, `{"undeclared":`} {
				for _, end := range []string{"", "}", "x", "]"} {
					request := httptest.NewRequest(http.MethodPost, "/flags", strings.NewReader(body+word[:length]+end))
					request.Header.Set("Content-Type", "application/json")
					recorder := httptest.NewRecorder()
					funnel.ServeHTTP(recorder, request)
					if recorder.Code != http.StatusBadRequest {
						t.Errorf("%s: status %d %s", body+word[:length]+end, recorder.Code, recorder.Body)
					}
				}
			}
		}
	}
	if strings.Contains(log.String(), "panic") {
		t.Errorf("it panicked: %s", log)
	}
}

type (
	endlessMap  map[string]endlessMap
	endlessList []*endlessList
	chain       struct {
		Next *chain
		Link *framework.Choice[link]
	}
	link struct {
		Chain *chain `choice:"chain"`
	}
	branch struct {
		Kids []branch          `json:"kids,omitempty"`
		Of   map[string]branch `json:"of,omitempty"`
	}
)

func TestATypeWhoseSchemaHasNoEndIsAMistakeAtTheStart(t *testing.T) {
	type body[B any] struct{ Body B }
	for _, c := range []struct {
		route framework.Route
		want  string
	}{
		{framework.Endpoint[body[endlessMap], struct{}]{}.Route(), "endlessMap contains itself and nothing else"},
		{framework.Endpoint[struct{}, struct{ Deep endlessList }]{}.Route(), "endlessList contains itself and nothing else"},
		{framework.Endpoint[body[chain], struct{}]{}.Route(), "contains itself: a framework.Choice must not"},
		{framework.Endpoint[body[branch], branch]{}.Route(), ""},
	} {
		c.route.Method, c.route.Path, c.route.ID = http.MethodPost, "/", "it"
		err := newFunnel(t, new(frameworktest.Log).Logger()).Mount(c.route, framework.Chain{Public: true})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
