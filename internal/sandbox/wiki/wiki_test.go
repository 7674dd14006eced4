package wiki

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var golden = flag.Bool("golden", false, "write the golden files anew")

func TestActive(t *testing.T) {
	for _, test := range []struct {
		name, markup string
		want         []string
	}{
		{"plain text has nothing", "Malware on WS-042 (jdoe), 100% sure!", nil},
		{"a mention is live", "[~admin] and [~accountid:5b10]", []string{"mention: admin", "mention: accountid:5b10"}},
		{"an escaped mention is not", `\[~admin\]`, nil},
		{"one in bold is live although it was escaped once", `*\[~admin\]*`, []string{"bold: admin", "mention: admin"}},
		{"a table cell ends at a bar that was escaped", `|a\|b|`, []string{"table"}},
		{"an image is live", "!http://e.example/x.png!", []string{"image: http://e.example/x.png"}},
		{"a link shows where it leads", "[click|http://e.example]", []string{"link: http://e.example"}},
		{"a link to anything counts", "[click|javascript:alert]", []string{"link: javascript:alert"}},
		{"text in brackets is no link", "[INFO] started", nil},
		{"an address alone is a link", "see http://e.example/a.", []string{"link: http://e.example/a"}},
		{"one in capitals is too", "HTTPS://E.EXAMPLE", []string{"link: HTTPS://E.EXAMPLE"}},
		{"text between {noformat} is inert", "{noformat}\n[~admin]\n{noformat}", []string{"noformat"}},
		{
			"but not after another {noformat} in it", "{noformat}{noformat}[~admin]{noformat}",
			[]string{"noformat", "mention: admin", "noformat"},
		},
		{"a zero-width space in the brace keeps it closed", "{noformat}{\u200bnoformat}[~admin]{noformat}", []string{"noformat"}},
		{"an unknown macro counts", "{html:x=1}", []string{"macro: html"}},
		{"headings, rules, lists and quotes", "h2. T\n----\n* a\n\nbq. q", []string{"heading: T", "rule", "list", "quote"}},
		{"signs are live", "(!) :)", []string{"emoji: (!)", "emoji: :)"}},
		{"entities are not decoded", "&#91;~admin&#93; &lt;b&gt;", nil},
		{"marks within words are not", "a_b_c 5*6*7 x-y-z", nil},
		{"all marks", "*a* _b_ -c- +d+ ^e^ ~f~ {{g}} ??h??", []string{
			"bold: a", "italic: b", "deleted: c", "inserted: d", "superscript: e", "subscript: f", "monospace: g", "citation: h",
		}},
		{"a path is no line break", `C:\Users\bob \\server\share`, nil},
		{"two backslashes are", `a\\ b`, []string{"line break"}},
		{"what hides in an odd address is found", "http://%7C(!)/", []string{"link: http://%7C(!)/", "emoji: (!)"}},
		{"what hides in an unknown macro is found", "{x:[~admin]}", []string{"macro: x", "mention: admin"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want == nil {
				test.want = []string{}
			}
			if diff := cmp.Diff(test.want, Active(test.markup)); diff != "" {
				t.Errorf("Active(%q) (-want +got):\n%s", test.markup, diff)
			}
		})
	}
}

func TestPeopleRead(t *testing.T) {
	names, err := filepath.Glob("testdata/*.wiki")
	if err != nil || len(names) == 0 {
		t.Fatal("no samples", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			markup, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			base := strings.TrimSuffix(name, ".wiki")
			compare(t, base+".txt.golden", Text(string(markup))+"\n")
			compare(t, base+".html.golden", string(HTML(string(markup))))
		})
	}
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	if *golden {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct{ name, markup, want string }{
		{"nothing is nothing", " \n\n ", ""},
		{"marks are dropped", "*bold* and _it_", "bold and it"},
		{"lines are kept, several empty ones are one", "a\nb\n\n\n\nc", "a\nb\n\nc"},
		{"a forced break is a line", `a\\ b`, "a\nb"},
		{"escapes are resolved", `\[~admin\] \{code\} 5\*3\*2`, "[~admin] {code} 5*3*2"},
		{"other backslashes stay", `C:\Users\jdoe`, `C:\Users\jdoe`},
		{"headings are underlined", "h1. One\nh3. Three", "One\n===\n\nThree\n-----"},
		{"mentions", "[~accountid:5b10]: hi", "@accountid:5b10: hi"},
		{"links", "[a|http://b.example] http://c.example. [http://d.example]", "a (http://b.example) http://c.example. http://d.example"},
		{"mail addresses", "[mailto:a@b.example] [Al|mailto:a@b.example]", "mailto:a@b.example Al (mailto:a@b.example)"},
		{"images and attachments", "!http://a.example/b.png|width=3! [^c.pdf]", "[image http://a.example/b.png] [attachment c.pdf]"},
		{"signs", "(/) done (x) not", "✅ done ❌ not"},
		{"dashes", "a -- b --- c", "a – b — c"},
		{"tables", "||a||long header||\n|x|y|", "a | long header\n--+------------\nx | y"},
		{"tables with headers at the side", "||a|x|\n||bb|y|", "a  | x\nbb | y"},
		{"rows of different lengths", "|a|b|\n|c|", "a | b\nc"},
		{"cells of several lines", "|a\nb|c|", "a | c\nb |"},
		{"lists", "* a\n** b\nmore\n# c\n# d", "- a\n  - b\n    more\n1. c\n2. d"},
		{"rules", "----", strings.Repeat("-", 40)},
		{"quotes", "bq. said\n{quote}a\n\nb{quote}", "> said\n\n> a\n>\n> b"},
		{"panels", "{panel:title=T}x{panel}", "| T\n| x"},
		{"preformatted text as it is", "{noformat}\n  {\n *b*\n{noformat}", "    {\n     *b*"},
		{"color is not seen", "{color:red}x{color}", "x"},
		{"unknown macros as written", "{toc:depth=2}", "{toc:depth=2}"},
		{"a line feed of Windows", "a\r\nb", "a\nb"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Text(test.markup)); diff != "" {
				t.Errorf("Text(%q) (-want +got):\n%s", test.markup, diff)
			}
		})
	}
}

