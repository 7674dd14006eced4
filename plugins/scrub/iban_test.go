package scrub_test

import (
	"math/big"
	"strings"
	"testing"

	"funnelweb/plugins/scrub"
)

// The examples of the IBAN registry, one a country.
const registered = `AD12 0001 2030 2003 5910 0100|AE07 0331 2345 6789 0123 456|AL47 2121 1009 0000 0002 3569 8741|AT61 1904 3002 3457 3201
AZ21 NABZ 0000 0000 1370 1000 1944|BA39 1290 0794 0102 8494|BE68 5390 0754 7034|BG80 BNBG 9661 1020 3456 78|BH67 BMAG 0000 1299 1234 56
BI42 1000 0100 0100 0033 2045 181|BR18 0036 0305 0000 1000 9795 493C 1|BY13 NBRB 3600 9000 0000 2Z00 AB00|CH93 0076 2011 6238 5295 7
CR05 0152 0200 1026 2840 66|CY17 0020 0128 0000 0012 0052 7600|CZ65 0800 0000 1920 0014 5399|DE89 3704 0044 0532 0130 00
DJ21 0001 0000 0001 5400 0100 186|DK50 0040 0440 1162 43|DO28 BAGR 0000 0001 2124 5361 1324|EE38 2200 2210 2014 5685
EG38 0019 0005 0000 0000 2631 8000 2|ES91 2100 0418 4502 0005 1332|FI21 1234 5600 0007 85|FK88 SC12 3456 7890 12|FO62 6460 0001 6316 34
FR14 2004 1010 0505 0001 3M02 606|GB29 NWBK 6016 1331 9268 19|GE29 NB00 0000 0101 9049 17|GI75 NWBK 0000 0000 7099 453
GL89 6471 0001 0002 06|GR16 0110 1250 0000 0001 2300 695|GT82 TRAJ 0102 0000 0012 1002 9690|HN88 CABF 0000 0000 0002 5000 5469
HR12 1001 0051 8630 0016 0|HU42 1177 3016 1111 1018 0000 0000|IE29 AIBK 9311 5212 3456 78|IL62 0108 0000 0009 9999 999
IQ98 NBIQ 8501 2345 6789 012|IS14 0159 2600 7654 5510 7303 39|IT60 X054 2811 1010 0000 0123 456|JO94 CBJO 0010 0000 0000 0131 0003 02
KW81 CBKU 0000 0000 0000 1234 5601 01|KZ86 125K ZT50 0410 0100|LB62 0999 0000 0001 0019 0122 9114|LC55 HEMM 0001 0001 0012 0012 0002 3015
LI21 0881 0000 2324 013A A|LT12 1000 0111 0100 1000|LU28 0019 4006 4475 0000|LV80 BANK 0000 4351 9500 1|LY83 0020 4800 0020 1001 2036 1
MC58 1122 2000 0101 2345 6789 030|MD24 AG00 0225 1000 1310 4168|ME25 5050 0001 2345 6789 51|MK07 2501 2000 0058 984|MN12 1234 1234 5678 9123
MR13 0002 0001 0100 0012 3456 753|MT84 MALT 0110 0001 2345 MTLC AST0 01S|MU17 BOMM 0101 1010 3030 0200 000M UR|NI45 BAPR 0000 0013 0000 0355 8124
NL91 ABNA 0417 1643 00|NO93 8601 1117 947|OM81 0180 0000 0129 9123 456|PK36 SCBL 0000 0011 2345 6702|PL61 1090 1014 0000 0712 1981 2874
PS92 PALS 0000 0000 0400 1234 5670 2|PT50 0002 0123 1234 5678 9015 4|QA58 DOHB 0000 1234 5678 90AB CDEF G|RO49 AAAA 1B31 0075 9384 0000
RS35 2600 0560 1001 6113 79|RU03 0445 2522 5408 1781 0538 0913 1041 9|SA03 8000 0000 6080 1016 7519|SC18 SSCB 1101 0000 0000 0000 1497 USD
SD21 2901 0501 2340 01|SE45 5000 0000 0583 9825 7466|SI56 2633 0001 2039 086|SK31 1200 0000 1987 4263 7541|SM86 U032 2509 8000 0000 0270 100
SO21 1000 0010 0100 0100 141|ST23 0001 0001 0051 8453 1014 6|SV62 CENR 0000 0000 0000 0070 0025|TL38 0080 0123 4567 8910 157
TN59 1000 6035 1835 9847 8831|TR33 0006 1005 1978 6457 8413 26|UA21 3223 1300 0002 6007 2335 6600 1|VA59 0011 2300 0012 3456 78
VG96 VPVG 0000 0123 4567 8901|XK05 1212 0123 4567 8906|YE15 CBYE 0001 0188 6123 4567 8912 34`

