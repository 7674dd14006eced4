package framework_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestWhatIsWrongInATypeIsToldAtTheStartByTypeAndField(t *testing.T) {
	var told strings.Builder
	for _, c := range []struct {
		name  string
		route framework.Route
	}{
		{"keys that are not read", taking[misspelt]()},
		{"tags without a value", taking[empty]()},
		{"values that a key cannot have", taking[wrongValues]()},
		{"rules that are not for the type", taking[wrongTypes]()},
		{"rules that contradict each other or the type", taking[contradictions]()},
		{"defaults, examples and enums that break the rules", taking[wrongSamples]()},
		{"patterns", taking[wrongPatterns]()},
		{"a name twice by embedding", taking[sameByEmbedding]()},
		{"a field that hides another one", taking[hiddenByEmbedding]()},
		{"embedded fields", taking[embeds]()},
		{"an embedded field that makes its JSON that of all", taking[embedsTime]()},
		{"an embedded field that makes a text of all", taking[embedsText]()},
		{"an embedded field with a tag", taking[embedsWithTag]()},
		{"tags of the JSON package", taking[wrongJSON]()},
		{"types without a form in JSON", taking[unfit]()},
		{"tags in a wrong place", taking[misplaced]()},
		{"an input", calledWith[wrongInput, nothing]("/wrong/{list}/{standard}")},
		{"a parameter that no field takes", calledWith[struct{}, nothing]("/wrong/{id}")},
		{"paths of another router", calledWith[struct{}, nothing]("wrong/:id/*rest/a{b}/{id")},
		{"a parameter that is in the path twice", calledWith[struct {
			ID string `path:"id"`
		}, nothing]("/wrong/{id}/{id}")},
		{"a body", calledWith[struct {
			Body []Base `minItems:"3" maxItems:"2" uniqueItem:"true"`
		}, nothing]("/wrong")},
		{"an answer", calledWith[struct{}, unfitInside2]("/wrong")},
		{"an answer that is a list", calledWith[struct{}, []unfitInside]("/wrong")},
		{"an answer without a name", calledWith[struct{}, struct {
			Count int `json:"count" minLength:"3"`
		}]("/wrong")},
		{"a text in one direction", calledWith[struct{ Body struct{ Fine oneWay } }, struct{ Wrong oneWay }]("/wrong")},
	} {
		fmt.Fprintf(&told, "# %s\n", c.name)
		err := newFunnel(t, slog.New(slog.DiscardHandler)).Mount(c.route, framework.Chain{Public: true})
		if err == nil {
			t.Errorf("%s: it starts", c.name)
			continue
		}
		fmt.Fprintf(&told, "%v\n\n", err)
	}
	const file = "testdata/tags.golden"
	if *golden {
		if err := os.WriteFile(file, []byte(told.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), told.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// right has tags that are all fine.
type right struct {
	Base
	Text    string         `json:"text" doc:"A text" minLength:"1" maxLength:"9" pattern:"^[a-z]+$" patternDescription:"small letters" example:"a" yaml:"text" gorm:"column:text"`
	Level   string         `json:"level,omitempty" enum:"low,high" default:"low"`
	Levels  []string       `json:"levels,omitempty" enum:"low,high" default:"low,high" maxItems:"2" uniqueItems:"true" example:"[\"low\"]"`
	Count   uint8          `json:"count" minimum:"0" maximum:"255" multipleOf:"5" example:"10"`
	Ratio   float64        `json:"ratio" exclusiveMinimum:"0" exclusiveMaximum:"0.1"`
	Numbers []int          `json:"numbers" minimum:"1" default:"[1,2]" required:"false"`
	Maybe   *string        `json:"maybe" enum:"a,b" required:"false"`
	Map     map[string]int `json:"map" minProperties:"1" maxProperties:"3"`
	When    time.Time      `json:"when,omitzero" format:"date-time" deprecated:"true"`
	Raw     framework.JSON `json:"raw,omitempty"`
	Object  plainObject    `json:"object" example:"{\"name\":\"a\"}"`
	Address netip.Addr     `json:"address" format:"ipv6"`
	Const   string         `json:"const" const:"a"`
	skipped chan int       //nolint:unused // not looked at
	Left    chan int       `json:"-"`
}

func TestTagsThatAreRightStart(t *testing.T) {
	type input struct {
		ID      string     `path:"id" maxLength:"3"`
		Since   time.Time  `query:"since" example:"2026-11-20T12:00:00Z"`
		At      *time.Time `header:"At" format:"date-time"`
		Tags    []string   `query:"tag" maxItems:"2"`
		Size    *int       `query:"size" minimum:"1" default:"3"`
		Mode    string     `query:"mode" required:"true" enum:"a,b"`
		Raw     []byte
		Request *framework.Request
		Body    right `doc:"All there is"`
	}
	if err := newFunnel(t, slog.New(slog.DiscardHandler)).Mount(calledWith[input, right]("/right/{id}"), framework.Chain{Public: true}); err != nil {
		t.Error(err)
	}
}
