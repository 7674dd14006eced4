package scrub_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/scrub"
)

// Numbers that payment companies publish for tests.
const (
	visa       = "4111111111111111"
	visa13     = "4222222222222"
	visa19     = "4111111111111111110"
	mastercard = "5555555555554444"
	mc2        = "2223003122003222"
	amex       = "378282246310005"
	diners     = "30569309025904"
	discover   = "6011111111111117"
	jcb        = "3530111333300000"
	unionPay   = "6205500000000000004"
)

func everything() scrub.Config {
	return scrub.Config{Cards: true, SSN: true, IBAN: true, Keys: true, Patterns: []scrub.Pattern{{Name: "employee", Pattern: `\bE-[0-9]{6}\b`}}}
}

func plugin(tb testing.TB, config scrub.Config) *scrub.Plugin {
	tb.Helper()
	made, err := scrub.New(config, frameworktest.Deps(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return made
}

// scrubbed runs a body through a plugin.
func scrubbed(tb testing.TB, p *scrub.Plugin, contentType, body string) (string, error) {
	tb.Helper()
	response := framework.Response{Status: 200, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)}
	err := p.After(tb.Context(), frameworktest.Request("GET", "/", "", nil), &response)
	return string(response.Body), err
}

type example struct{ name, text, want string }

func check(t *testing.T, config scrub.Config, contentType string, examples []example) {
	t.Helper()
	p := plugin(t, config)
	for _, c := range examples {
		t.Run(c.name, func(t *testing.T) {
			got, err := scrubbed(t, p, contentType, c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: %s", c.text, diff)
			}
			again, err := scrubbed(t, p, contentType, got)
			if err != nil || again != got {
				t.Errorf("a second time changes it: %q, %v", again, err)
			}
		})
	}
}

func TestCardsInText(t *testing.T) {
	check(t, scrub.Config{Cards: true}, "text/plain", []example{
		{"Visa in one piece", "paid with " + visa + ".", "paid with [card]."},
		{"Visa of 13 digits", visa13, "[card]"},
		{"Visa of 19 digits", visa19, "[card]"},
		{"Mastercard", mastercard, "[card]"},
		{"Mastercard of the range of 2017", mc2, "[card]"},
		{"American Express", amex, "[card]"},
		{"Diners Club", diners, "[card]"},
		{"Discover", discover, "[card]"},
		{"JCB", jcb, "[card]"},
		{"UnionPay of 19 digits", unionPay, "[card]"},
		{"printed with spaces", "4111 1111 1111 1111", "[card]"},
		{"printed with hyphens", "4111-1111-1111-1111", "[card]"},
		{"American Express as printed", "3782 822463 10005", "[card]"},
		{"19 digits as printed", "4111 1111 1111 1111 110", "[card]"},
		{"with no-break spaces and dashes", "4111\u00a01111\u20131111\u20111111", "[card]"},
		{"followed by its date", "4111 1111 1111 1111 12/27 123", "[card] 12/27 123"},
		{"after a year", "2026 4111 1111 1111 1111", "2026 [card]"},
		{"two in a row", visa + " " + mastercard, "[card] [card]"},
		{"glued to words", "card" + visa + "and4111 1111 1111 1111x", "card[card]and[card]x"},
		{"in JSON inside a text", `{\"pan\":\"` + visa + `\",\"t\":\"a\n` + mastercard + `\"}`, `{\"pan\":\"[card]\",\"t\":\"a\n[card]\"}`},
		{"in a URL", "https://shop.example/?pan=" + visa + "&x=1", "https://shop.example/?pan=[card]&x=1"},
		{"wrong check digit", "4111111111111112", "4111111111111112"},
		{"right check digit and no issuer", "1111111111111117", "1111111111111117"},
		{"an issuer's number of the wrong length", "37828224631000", "37828224631000"},
		{"longer than a card", "41111111111111111111", "41111111111111111111"},
		{"a card inside a longer number", "99" + visa + "99999", "99" + visa + "99999"},
		{"two separators", "4111  1111  1111  1111", "4111  1111  1111  1111"},
		{"a list of small numbers", "4 8 15 16 23 42 4 8 15 16 23 42", "4 8 15 16 23 42 4 8 15 16 23 42"},
		{"a time in nanoseconds", "1795176000000000000", "1795176000000000000"},
		{"behind a decimal point", "0." + visa, "0." + visa},
		{"behind the full stop after another", visa + "." + mastercard, "[card].[card]"},
		{"a SHA-256 that holds a card", "a" + visa + strings.Repeat("b", 47), "a" + visa + strings.Repeat("b", 47)},
		{"an MD5 in capitals", strings.Repeat("B", 16) + visa, strings.Repeat("B", 16) + visa},
		{"hex that is no digest", "a" + visa + strings.Repeat("b", 10), "a[card]" + strings.Repeat("b", 10)},
		{"a UUID of digits and one letter", "41111111-1111-1111-8111-11111111111a", "41111111-1111-1111-8111-11111111111a"},
		{"a digest after a number", "41111111 1111" + strings.Repeat("1", 4) + strings.Repeat("c", 24), "41111111 1111" + strings.Repeat("1", 4) + strings.Repeat("c", 24)},
		{"a social security number", "078-05-1120", "078-05-1120"},
	})
}

func TestSocialSecurityNumbersInText(t *testing.T) {
	check(t, scrub.Config{SSN: true}, "text/plain", []example{
		{"with hyphens", "SSN 078-05-1120.", "SSN [ssn]."},
		{"with spaces", "078 05 1120", "[ssn]"},
		{"with a no-break hyphen", "078\u201105\u20111120", "[ssn]"},
		{"glued to words", "ssn078-05-1120x", "ssn[ssn]x"},
		{"after another number", "12 078-05-1120 34", "12 [ssn] 34"},
		{"the last area", "899-99-9999", "[ssn]"},
		{"area 000", "000-12-3456", "000-12-3456"},
		{"area 666", "666-12-3456", "666-12-3456"},
		{"area 9xx", "900-12-3456", "900-12-3456"},
		{"group 00", "123-00-4567", "123-00-4567"},
		{"serial 0000", "123-45-0000", "123-45-0000"},
		{"more digits in front", "1078-05-1120", "1078-05-1120"},
		{"more digits behind", "078-05-11201", "078-05-11201"},
		{"in one piece", "078051120", "078051120"},
		{"a date", "2026-11-20", "2026-11-20"},
		{"a telephone number", "555-123-4567", "555-123-4567"},
		{"a card", visa, visa},
	})
}

func TestJSON(t *testing.T) {
	check(t, everything(), "application/json; charset=utf-8", []example{
		{"strings at any depth", `{"a":["x ` + visa + `",{"b":"078-05-1120"}]}`, `{"a":["x [card]",{"b":"[ssn]"}]}`},
		{"a string alone", `"` + visa + `"`, `"[card]"`},
		{"everything else as it was", "{ \"n\" : 1.50e1,\t\"s\":\"\\u00e9 \\/ é\",\"c\":\"" + visa + "\", \"z\":[ ] }\n", "{ \"n\" : 1.50e1,\t\"s\":\"\\u00e9 \\/ é\",\"c\":\"[card]\", \"z\":[ ] }\n"},
		{"nothing to take out", "{ \"a\" : [1, \"b\", null, true] }", "{ \"a\" : [1, \"b\", null, true] }"},
		{"written with escapes", `{"a":"\u00341111111\u002d11111111 \n\"078\u002d05-1120\""}`, `{"a":"[card] \n\"[ssn]\""}`},
		{"a card written with escapes", `"\u0034111111111111111\t<b>"`, `"[card]\t<b>"`},
		{"JSON inside a string", `{"a":"{\"pan\":\"` + visa + `\\n\"}"}`, `{"a":"{\"pan\":\"[card]\\n\"}"}`},
		{"names", `{"` + visa + `":"` + visa + `"}`, `{"[card]":"[card]"}`},
		{"a part of a name", `{"card 4111 1111 1111 1111 of jdoe":1}`, `{"card [card] of jdoe":1}`},
		{"a name with an escape", `{"\u0034111111111111111":1}`, `{"[card]":1}`},
		{"names in an object in a list", `[{"078-05-1120":{"078-05-1120":"078-05-1120"}}]`, `[{"[ssn]":{"[ssn]":"[ssn]"}}]`},
		{"names that differed still do", `{"` + visa + `":1,"` + amex + `":2,"` + jcb + `":3}`, `{"[card]":1,"[card] 2":2,"[card] 3":3}`},
		{"a name that is there already", `{"` + visa + `":1,"[card]":2,"[card] 2":3}`, `{"[card] 3":1,"[card]":2,"[card] 2":3}`},
		{"a name has one name everywhere", `[{"` + visa + `":1},{"` + amex + `":1},{"` + visa + `":1}]`, `[{"[card]":1},{"[card] 2":1},{"[card]":1}]`},
		{"a pattern in a name", `{"E-123456":{"E-123457":1}}`, `{"[employee]":{"[employee] 2":1}}`},
		{"a name twice", `{"a":"` + visa + `","a":"` + visa + `"}`, `{"a":"[card]","a":"[card]"}`},
		{"a number that is a card", `{"pan":` + visa + `,"n":5}`, `{"pan":0,"n":5}`},
		{"a negative one", `[-` + visa + `]`, `[0]`},
		{"one with a fraction of zeros", `[` + visa + `.00]`, `[0]`},
		{"one with an exponent", `[4.111111111111111e15,4111111111111111000E-3,41111111111111110e-1]`, `[0,0,0]`},
		{"numbers that are none", `[0.` + visa + `,` + visa + `.5,4111111111111112,1e999999999,4e15,1795176000000,4111111111111111000e-2,99` + visa + `1]`, `[0.` + visa + `,` + visa + `.5,4111111111111112,1e999999999,4e15,1795176000000,4111111111111111000e-2,99` + visa + `1]`},
		{"a pattern of one's own", `{"a":"by E-123456 and xE-123456"}`, `{"a":"by [employee] and xE-123456"}`},
	})
}

func TestPatternMatchesNumbersToo(t *testing.T) {
	config := scrub.Config{Patterns: []scrub.Pattern{{Name: "customer", Pattern: `^77[0-9]{6}$`}}}
	check(t, config, "application/json", []example{
		{"as string and number", `["77123456",77123456,771234567]`, `["[customer]",0,771234567]`},
	})
}

func TestProblemsAreScrubbed(t *testing.T) {
	got, err := scrubbed(t, plugin(t, everything()), framework.ProblemType, `{"title":"Not Found","status":404,"detail":"no `+visa+`"}`)
	if want := `{"title":"Not Found","status":404,"detail":"no [card]"}`; err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestAnswersThatCannotBeLookedThroughAreStopped(t *testing.T) {
	p := plugin(t, everything())
	for _, body := range []string{"{", `{"a":1}x`, `{"a":1}{"a":2}`, "4111 1111", `"` + visa, "\"\xff" + visa + "\"", `{"a" "b"}`, " ", `[1,]`, strings.Repeat("[", 20_000)} {
		_, err := scrubbed(t, p, "application/json", body)
		if err == nil {
			t.Errorf("%.40q left", body)
			continue
		}
		frameworktest.LeaksNoSecret(t, visa, err.Error())
	}
	response := framework.Response{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: []byte("\x1f\x8b")}
	if err := p.After(t.Context(), frameworktest.Request("GET", "/", "", nil), &response); err == nil {
		t.Error("a compressed answer left")
	}
}

func TestAnswersThatAreNotJSONAreText(t *testing.T) {
	p := plugin(t, everything())
	for contentType, body := range map[string]string{
		"text/html":                `<td title="` + visa + `">`,
		"":                         `{"` + visa + `":1`,
		"application/json;;":       `{"` + visa + `":1`,
		"application/octet-stream": "\xff\x00" + visa + "\xff",
	} {
		got, err := scrubbed(t, p, contentType, body)
		if want := strings.ReplaceAll(body, visa, "[card]"); err != nil || got != want {
			t.Errorf("%q: got %q, %v", contentType, got, err)
		}
	}
}

func TestPluginKeepsTheRulesOfAfterPlugins(t *testing.T) {
	header := http.Header{"Content-Type": {"application/json"}}
	frameworktest.RunAfterSuite(t, plugin(t, everything()),
		framework.Response{Status: 200, Header: header, Body: []byte(`{"a":"` + visa + `","b":` + visa + `}`)},
		framework.Response{Status: 200, Header: header, Body: []byte(`{"a":"b"}`)})
}

func TestLogTellsCountsAndNoContents(t *testing.T) {
	var log frameworktest.Log
	deps := frameworktest.Deps(t)
	deps.Log = log.Logger()
	p, err := scrub.New(everything(), deps)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := scrubbed(t, p, "application/json", `["nothing"]`); err != nil || log.String() != "" {
		t.Errorf("logged %q, %v", log.String(), err)
	}
	if _, err := scrubbed(t, p, "application/json", `["`+visa+` `+mastercard+`",`+visa+`,"078-05-1120","E-123456"]`); err != nil {
		t.Fatal(err)
	}
	line := log.String()
	for _, want := range []string{"level=DEBUG", "request_id=" + frameworktest.RequestID, "card:3", "ssn:1", "employee:1"} {
		if !strings.Contains(line, want) {
			t.Errorf("%s is missing in %s", want, line)
		}
	}
	frameworktest.LeaksNoSecret(t, visa, line)
	frameworktest.LeaksNoSecret(t, mastercard, line)
}

func TestWrongConfigurationsAreRefused(t *testing.T) {
	pattern := func(name, expression string) scrub.Config {
		return scrub.Config{Patterns: []scrub.Pattern{{Name: name, Pattern: expression}}}
	}
	for _, c := range []struct {
		name   string
		config scrub.Config
		want   string
	}{
		{"nothing", scrub.Config{}, "nothing to take out"},
		{"no name", pattern("", "x"), "patterns[0].name: 1 to 32"},
		{"a name with brackets", pattern("[x]", "x"), "patterns[0].name: 1 to 32"},
		{"a name of ours", pattern("card", "x"), "patterns[0].name: card is taken"},
		{"a name of a token", pattern("aws_key", "x"), "patterns[0].name: aws_key is taken"},
		{"one that matches a token's replacement", pattern("x", "iban|jwt"), `patterns[0].pattern: matches "[iban]"`},
		{"an expression that does not compile", pattern("x", "("), "patterns[0].pattern: error parsing regexp: missing closing"},
		{"an expression of another language", pattern("x", `(?=a)`), "patterns[0].pattern: error parsing regexp"},
		{"an expression that matches everywhere", pattern("x", "a*"), `patterns[0].pattern: matches ""`},
		{"one that matches its own replacement", pattern("x", `\[x`), `patterns[0].pattern: matches "[x]"`},
		{"one that matches what was taken out", pattern("x", "card"), `patterns[0].pattern: matches "[card]"`},
		{
			"all mistakes at once",
			scrub.Config{Patterns: []scrub.Pattern{{Name: "a", Pattern: "x"}, {Name: "a", Pattern: "x"}, {Name: "b", Pattern: "("}}},
			"patterns[1].name: a is taken\npatterns[2].pattern: error parsing",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := scrub.New(c.config, frameworktest.Deps(t))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error = %v, want %s…", err, c.want)
			}
		})
	}
}

func TestReadmeShowsAWorkingConfiguration(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		After []map[string]yaml.Node `yaml:"after"`
	}
	if err := yaml.Load(regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(readme)[1], &shown); err != nil {
		t.Fatal(err)
	}
	config, node := scrub.Defaults(), shown.After[0]["scrub"]
	if err := framework.DecodeConfig(&node, "scrub", &config); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everything(), config); diff != "" {
		t.Error(diff)
	}
	plugin(t, config)
}
