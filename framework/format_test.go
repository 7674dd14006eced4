package framework

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

func TestFormats(t *testing.T) {
	for format, texts := range map[string]struct{ good, bad []string }{
		"date-time": {
			[]string{"2026-11-20T12:00:00Z", "2026-11-20T12:00:00.123456789123Z", "2026-11-20T12:00:00+23:59", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59+23:59", "9999-12-30T00:00:00-23:59", "0000-01-01T00:00:00-23:59", "0000-01-02T23:59:59+23:59"},
			[]string{
				"", "2026-11-20", "2026-11-20T12:00:00", "2026-11-20T12:00Z", "2026-02-30T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T12:60:00Z", "2026-11-20T12:00:60Z", "2026-11-20T12:00:00,5Z", "2026-11-20T12:00:00+24:00", "2026-11-20T12:00:00.Z", "x2026-11-20T12:00:00Z",
				"2026-11-20t12:00:00Z", "2026-11-20T12:00:00z", "2016-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01", "9999-12-31T00:00:00-24:00", "0000-01-01T00:00:00+00:01",
				"9999-12-31T00:00:00-00:01", "0000-01-01T23:59:59+00:01",
			},
		},
		"date":     {[]string{"2024-02-29", "0000-01-01"}, []string{"2026-02-29", "26-01-01", "2026-1-1", ""}},
		"duration": {[]string{"P1D", "PT1H", "P1Y2M3DT4H5M6S", "P3W"}, []string{"", "P", "PT", "P1DT", "1D", "P1W1D", "P1H", "PT1D", "P1.5D", "-P1D"}},
		"email": {
			[]string{"jane@lab.example", "a.b+c@d-e.f", `"a b"@c.d`, "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "a@b"},
			[]string{"", "jane", "@b.c", "a@", ".a@b.c", "a..b@c.d", "a b@c.d", "a@-b.c", "a@b_c", "Jane <jane@lab.example>", strings.Repeat("a", 65) + "@b.c", "a@[IPv6:1.2.3.4]"},
		},
		"hostname": {[]string{"a", "ws-042.lab.example", "1.2.3.4", "a.b."}, []string{"", ".", "-a", "a-", "a..b", "a_b", strings.Repeat("a", 64), "ä.de"}},
		"ipv4":     {[]string{"127.0.0.1"}, []string{"127.0.0.01", "1.2.3", "1.2.3.256", "::1", ""}},
		"ipv6":     {[]string{"::1", "2001:db8::192.0.2.1"}, []string{"127.0.0.1", "fe80::1%eth0", ":::", ""}},
		"ip":       {[]string{"127.0.0.1", "::1"}, []string{"localhost", "fe80::1%1"}},
		"uri":      {[]string{"https://a.b/c?d=e#f", "urn:x:y", "mailto:a@b.c", "http://[::1]:80/"}, []string{"", "/a", "a b:c", "http://a b", "http://a/<", "http://ä.de", "http://[::1", "http://a/%zz"}},
		"uuid":     {[]string{"123e4567-E89B-12d3-a456-426614174000"}, []string{"123e4567e89b12d3a456426614174000", "g23e4567-e89b-12d3-a456-426614174000"}},
	} {
		valid, known := stringFormat(format)
		if !known {
			t.Fatalf("%s is not known", format)
		}
		for _, text := range texts.good {
			if !valid([]byte(text)) {
				t.Errorf("%s refuses %q", format, text)
			}
		}
		for _, text := range texts.bad {
			if valid([]byte(text)) {
				t.Errorf("%s takes %q", format, text)
			}
		}
	}
}

// FuzzATimeThatIsTakenIsHeldAndWrittenAgain holds the format against Go's own time, which an input and an answer are made of.
func FuzzATimeThatIsTakenIsHeldAndWrittenAgain(f *testing.F) {
	for _, seed := range []string{
		"2026-11-20T12:00:00Z", "2026-11-20T12:00:00.5+01:00", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "2016-12-31T23:59:60Z", "2026-11-20t12:00:00z",
		"2024-02-29T00:00:00.000000000000001-00:00", "2026-11-20T12:00:00+24:00", "2026-11-20T12:00:00,5Z", "2023-02-29T00:00:00Z", "0000-02-29T23:59:59Z", "2100-02-29T00:00:00Z",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if taken := isDateTime([]byte(text)); taken != isTime(text) {
			t.Fatalf("%q is taken: %t", text, taken)
		} else if !taken {
			return
		}
		var at, again time.Time
		if err := at.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		written, err := at.UTC().MarshalText()
		if err != nil || !isDateTime(written) {
			t.Fatalf("%q was written as %q: %v", text, written, err)
		}
		if err := again.UnmarshalText(written); err != nil || !again.Equal(at) {
			t.Fatalf("%q came back as %v: %v", text, again, err)
		}
	})
}

// isTime is what is promised: all times that Go reads, and writes in UTC, but for those at the two ends whose offset leads out of the
// four digits of a year for some hours of the day.
func isTime(text string) bool {
	var at time.Time
	if json.Unmarshal([]byte(strconv.Quote(text)), &at) != nil {
		return false
	}
	if _, err := json.Marshal(at.UTC()); err != nil {
		return false
	}
	rest := text[len("2006-01-02"):]
	switch text[:10] {
	case "0000-01-01":
		return !strings.Contains(rest, "+")
	case "9999-12-31":
		return !strings.Contains(rest, "-")
	}
	return true
}

func TestTimesOfEveryKindAreTakenAsGoTakesThem(t *testing.T) {
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	taken := 0
	for range 20_000 {
		text := pick("0000", "0001", "2024", "2026", "2100", "9998", "9999") + "-" + pick("00", "01", "02", "04", "12", "13") + "-" + pick("00", "01", "28", "29", "30", "31", "32") +
			pick("T", "t", " ") + pick("00", "12", "23", "24") + ":" + pick("00", "59", "60") + ":" + pick("00", "59", "60") + pick("", ".5", ".", ",5", ".1234567890") +
			pick("Z", "z", "", "+00:00", "-00:01", "+23:59", "-23:59", "+24:00", "+01:60", "+0100")
		if isTime(text) {
			taken++
		}
		if got := isDateTime([]byte(text)); got != isTime(text) {
			t.Fatalf("%s is taken: %t", text, got)
		}
	}
	if taken < 100 {
		t.Errorf("only %d of the times are any", taken)
	}
}

func TestNumbersAreComparedExactly(t *testing.T) {
	read := func(text string) decimal {
		d, ok := parseDecimal([]byte(text))
		if !ok {
			t.Fatalf("%s is beyond the bounds", text)
		}
		return d
	}
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1", "1.0", 0},
		{"1e2", "100", 0},
		{"-0", "0", 0},
		{"0.1", "0.10000000000000001", -1},
		{"9007199254740993", "9007199254740992", 1},
		{"-1", "1", -1},
		{"1e-400", "0", 1},
		{"-1e-400", "0", -1},
		{"-2", "-1", -1},
		{"1e1000000000000", "1e999999999999", 1},
		{"12e-1", "1.2", 0},
		{"0e99999999999999999999", "-0.0", 0},
		{"0." + strings.Repeat("0", 500) + "1e501", "1", 0},
		{"123456789012345678901234567890", "123456789012345678901234567891", -1},
	} {
		if got := read(c.a).compare(read(c.b)); got != c.want {
			t.Errorf("%s against %s: %d, want %d", c.a, c.b, got, c.want)
		}
		if a, b := appendNumber(nil, []byte(c.a)), appendNumber(nil, []byte(c.b)); (string(a) == string(b)) != (c.want == 0) {
			t.Errorf("keys of %s and %s: %s, %s", c.a, c.b, a, b)
		}
	}
	for value, want := range map[string]bool{"0.3": true, "0.30000000000000004": false, "1e1": true, "0": true, "-0.1": true, "1e1000000": true, "1e-1000000": false, "0.05": false, strings.Repeat("7", 1000) + ".3": true} {
		if got := read(value).isMultipleOf(decimalOf(0.1)); got != want {
			t.Errorf("%s is a multiple of 0.1: %v", value, got)
		}
	}
	for _, text := range []string{"1e99999999999999999999", "-1e-9000000000000000000"} {
		if _, ok := parseDecimal([]byte(text)); ok {
			t.Errorf("%s is within the bounds", text)
		}
	}
}

func TestDecimalsAgreeWithFloatsWhereFloatsAreExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a, b := random.Int64N(1<<50)-1<<49, random.Int64N(1<<50)-1<<49
		exact, _ := parseDecimal(strconv.AppendInt(nil, a, 10))
		other, _ := parseDecimal(strconv.AppendFloat(nil, float64(b), 'g', -1, 64))
		if want := cmpInt(a, b); exact.compare(other) != want {
			t.Fatalf("%d against %d: %d", a, b, exact.compare(other))
		}
		if b != 0 && exact.isMultipleOf(other) != (a%b == 0) {
			t.Fatalf("%d is a multiple of %d: %v", a, b, exact.isMultipleOf(other))
		}
	}
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}
