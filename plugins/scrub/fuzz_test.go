package scrub_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/scrub"
)

// An independent reader finds cards as sixteen digits in fours, or in one piece of 13 to 19.
var (
	written  = regexp.MustCompile(`(^|[^0-9])([0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|[0-9]{13,19})($|[^0-9])`)
	excepted = regexp.MustCompile(`(?i)[0-9a-f]{32,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]\.[0-9]`)
	account  = regexp.MustCompile(`(^|[^0-9A-Za-z])([A-Z]{2}[0-9]{2}[0-9A-Za-z]{11,30})`)
	token    = regexp.MustCompile(`AKIA[A-Z0-9]{16}|gh[opsur]_[A-Za-z0-9]{36}|sk_live_[A-Za-z0-9]{16}|eyJ[\w-]{20,}\.[\w-]*\.|BEGIN PRIVATE KEY-----`)
	ssn      = regexp.MustCompile(`(^|[^0-9])([0-8][0-9]{2})-([0-9]{2})-([0-9]{4})($|[^0-9])`)
)

// surviving returns what an independent reader still finds in a text.
func surviving(text string) string {
	if excepted.MatchString(text) {
		return ""
	}
	for _, match := range written.FindAllStringSubmatch(text, -1) {
		if digits := strings.NewReplacer(" ", "", "-", "").Replace(match[2]); ours(digits) && checksum(digits) {
			return match[2]
		}
	}
	for _, match := range ssn.FindAllStringSubmatch(text, -1) {
		if match[2] != "000" && match[2] != "666" && match[3] != "00" && match[4] != "0000" {
			return match[0]
		}
	}
	for _, match := range account.FindAllStringSubmatch(text, -1) {
		for _, known := range accounts() {
			if candidate := match[2]; candidate[:2] == known[:2] && len(candidate) >= len(known) && divides(candidate[:len(known)]) {
				return candidate
			}
		}
	}
	return token.FindString(text)
}

// ours reports whether a number is a Mastercard, Visa or American Express, whose rules are short.
func ours(digits string) bool {
	switch {
	case digits[0] == '4':
		return len(digits) == 13 || len(digits) == 16 || len(digits) == 19
	case digits[:2] >= "51" && digits[:2] <= "55":
		return len(digits) == 16
	default:
		return (digits[:2] == "34" || digits[:2] == "37") && len(digits) == 15
	}
}

