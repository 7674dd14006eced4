package framework_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"funnelweb/framework"
)

func TestLine(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"plain text stays", "Jane Doe", "Jane Doe"},
		{"other scripts stay", "Jürgen 山田 ﷺ", "Jürgen 山田 ﷺ"},
		{"white space is folded", "  a\r\n\tb \u2028 c ", "a b c"},
		{"control characters are shown", "a\x00b\x1b[31m", "a\ufffdb\ufffd[31m"},
		{"a reversed name is shown", "invoice\u202efdp.exe", "invoice\ufffdfdp.exe"},
		{"broken UTF-8 is shown", "a\xffb", "a\ufffdb"},
		{"long text is cut", strings.Repeat("é", 21), strings.Repeat("é", 19) + "…"},
		{"text that just fits is whole", strings.Repeat("é", 20), strings.Repeat("é", 20)},
		{"nothing is nothing", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := framework.Line(c.in, 20); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\u202eb\n", 3)
	f.Add("\xff", 0)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = max(1, limit)
		got := framework.Line(text, limit)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > limit || strings.ContainsAny(got, "\r\n\u202e\x00") {
			t.Errorf("Line(%q, %d) = %q", text, limit, got)
		}
		if again := framework.Line(got, limit); again != got {
			t.Errorf("a second time it gave %q for %q", again, got)
		}
	})
}
