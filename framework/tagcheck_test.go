package framework_test

import (
	stdjson "encoding/json"
	"flag"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"funnelweb/framework"
)

var golden = flag.Bool("golden", false, "write the golden files anew")

// calledWith is a route of an input and an answer of some types.
func calledWith[I, O any](path string) framework.Route {
	return framework.Endpoint[I, O]{Method: http.MethodPost, Path: path, ID: "wrong", Summary: "Wrong"}.Route()
}

// taking is a route whose body is a B.
func taking[B any]() framework.Route {
	return calledWith[struct{ Body B }, nothing]("/wrong")
}

type misspelt struct {
	Short    string   `json:"short" minLenght:"3"`
	Form     string   `json:"form" foramt:"uuid"`
	Low      string   `json:"low" minlength:"3"`
	Snake    string   `json:"snake" max_length:"3"`
	Swapped  string   `json:"swapped" patetrn:"^a$"`
	JSON     string   `jsno:"json"`
	Far      string   `json:"far" characters:"3"`
	Gin      string   `json:"gin" binding:"required"`
	Checked  string   `json:"checked" validate:"min=3"`
	Bare     int      `json:"bare" min:"3"`
	Regexp   string   `json:"regexp" regexp:"^a$"`
	Told     string   `json:"told" description:"What it is"`
	Optional string   `json:"optional" optional:"true"`
	Choice   string   `json:"choice" oneof:"a b"`
	Shown    string   `json:"shown" readOnly:"true"`
	Hidden   string   `json:"hidden" hidden:"true"`
	Together string   `json:"together" dependentRequired:"shown"`
	Day      string   `json:"day" timeFormat:"2006-01-02"`
	Bytes    string   `json:"bytes" encoding:"base64"`
	_        struct{} `additionalProperties:"true"`
}

type empty struct {
	Empty string `json:"empty" minLength:"" pattern:""`
}

type wrongValues struct {
	Negative []string `json:"negative" minItems:"-1"`
	Fraction string   `json:"fraction" maxLength:"2.5"`
	Word     int      `json:"word" minimum:"many"`
	NoNumber float64  `json:"no_number" maximum:"NaN"`
	Hex      int      `json:"hex" maximum:"0x10"`
	Inexact  int      `json:"inexact" maximum:"9007199254740993"`
	Yes      []string `json:"yes" uniqueItems:"yes"`
	Zero     int      `json:"zero" multipleOf:"0"`
	Format   string   `json:"format" format:"postcode"`
}

type wrongTypes struct {
	Count    int                    `json:"count" minLength:"3"`
	Text     string                 `json:"text" maximum:"3"`
	Formed   int                    `json:"formed" format:"uuid"`
	Lone     string                 `json:"lone" minItems:"1"`
	Flag     bool                   `json:"flag" pattern:"^a$"`
	List     []string               `json:"list" maxProperties:"3"`
	Map      map[string]string      `json:"map" minLength:"3"`
	Object   plainObject            `json:"object" enum:"a,b"`
	Null     plainObject            `json:"null" nullable:"true"`
	Free     framework.JSON         `json:"free" minLength:"3"`
	Several  framework.StringOrList `json:"several" maxLength:"3"`
	Matrix   [][]int                `json:"matrix" minimum:"1"`
	Pair     [2]int                 `json:"pair" maxItems:"1"`
	Bytes    []byte                 `json:"bytes" format:"uuid"`
	Day      time.Time              `json:"day" format:"date"`
	Standard plainObject            `json:"standard,omitzero" default:"{}"`
}

type plainObject struct {
	Name string `json:"name" maxLength:"5"`
}

type contradictions struct {
	Length   string            `json:"length" minLength:"4" maxLength:"3"`
	Items    []string          `json:"items" minItems:"4" maxItems:"3"`
	Members  map[string]string `json:"members" minProperties:"4" maxProperties:"3"`
	Number   int               `json:"number" minimum:"4" maximum:"3"`
	Between  int               `json:"between" exclusiveMinimum:"3" exclusiveMaximum:"4"`
	Touching float64           `json:"touching" minimum:"3" exclusiveMaximum:"3"`
	Multiple int               `json:"multiple" minimum:"6" maximum:"9" multipleOf:"5"`
	Unsigned uint              `json:"unsigned" minimum:"-1"`
	Small    int8              `json:"small" maximum:"300"`
	Below    uint8             `json:"below" maximum:"-1"`
	Required string            `json:"required,omitempty" required:"true"`
	Standard string            `json:"standard" required:"true" default:"a"`
	Const    *string           `json:"const" const:"a"`
}

type wrongSamples struct {
	Level   string      `json:"level,omitempty" enum:"low,high" default:"middle"`
	Short   string      `json:"short,omitempty" minLength:"3" default:"ab"`
	Typed   int         `json:"typed,omitempty" default:"many"`
	Whole   int         `json:"whole,omitempty" default:"1.5"`
	Listed  []string    `json:"listed,omitempty" maxItems:"1" default:"a,b"`
	Item    []string    `json:"item,omitempty" maxLength:"2" default:"ab,abc"`
	Shown   string      `json:"shown" format:"uuid" example:"one"`
	Number  int         `json:"number" minimum:"1" example:"0"`
	Object  plainObject `json:"object" example:"{\"name\":\"a name\"}"`
	Spaces  string      `json:"spaces" enum:"low, high"`
	Twice   string      `json:"twice" enum:"low,high,low"`
	Nothing string      `json:"nothing" enum:"low,,high"`
	Wrong   int         `json:"wrong" enum:"1,two,3.5"`
	Never   string      `json:"never" enum:"a,abcd" maxLength:"3"`
	Const   int         `json:"const" const:"one"`
}