// checksum is the Luhn formula from the right, with the usual table.
func checksum(digits string) bool {
	doubled := [10]int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}
	sum, even := 0, false
	for i := len(digits) - 1; i >= 0; i-- {
		digit := int(digits[i] - '0')
		if even {
			digit = doubled[digit]
		}
		sum, even = sum+digit, !even
	}
	return sum%10 == 0
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{
		visa, "x " + amex + " 078-05-1120 y", "4111 1111 1111 1111 110", "1234-4111-1111-1111-1111", "4111-1111-1111-1111-078-05-1120",
		german, "IBAN" + fours(german, " ") + german, "4111111111111111" + german + "4111111111111111", awsKey + "4111111111111111",
		"secret_key=" + awsSecret + "4111111111111111", someJWT, pem, "Splunk " + uuid, "ghp_" + letters(36), "x\\nDE89370400440532013000",
		"4111111111111111aaaaaaaaaaaaaaaa", "550e8400-e29b-41d4-a716-446655440000", "0.4111111111111111", "4111 1111\u00a01111 1111",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := plugin(t, scrub.Config{Cards: true, SSN: true, IBAN: true, Keys: true})
		once, err := scrubbed(t, p, "text/plain", string(text))
		if err != nil {
			t.Fatal(err)
		}
		if left := surviving(once); left != "" {
			t.Errorf("%q survived in %q", left, once)
		}
		if twice, err := scrubbed(t, p, "text/plain", once); err != nil || twice != once {
			t.Errorf("%q became %q, then %q", text, once, twice)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":"4111 1111 1111 1111","b":[4111111111111111,4.111111111111111e15,"\u0034111111111111111"],"4111111111111111":null}`,
		`"078-05-1120"`, `[{"a":{"b":"\ud83d\ude00 078\u002d05\u002d1120"}}]`, `{"a":1,"a":"378282246310005"}`, `[-0,1e400,0.1e-400]`, ` "" `,
		`{"Authorization"     :     "token abcdefg1","ssn":"078051120","secretkey"      : "` + awsSecret + `"}`, `["sk-` + letters(20) + `","https://a:b@c","Bearer ` + letters(16) + `"]`,
		`[4111111111111111e15]`, `["４１１１ 1111\u200b1111/1111","4111.1111.1111.1111","%224111111111111111","` + german + `"]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		p := plugin(t, scrub.Config{Cards: true, SSN: true, IBAN: true, Keys: true})
		once, err := scrubbed(t, p, "application/json", string(document))
		valid := jsontext.Value(document).IsValid(jsontext.AllowDuplicateNames(true))
		if len(document) > 0 && valid != (err == nil) {
			t.Fatalf("valid is %t, error is %v", valid, err)
		}
		if err != nil || len(document) == 0 {
			return
		}
		if !jsontext.Value(once).IsValid(jsontext.AllowDuplicateNames(true)) {
			t.Fatalf("%q is no longer JSON: %q", document, once)
		}
		// With an escape beside it each string is looked at on its own, without the quick look at the whole before.
		if slow, err := scrubbed(t, p, "application/json", `["\n",`+string(document)+`]`); err != nil || slow != `["\n",`+once+`]` {
			t.Errorf("%q became %q, and beside an escape %q, %v", document, once, slow, err)
		}
		if shape(t, string(document)) != shape(t, once) {
			t.Errorf("%q has another shape: %q", document, once)
		}
		for _, value := range values(t, once) {
			if left := surviving(value); left != "" {
				t.Errorf("%q survived in %q", left, once)
			}
		}
		if twice, err := scrubbed(t, p, "application/json", once); err != nil || twice != once {
			t.Errorf("%q became %q, then %q", document, once, twice)
		}
	})
}

// shape is a document without its values: kinds in order, and which names are the same.
func shape(t *testing.T, document string) string {
	t.Helper()
	var text strings.Builder
	known := map[string]int{}
	walk(t, document, func(kind jsontext.Kind, isName bool, name string) {
		text.WriteString(kind.String())
		if isName {
			if _, again := known[name]; !again {
				known[name] = len(known)
			}
			text.WriteString(strconv.Itoa(known[name]) + ":")
		}
	})
	return text.String()
}

// values are the names, strings and numbers of a document. With an exponent the digits of a number are not what it is.
func values(t *testing.T, document string) []string {
	t.Helper()
	var all []string
	walk(t, document, func(kind jsontext.Kind, _ bool, value string) {
		if kind != '0' || !strings.ContainsAny(value, "eE") {
			all = append(all, value)
		}
	})
	return all
}

func walk(t *testing.T, document string, visit func(kind jsontext.Kind, isName bool, text string)) {
	t.Helper()
	decoder := jsontext.NewDecoder(strings.NewReader(document), jsontext.AllowDuplicateNames(true))
	for {
		inside, length := decoder.StackIndex(decoder.StackDepth())
		token, err := decoder.ReadToken()
		if err != nil {
			return
		}
		switch {
		case inside == '{' && length%2 == 0:
			visit(token.Kind(), true, token.String())
		case token.Kind() == '"', token.Kind() == '0':
			visit(token.Kind(), false, token.String())
		default:
			visit(token.Kind(), false, "")
		}
	}
}

// BenchmarkAnswers is what scrubbing costs an answer in which there is nothing to take out, as almost always.
func BenchmarkAnswers(b *testing.B) {
	alert := map[string]string{"title": "Malware found on host", "host": "WS-042", "sha256": strings.Repeat("4a", 32), "at": "2026-11-20T12:00:00Z"}
	list, err := json.Marshal([]any{alert, alert, alert, alert})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		config scrub.Config
	}{
		{"cards and numbers", scrub.Config{Cards: true, SSN: true}},
		{"everything", scrub.Config{Cards: true, SSN: true, IBAN: true, Keys: true}},
	} {
		p := plugin(b, c.config)
		for _, answer := range []struct{ name, body string }{
			{"a receipt", `{"event_id":"splunk-mfrggzdfmztwq2lknnwg23tpoa"}`},
			{"alerts", string(list)},
			{"alerts with an escape", `["\n",` + string(list[1:])},
			{"a card", `{"text":"paid with 4111 1111 1111 1111"}`},
			{"hostile digits", `"` + strings.Repeat("4111-", 2000) + `"`},
			{"hostile hex", `"` + string(bytes.Repeat([]byte("4a1-"), 2500)) + `"`},
		} {
			b.Run(c.name+"/"+answer.name, func(b *testing.B) {
				request, header, body := frameworktest.Request("GET", "/", "", nil), http.Header{"Content-Type": {"application/json"}}, []byte(answer.body)
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					if err := p.After(b.Context(), request, &framework.Response{Status: 200, Header: header, Body: body}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