const german = "DE89370400440532013000"

// accounts are those examples without spaces.
func accounts() []string {
	return strings.FieldsFunc(strings.ReplaceAll(registered, " ", ""), func(r rune) bool { return r == '|' || r == '\n' })
}

func TestAccountsOfEveryCountry(t *testing.T) {
	var examples []example
	for _, account := range accounts() {
		spaced := fours(account, " ")
		changed := account[:len(account)-1] + string("10"[strings.IndexByte("01", max('0', min('1', account[len(account)-1])))])
		examples = append(examples,
			example{account, "to " + account + ".", "to [iban]."},
			example{spaced, "to " + spaced + " until Friday", "to [iban] until Friday"},
			example{changed, changed, changed},
			example{account[:len(account)-1], account[:len(account)-1], account[:len(account)-1]},
		)
	}
	if len(accounts()) != 89 {
		t.Errorf("%d countries", len(accounts()))
	}
	check(t, scrub.Config{IBAN: true}, "text/plain", examples)
}

func TestAccountsInText(t *testing.T) {
	check(t, scrub.Config{IBAN: true, Cards: true}, "text/plain", []example{
		{"in small letters", "de89370400440532013000", "[iban]"},
		{"in both", "De89370400440532013000", "[iban]"},
		{"with hyphens and no-break spaces", "DE89-3704\u00a00044\u20110532-0130-00", "[iban]"},
		{"with its name in front", "IBAN:" + german + " and Iban" + german, "IBAN:[iban] and Iban[iban]"},
		{"glued to digits and signs", "7" + german + "x_" + german + "é" + german, "7[iban]x_[iban]é[iban]"},
		{"two in a row", german + german + " " + german, "[iban][iban] [iban]"},
		{"in JSON inside a text", `{\"a\":\"x\n` + german + `\"}`, `{\"a\":\"x\n[iban]\"}`},
		{"inside a word", "CODE89370400440532013000", "CODE89370400440532013000"},
		{"one that holds a card", "GB82 WEST 1234 5698 7654 32", "[iban]"},
		{"beside a card", german + " 4111 1111 1111 1111", "[iban] [card]"},
		{"behind a card", "4111111111111111" + german, "[card][iban]"},
		{"two separators", "DE89  3704 0044 0532 0130 00", "DE89  3704 0044 0532 0130 00"},
		{"groups of another size", "DE 89 37040044 0532013000", "DE 89 37040044 0532013000"},
		{"a country without them", "US89370400440532013000", "US89370400440532013000"},
		{"a digest", "be68539007547034be68539007547034", "be68539007547034be68539007547034"},
		{"cut off", "DE89 3704 0044", "DE89 3704 0044"},
		{"a word and a year", "DE89 is a code", "DE89 is a code"},
	})
	check(t, scrub.Config{IBAN: true}, "application/json", []example{
		{"in JSON", `{"` + german + `":["\u0044E89 3704 0044 0532 0130 00",8937040044053201]}`, `{"[iban]":["[iban]",8937040044053201]}`},
	})
}

// divides is the check of ISO 7064 with numbers of any size.
func divides(account string) bool {
	var digits strings.Builder
	for _, r := range strings.ToUpper(account[4:] + account[:4]) {
		if '0' <= r && r <= '9' {
			digits.WriteRune(r)
		} else {
			digits.WriteString(big.NewInt(int64(r - 'A' + 10)).String())
		}
	}
	number, ok := new(big.Int).SetString(digits.String(), 10)
	return ok && new(big.Int).Mod(number, big.NewInt(97)).Int64() == 1
}