func TestTextDropsWhatMovesTheCursor(t *testing.T) {
	for _, test := range []struct{ name, markup, want string }{
		{"escape sequences", "a\x1b[31mred", "a[31mred"},
		{"characters that turn the direction", "abc\u202ecba\u2066", "abccba"},
		{"bytes that are no UTF-8", "a\xffb", "a\ufffdb"},
		{"in preformatted text too", "{noformat}a\x07\tb\x00{noformat}", "    a b"},
		{"in targets too", "[~ad\x1bmin] !a\x07.png!", "@admin [image a.png]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Text(test.markup); got != test.want {
				t.Errorf("Text(%q) = %q, want %q", test.markup, got, test.want)
			}
		})
	}
}

func TestHTMLIsSafe(t *testing.T) {
	for _, test := range []struct{ name, markup, want string }{
		{"elements", "<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"},
		{"in links", `[x|javascript:alert("1")]`, "<p>x (javascript:alert(&#34;1&#34;))</p>\n"},
		{
			"in addresses", `[x|http://e.example/"onclick="a]`,
			"<p><a rel=\"noopener noreferrer nofollow\" href=\"http://e.example/&#34;onclick=&#34;a\">x</a></p>\n",
		},
		{"images are not loaded", `!http://e.example/x.png!`, "<p><span class=\"image\">[image http://e.example/x.png]</span></p>\n"},
		{"in mentions", `[~<b>]`, "<p><span class=\"mention\">@&lt;b&gt;</span></p>\n"},
		{"in preformatted text", `{noformat}</pre><b>{noformat}`, "<pre>&lt;/pre&gt;&lt;b&gt;</pre>\n"},
		{"in titles", `{panel:title=<b>}x{panel}`, "<div class=\"panel\"><p><b>&lt;b&gt;</b></p><p>x</p>\n</div>\n"},
		{"items at several depths", "* a\n*** b\n# c", "<ul><li>a<ul><li><ul><li>b</li></ul></li></ul></li></ul><ol><li>c</li></ol>\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, string(HTML(test.markup))); diff != "" {
				t.Errorf("HTML(%q) (-want +got):\n%s", test.markup, diff)
			}
		})
	}
}

// Nesting is bounded, so that no markup exhausts the stack.
func TestDeepNestingEnds(t *testing.T) {
	found := Active(strings.Repeat("h1.", 5000))
	if found[len(found)-1] != "macro: nested too deeply" {
		t.Errorf("the last of %d is %q", len(found), found[len(found)-1])
	}
}

// Marks without an end must not cost the square of what Jira takes: a hostile ticket would stop whoever shows it.
func TestWorkIsBounded(t *testing.T) {
	found := Active(strings.Repeat("*a ", 32767/3))
	if diff := cmp.Diff([]string{"macro: too much to read"}, found); diff != "" {
		t.Errorf("Active (-want +got):\n%s", diff)
	}
	if found := Active(strings.Repeat("ls -l -a *.go !x\n", 2000)); len(found) != 0 {
		t.Errorf("Active finds %q in a long log", found)
	}
}

func FuzzMarkup(f *testing.F) {
	for _, seed := range []string{
		"h1. T\n||a||b||\n|[~x]|!y!|\n\n* i\n*# j\n{noformat}z{noformat}", "*_-+^~??a??~^+-_*", `\\ \{ \[~x\] {x:http://a@b}`,
		"{panel:title=x}{quote}{color:red}|a|{color}{quote}{panel}", "[a!b|c!|d|e] [^f] [~] [||]", "http://%7C@ mailto:x irc://(",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, markup string) {
		got := Text(markup)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			t.Errorf("Text(%q) = %q holds control characters", markup, got)
		}
		page := string(HTML(markup))
		if opened, closed := strings.Count(page, "<"), strings.Count(page, ">"); opened != closed {
			t.Errorf("HTML(%q) = %q has %d < and %d >", markup, page, opened, closed)
		}
		if strings.Contains(page, "<script") || strings.Contains(page, "<img") {
			t.Errorf("HTML(%q) = %q", markup, page)
		}
		for _, one := range Active(markup) {
			if strings.HasPrefix(one, ":") || one == "" {
				t.Errorf("Active(%q) has %q", markup, one)
			}
		}
	})
}
