package scrub_test

import (
	"strings"
	"testing"

	"funnelweb/plugins/scrub"
)

// separators are what people and programs write between the groups of a number.
func separators() []string {
	return []string{
		".", "/", "_", "\t", "\n", "\r", "\r\n", `\n`, `\r\n`, `\t`, "+", "%20", "%2D", "%0a", // dots, paths, wrapped lines, URLs
		" ", "-", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
		"\u202f", "\u205f", "\u3000", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "\ufe63", "\uff0d",
	}
}

// unseen are characters without width.
func unseen() []string {
	return []string{"\u200b", "\u200c", "\u200d", "\u200e", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u2066", "\u200b\u2060\ufeff"}
}

// wide writes digits as East Asian keyboards do, from zero, or as mathematics does.
func wide(text string, zero rune) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r - '0' + zero
		}
		return r
	}, text)
}

func TestCardsHoweverTheyAreWritten(t *testing.T) {
	var examples []example
	for _, separator := range separators() {
		examples = append(examples,
			example{"16 digits with " + separator, "x " + fours(visa, separator) + " y", "x [card] y"},
			example{"American Express with " + separator, "3782" + separator + "822463" + separator + "10005", "[card]"},
			example{"a wrong check digit with " + separator, fours("4111111111111112", separator), fours("4111111111111112", separator)},
		)
	}
	for _, character := range unseen() {
		examples = append(examples,
			example{"between groups " + character, fours(visa, character), "[card]"},
			example{"between all digits " + character, strings.Join(strings.Split(visa, ""), character), "[card]"},
			example{"beside a separator " + character, fours(visa, character+" "+character), "[card]"},
			example{"around it " + character, character + visa + character, character + "[card]" + character},
		)
	}
	check(t, scrub.Config{Cards: true}, "text/plain", append(examples, []example{
		{"full-width digits", wide(fours(visa, " "), '０') + "。", "[card]。"},
		{"full-width digits and spaces", wide(fours(visa, "\u3000"), '０'), "[card]"},
		{"mathematical digits", wide(visa, '\U0001d7ce') + " " + wide(visa, '\U0001d7f6'), "[card] [card]"},
		{"digits of each kind", "4111" + wide("1111", '０') + "1111" + wide("1111", '\U0001d7e2'), "[card]"},
		{"full-width with a wrong check digit", wide("4111111111111112", '０'), wide("4111111111111112", '０')},
		{"a separator of each kind", "4111.1111/1111_1111", "[card]"},
		{"wrapped in the middle", "4111 1111\n1111 1111", "[card]"},
		{"behind an encoded quote", "%224111111111111111%22", "%22[card]%22"},
		{"behind an encoded space", "pan=%204111 1111 1111 1111", "pan=%20[card]"},
		{"behind a no-break space encoded", "pan=%C2%A04111111111111111", "pan=%C2%A0[card]"},
		{"behind a sign of percent", "100%4111111111111111", "100%[card]"},
		{"behind a plus in a form", "note=paid+378282246310005+x", "note=paid+[card]+x"},
		{"as a quoted line break leaves it", `a\n4111\n1111\n1111\n1111\nb`, `a\n[card]\nb`},
		{"with its date behind a dot", "4111.1111.1111.1111.12/27", "[card].12/27"},
		{"an account with characters without width", fours(visa, "\u200b") + "\u200b5", "[card]\u200b5"},
	}...))
	check(t, scrub.Config{Cards: true}, "application/json", []example{
		{"with escapes", `["4111\u200b1111\u200B1111\u200b1111","4111\t1111\t1111\t1111","4111\/1111\/1111\/1111"]`, `["[card]","[card]","[card]"]`},
		{"full-width digits as escapes", `"\uff14111111111111111"`, `"[card]"`},
		{"full-width digits as they are", `["` + wide(visa, '０') + `"]`, `["[card]"]`},
	})
}

func TestSocialSecurityNumbersHoweverTheyAreWritten(t *testing.T) {
	var examples []example
	for _, separator := range separators() {
		want := "x [ssn] y"
		if strings.ContainsAny(separator, "/_+%\t\n\r\\") { // paths, tables and lists of three numbers have no check digit
			want = "x 078" + separator + "05" + separator + "1120 y"
		}
		examples = append(examples, example{"with " + separator, "x 078" + separator + "05" + separator + "1120 y", want})
	}
	for _, character := range unseen() {
		examples = append(examples,
			example{"between groups " + character, "078" + character + "05" + character + "1120", "[ssn]"},
			example{"between all digits " + character, strings.Join(strings.Split("078-05-1120", ""), character), "[ssn]"},
		)
	}
	check(t, scrub.Config{SSN: true}, "text/plain", append(examples, []example{
		{"full-width digits", wide("078-05-1120", '０'), "[ssn]"},
		{"at the end of a sentence", "It is 078.05.1120.", "It is [ssn]."},
		{"behind its name", "SSN: 078051120", "SSN: [ssn]"},
		{"behind its name in JSON in a text", `{\"ssn\": \"078051120\"}`, `{\"ssn\": \"[ssn]\"}`},
		{"behind its name in words", "Social Security Number 078051120, Social-Security-No=078051120", "Social Security Number [ssn], Social-Security-No=[ssn]"},
		{"behind the name, never given out", "ssn 000051120", "ssn 000051120"},
		{"behind the name of something else", "assn 078051120, id 078051120", "assn 078051120, id 078051120"},
		{"more digits behind its name", "ssn 0780511201", "ssn 0780511201"},
		{"a dot and a hyphen", "078.05-1120", "078.05-1120"},
		{"a version", "1.078.05.1120 078.05.1120.1", "1.078.05.1120 078.05.1120.1"},
		{"groups of another size", "07-805-1120 0780-5-1120 07 80 51 120", "07-805-1120 0780-5-1120 07 80 51 120"},
	}...))
	check(t, scrub.Config{SSN: true}, "application/json", []example{
		{"by the name of the member", `{"ssn":"078051120","employee_social_security_number":"078051120","a":{"SSN":"078051120"}}`, `{"ssn":"[ssn]","employee_social_security_number":"[ssn]","a":{"SSN":"[ssn]"}}`},
		{"of another member", `{"id":"078051120","ssn":["078051120"],"ssns":"078051120"}`, `{"id":"078051120","ssn":["078051120"],"ssns":"078051120"}`},
		{"that cannot be one", `{"ssn":"000051120"}`, `{"ssn":"000051120"}`},
	})
}
