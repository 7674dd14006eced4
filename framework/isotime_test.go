package framework

import (
	"strings"
	"testing"
	"time"
)

func TestTimesAreReadAsISO8601(t *testing.T) {
	cases := []struct{ text, want string }{
		{"2026-11-20T12:34:56Z", "2026-11-20T12:34:56Z"},
		{"2026-11-20t12:34:56z", "2026-11-20T12:34:56Z"},
		{"2026-11-20 12:34:56", "2026-11-20T12:34:56Z"},
		{"2026-11-20T12:34", "2026-11-20T12:34:00Z"},
		{"2026-11-20T12", "2026-11-20T12:00:00Z"},
		{"2026-11-20", "2026-11-20T00:00:00Z"},
		{"2026-11", "2026-11-01T00:00:00Z"},
		{"20261120", "2026-11-20T00:00:00Z"},
		{"20261120T123456Z", "2026-11-20T12:34:56Z"},
		{"2026-11-20T12:34:56.789Z", "2026-11-20T12:34:56.789Z"},
		{"2026-11-20T12:34:56,000000001Z", "2026-11-20T12:34:56.000000001Z"},
		{"2026-11-20T12:34:56+02:00", "2026-11-20T10:34:56Z"},
		{"2026-11-20T12:34:56-0330", "2026-11-20T16:04:56Z"},
		{"2026-11-20T12:34:56+02", "2026-11-20T10:34:56Z"},
		{"2026-11-20T12:34:56 02:00", "2026-11-20T10:34:56Z"}, // the + of a query that was not encoded
		{"2024-02-29", "2024-02-29T00:00:00Z"},
		{"9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"},
	}
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			got, ok := ParseTime(c.text)
			if !ok || got.UTC().Format(time.RFC3339Nano) != c.want {
				t.Errorf("got %s, %v, want %s", got.UTC().Format(time.RFC3339Nano), ok, c.want)
			}
		})
	}
}

func TestWhatIsNoTimeIsRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "now", "2026", "202611", "2026-11T12:00", "1795176000", "1795176000000", "2026-13-01", "2026-00-01", "2026-11-00", "2026-11-31", "2025-02-29",
		"2026-11-20T24:00:00Z", "2026-11-20T12:60Z", "2026-11-20T12:00:60Z", "2026-11-20T12:00:00+24:00", "2026-11-20T12:00:00+01:60",
		"2026-11-20T", "2026-11-20Z", "2026-11-20T12:00:00ZZ", "2026-11-20T12:00:00.Z", "2026-11-20T12:00:00.1234567890Z",
		"2026-1-1", "26-11-20", "20/11/2026", "2026-W47-5", "2026-324", " 2026-11-20", "2026-11-20\n", "２０２６-11-20",
		"2026-11-20T12:00:00 Europe/Berlin", "+2026-11-20", "-2026-11-20", strings.Repeat("2026-11-20", 5),
	} {
		if got, ok := ParseTime(text); ok {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

// FuzzParseTime holds the parser to the standard library's, which reads a part of the format.
func FuzzParseTime(f *testing.F) {
	for _, text := range []string{"2026-11-20T12:34:56.789+02:00", "2026-11-20", "20261120T1234Z", "2026-11-20T12:34:56 02:00", "0000-01-01T00:00+23:59"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := ParseTime(text)
		standard, err := time.Parse(time.RFC3339Nano, text)
		_, fraction, _ := strings.Cut(text, ".")
		if err == nil && len(fraction) < 9 && standard.Year() <= 9999 {
			if _, offset := standard.Zone(); (!ok || !got.Equal(standard)) && offset > -86400 && offset < 86400 {
				t.Fatalf("%q: got %s, %v, want %s", text, got, ok, standard)
			}
		}
		if !ok {
			return
		}
		if year := got.Year(); year < -1 || year > 10000 {
			t.Fatalf("%q is in the year %d", text, year)
		}
		if year := got.Year(); year < 0 || year > 9999 {
			return // the zone moved it there; it is not written with four digits
		}
		again, ok := ParseTime(got.UTC().Format(time.RFC3339Nano))
		if !ok || !again.Equal(got) {
			t.Fatalf("%q was read as %s, and that as %s", text, got, again)
		}
	})
}
