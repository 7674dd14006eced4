package framework

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// What is expected was asked of a JavaScript engine (V8, flag u), which is what ECMA-262 means.
func TestPatternsMeanWhatECMASays(t *testing.T) {
	for _, c := range []struct {
		pattern     string
		matches     []string
		matchesNone []string
	}{ // without matches: refused
		{`^.+$`, []string{"a", "\t", "\v", "\u0085", "\U0001f600"}, []string{"", "\n", "a\r", "\u2028", "a\u2029b"}},
		{`^\s$`, []string{" ", "\t", "\n", "\v", "\f", "\r", "\u00a0", "\u1680", "\u2000", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff"}, []string{"a", "\x00", "\u0085", "\u180e", "\u200b", "\u2060"}},
		{`^\S$`, []string{"a", "\x00", "\u0085", "\u180e", "\u200b", "\u2060", "\U0001f600"}, []string{" ", "\v", "\u00a0", "\ufeff", "\u3000", "\u2028"}},
		{`^[\s_]$`, []string{"_", "\v", "\ufeff"}, []string{"a", "\u200b"}},
		{`^[^\s_]$`, []string{"a", "\u200b"}, []string{"_", "\v", "\ufeff"}},
		{`^[\S ]$`, []string{"a", " ", "\x00", "\U0001f600"}, []string{"\t", "\u00a0"}},
		{`^[^\S ]$`, []string{"\t", "\u00a0"}, []string{"a", " "}},
		{`^\d\D\w\W$`, []string{"1aa-", "9\u0661_\u00e9"}, []string{"\u0661aa-", "1aaa"}},
		{`\bcat\b`, []string{"a cat.", "cat"}, []string{"concat", "cats"}},
		{`^a\Bb$`, []string{"ab"}, []string{"a b"}},
		{`^\p{Lu}\p{L}*$`, []string{"\u00c9cole", "A"}, []string{"\u00e9cole", "A1"}},
		{`^\P{L}$`, []string{"1"}, []string{"a"}},
		{`^\x41\t\/\.\-?$`, nil, nil},
		{`^\x41\t\/\.$`, []string{"A\t/."}, []string{"A\t/a"}},
		{`^[\]\[\-\\^.]+$`, []string{`]`, `[-\^.`}, []string{"a"}},
		{`^[-a][a-]$`, []string{"--", "aa"}, []string{"ab"}},
		{`^[[.(]$`, []string{"[", ".", "("}, []string{"a"}},
		{`^(?:a|b){2,3}?c$`, []string{"abc", "babc"}, []string{"ac", "ababc"}},
		{`^(?<year>[0-9]{4})$`, nil, nil},
		{`a$`, []string{"ba"}, []string{"a\n", "ab"}},
		{`^a`, []string{"ab"}, []string{"\na"}},
		{`^$|^a*?$`, []string{"", "aa"}, []string{"b"}},
		{"^\u00e9\U0001f600$", []string{"\u00e9\U0001f600"}, []string{"e\U0001f600"}},
		{`^.$`, []string{"\U0001f600"}, []string{"ab"}},
	} {
		compiled, err := compilePattern(c.pattern)
		if c.matches == nil {
			if err == nil {
				t.Errorf("%s is taken", c.pattern)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		if compiled.String() != c.pattern {
			t.Errorf("%s is shown as %s", c.pattern, compiled)
		}
		for _, text := range c.matches {
			if !compiled.MatchString(text) {
				t.Errorf("%s does not match %q", c.pattern, text)
			}
		}
		for _, text := range c.matchesNone {
			if compiled.MatchString(text) {
				t.Errorf("%s matches %q", c.pattern, text)
			}
		}
	}
}

// FuzzPatterns holds that translating never crashes, and that a pattern without what is translated means what it means to RE2.
func FuzzPatterns(f *testing.F) {
	for _, seed := range []string{`^[a-z]+$`, `^.\s\S[\s\S]$`, `(?<a>b)|\p{Lu}{2,}?`, `[^\]\-]`, `\`, `[`, `a{`, `\x4`, "\xff"} {
		f.Add(seed, "ab c")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		compiled, err := compilePattern(pattern)
		if err != nil {
			return
		}
		if !utf8.ValidString(pattern) {
			t.Fatalf("%q is taken", pattern)
		}
		if strings.ContainsAny(pattern, `.\[`) {
			_ = compiled.MatchString(text)
			return
		}
		plain, err := compilePattern("(?:" + pattern + ")")
		if err != nil || plain.MatchString(text) != compiled.MatchString(text) {
			t.Fatalf("%q is not what it is in brackets: %v", pattern, err)
		}
	})
}
