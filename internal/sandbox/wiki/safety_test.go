package wiki

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// attributes are all elements that a page may have, with what they may carry.
func attributes() map[string][]string {
	allowed := map[string][]string{"a": {"rel", "href"}, "span": {"class"}, "div": {"class"}}
	for element := range strings.FieldsSeq("p br hr b i del ins sup sub code cite pre blockquote ul ol li table tr td th h1 h2 h3 h4 h5 h6") {
		allowed[element] = nil
	}
	return allowed
}

// unsafe tells what a browser would find in a page that nobody may put there, or "". A parser of its own reads the page, so
// that an attribute that ends early, or an element that is never closed, is found too.
func unsafe(page string) string {
	page = strings.NewReplacer("<br>", "<br/>", "<hr>", "<hr/>").Replace(page) // which HTML does not close
	reader := xml.NewDecoder(strings.NewReader("<body>" + page + "</body>"))
	allowed := attributes()
	for {
		token, err := reader.Token()
		if errors.Is(err, io.EOF) {
			return ""
		}
		if err != nil {
			return err.Error()
		}
		switch token := token.(type) {
		case xml.Comment, xml.ProcInst, xml.Directive:
			return "something that is no element"
		case xml.StartElement:
			carries, known := allowed[token.Name.Local]
			if !known && token.Name.Local != "body" {
				return "element " + token.Name.Local
			}
			for _, attribute := range token.Attr {
				if !slices.Contains(carries, attribute.Name.Local) {
					return "attribute " + attribute.Name.Local + " of " + token.Name.Local
				}
				if attribute.Name.Local == "href" && !harmless(attribute.Value) {
					return "a link to " + attribute.Value
				}
			}
		}
	}
}

func harmless(target string) bool {
	lower := strings.ToLower(target)
	return strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "mailto:")
}

// hostile are texts that become elements, attributes or scripts where somebody forgot to escape.
func hostile() []string {
	return []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</pre><iframe src=//e.example>`, `&lt;b&gt;`, `&#106;avascript:x`,
		`javascript:alert(1)`, `JaVaScRiPt:alert(1)`, ` javascript:alert(1)`, "java\tscript:alert(1)", `data:text/html,<b>`, `vbscript:x`, `file:///etc/passwd`, `//e.example`,
		`http://e.example/"onclick="alert(1)`, `http://e.example/'><b>`, `https://e.example/#<script>`, `mailto:a@b.example?subject=<b>"`, "<!--", "]]>", "<?php", "{{.}}", "${x}",
	}
}

// TestNothingHostileComesThrough puts each text in every place that markup has for one.
func TestNothingHostileComesThrough(t *testing.T) {
	places := []string{
		"X", "*X*", "_X_", "-X-", "+X+", "^X^", "~X~", "{{X}}", "??X??", "h1. X", "bq. X", "* X", "# X", "||X||\n|X|", "[X]", "[X|X]", "[x|X]", "[X|http://e.example]", "[~X]", "[^X]",
		"!X!", "!x|X!", "!http://e.example/X!", "{noformat}X{noformat}", "{code:X}X{code}", "{code:title=X}x{code}", "{panel:title=X}X{panel}", "{quote}X{quote}", "{color:X}X{color}",
		"{X}", "{html}X{html}", "{html:X}", `\[X\]`, "X\\\\X", "http://e.example/X", "[http://e.example/X]", "[mailto:X]",
	}
	for _, place := range places {
		for _, text := range hostile() {
			markup := strings.ReplaceAll(place, "X", text)
			if found := unsafe(string(HTML(markup))); found != "" {
				t.Errorf("HTML(%q) has %s:\n%s", markup, found, HTML(markup))
			}
		}
	}
}

func TestWhatIsKnownOfAtlassiansParserIsShownSafely(t *testing.T) {
	for _, vector := range vectors(t) {
		if found := unsafe(string(HTML(vector.Markup))); found != "" {
			t.Errorf("HTML(%q) has %s", vector.Markup, found)
		}
	}
	samples, err := filepath.Glob("testdata/*.html.golden")
	if err != nil || len(samples) == 0 {
		t.Fatal("no samples", err)
	}
	for _, name := range samples {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := unsafe(string(page)); found != "" {
			t.Errorf("%s has %s", name, found)
		}
	}
}

func TestWhatIsUnsafeIsSeen(t *testing.T) {
	for page, want := range map[string]string{
		"<p>fine</p>": "", `<p onclick="x">a</p>`: "attribute onclick of p", "<img src=\"x\"/>": "element img", `<a href="javascript:x">a</a>`: "a link to javascript:x",
		"<p>": "XML syntax error", "<b><i></b></i>": "XML syntax error", "<!-- x -->": "something that is no element",
	} {
		if got := unsafe(page); (got == "") != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", page, got, want)
		}
	}
}