type wrongPatterns struct {
	Broken    string `json:"broken" pattern:"("`
	Flag      string `json:"flag" pattern:"(?i)abc"`
	Ahead     string `json:"ahead" pattern:"a(?=b)"`
	Python    string `json:"python" pattern:"(?P<a>b)"`
	Start     string `json:"start" pattern:"\\Aabc\\z"`
	Class     string `json:"class" pattern:"[[:alpha:]]+"`
	Again     string `json:"again" pattern:"(a)\\1"`
	Script    string `json:"script" pattern:"\\p{Greek}"`
	Brace     string `json:"brace" pattern:"a{,3}"`
	Closing   string `json:"closing" pattern:"a}"`
	Escaped   string `json:"escaped" pattern:"a\\@b"`
	Bracket   string `json:"bracket" pattern:"[]a]"`
	Range     string `json:"range" pattern:"[\\d-z]"`
	Open      string `json:"open" pattern:"[a"`
	Repeated  string `json:"repeated" pattern:"^*a"`
	Many      string `json:"many" pattern:"a{2000}"`
	Backslash string `json:"backslash" pattern:"a\\"`
}

type base struct {
	ID string `json:"id"`
}

// Base is a struct to be embedded.
type Base struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Named is a text to be embedded.
type Named string

type sameByEmbedding struct {
	Base
	Number int `json:"id"`
}

type hiddenByEmbedding struct {
	Base
	Name string `json:"title"`
}

type embeds struct {
	base
	*Base
	Named `maxLength:"3"`
}

type embedsText struct {
	netip.AddrPort
	Zone string `json:"zone"`
}

type embedsTime struct {
	time.Time
	Zone string `json:"zone"`
}

type embedsWithTag struct {
	Base `json:",inline"`
}

//nolint:staticcheck,unused // wrong on purpose
type wrongJSON struct {
	Quoted   int    `json:"quoted,string"`
	Inline   Base   `json:",inline"`
	Folded   string `json:"folded,case:ignore"`
	Layout   string `json:"layout,format:RFC3339"`
	Misspelt string `json:"misspelt,omitEmpty"`
	Comma    string `json:"comma,"`
	Dash     string `json:"-,"`
	Quote    string `json:"'a'"`
	rule     string `maxLength:"3"`
	Left     string `json:"-" maxLength:"3"`
	fine     string
	Fine     string `json:"-" yaml:"fine"`
}

// oneWay is a text in one direction alone.
type oneWay struct{ Text string }

func (oneWay) UnmarshalText([]byte) error { return nil }

// itself has a form in JSON that no schema tells.
type itself struct{ Text string }

func (itself) MarshalJSON() ([]byte, error) { return []byte("1"), nil }

type unfit struct {
	Lasts    time.Duration                  `json:"lasts"`
	Link     url.URL                        `json:"link"`
	Address  net.IP                         `json:"address"`
	Kept     stdjson.RawMessage             `json:"kept"`
	Digits   []stdjson.Number               `json:"digits"`
	Four     [4]byte                        `json:"four"`
	Function func()                         `json:"function"`
	Channel  []chan int                     `json:"channel"`
	Complex  complex128                     `json:"complex"`
	Pointer  uintptr                        `json:"pointer"`
	Anything any                            `json:"anything"`
	Error    error                          `json:"error"`
	Rows     map[string]any                 `json:"rows"`
	Keys     map[int]string                 `json:"keys"`
	TextKeys map[netip.Addr]string          `json:"text_keys"`
	Big      big.Int                        `json:"big"`
	Raw      jsontext.Value                 `json:"raw"`
	Own      itself                         `json:"own"`
	Open     framework.Open[unfitInside]    `json:"open"`
	OrNull   framework.OrNull[unfitInside2] `json:"or_null"`
	Choice   framework.Choice[unfitShapes]  `json:"choice"`
	Unnamed  struct {
		Inner []struct {
			Function func() `json:"function"`
		} `json:"inner"`
	} `json:"unnamed"`
	Itself *unfit `json:"itself"`
}

type unfitInside struct {
	Function func() `json:"function"`
}

type unfitInside2 struct {
	Count int `json:"count" minLength:"3"`
}

type unfitShapes struct {
	Host *struct {
		Name string `json:"name" minLenght:"3"`
	} `choice:"host" json:"host" minLength:"3"`
}

type misplaced struct {
	Query  string `json:"query" query:"query"`
	Choice string `json:"choice" choice:"a"`
	Kind   string `json:"kind" discriminator:"kind"`
}

type wrongInput struct {
	Base
	None      string            `json:"none"`
	Two       string            `query:"two" header:"two"`
	Taken     string            `query:"taken"`
	TakenToo  string            `query:"taken"`
	Host      string            `header:"x-host"`
	HostToo   string            `header:"X-Host"`
	Spaced    string            `query:"a name"`
	Elsewhere string            `path:"elsewhere"`
	Object    plainObject       `query:"object"`
	Map       map[string]string `query:"map"`
	Any       framework.JSON    `query:"any"`
	Matrix    [][]int           `query:"matrix"`
	Lasts     time.Duration     `query:"lasts"`
	Since     time.Time         `header:"Since"`
	List      []string          `path:"list"`
	Standard  string            `path:"standard" default:"a"`
	Level     string            `query:"level" enum:"low,high" default:"middle"`
	Needed    int               `query:"needed" required:"true" default:"1"`
	Short     int               `query:"short" minLength:"3"`
	Choice    string            `query:"choice" choice:"a"`
	hidden    string            `query:"hidden"` //nolint:unused // wrong on purpose
	Raw       []byte            `maxLength:"3"`
	Body      []Base            `minItems:"3" maxItems:"2" required:"true"`
}
