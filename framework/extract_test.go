package framework_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"funnelweb/framework"
)

const (
	eicarMD5    = "44d88612fea8a8f36de82e1278abb02f"
	eicarSHA1   = "3395856ce81f2b7382dee72602f798b642f14140"
	eicarSHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
)

// found writes down what is found of all kinds.
func found(text string) []string {
	indicators, _ := framework.FindIndicators(text, framework.Findable(), 100)
	written := []string{}
	for _, one := range indicators {
		written = append(written, one.String())
	}
	return written
}

func TestIndicatorsAreFoundInWhatPeopleWrite(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"Beacon to 203.0.113.7, then 203.0.113.7:8443 and (198.51.100.9).": {"ip:203.0.113.7", "ip:198.51.100.9"},
		"from 2001:DB8::1 and [2001:db8::2]:443; fe80::1%eth0":             {"ip:2001:db8::1", "ip:2001:db8::2", "ip:fe80::1"},
		"see http://evil.example/a?b=(c)&d=1). Or HTTPS://Evil.Example/!":  {"url:http://evil.example/a?b=(c)&d=1", "url:https://evil.example/"},
		"http://[2001:db8::1]:8080/x ftp://203.0.113.7/y":                  {"url:http://[2001:db8::1]:8080/x", "url:ftp://203.0.113.7/y"},
		"domain evil.example. C2=bad.evil.co.uk; *login.evil.com*":         {"domain:evil.example", "domain:bad.evil.co.uk", "domain:login.evil.com"},
		"mail from Jane.Doe+x@Lab.Example, <bob@evil.com>.":                {"email:Jane.Doe+x@lab.example", "email:bob@evil.com"},
		"md5=" + strings.ToUpper(eicarMD5) + " sha1:" + eicarSHA1 + "\n" + eicarSHA256 + ",": {
			"md5:" + eicarMD5, "sha1:" + eicarSHA1, "sha256:" + eicarSHA256,
		},
		eicarMD5 + ".exe in C:\\Temp\\" + eicarSHA1 + ".bin": {"md5:" + eicarMD5, "sha1:" + eicarSHA1},
	} {
		if diff := cmp.Diff(want, found(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestDefangedIndicatorsAreFound(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"hxxp://evil[.]example/x":               "url:http://evil.example/x",
		"hXXps[:]//evil[.]example[/]x":          "url:https://evil.example",
		"hxxps[://]evil(.)example":              "url:https://evil.example",
		"h**p://evil{.}example/x":               "url:http://evil.example/x",
		"fxp://evil.example/x":                  "url:ftp://evil.example/x",
		"evil[.]example":                        "domain:evil.example",
		"evil[dot]example":                      "domain:evil.example",
		"evil (dot) example":                    "domain:evil.example",
		"evil[.]zip":                            "domain:evil.zip",
		"203[.]0[.]113[.]7":                     "ip:203.0.113.7",
		"203.0.113[.]7":                         "ip:203.0.113.7",
		"2001[:]db8[:][:]1":                     "ip:2001:db8::1",
		"jane[at]evil[.]example":                "email:jane@evil.example",
		"jane(at)evil(dot)example":              "email:jane@evil.example",
		"jane[@]evil.example":                   "email:jane@evil.example",
		`hxxp://evil\[.\]example/x`:             "url:http://evil.example/x", // as Jira's editor stores it
		`evil\[.\]example`:                      "domain:evil.example",
		`jane\[at\]evil\[.\]example`:            "email:jane@evil.example",
		`http://evil.example/a\_b`:              "url:http://evil.example/a_b",
		"[http://evil.example/x|smart-link]":    "url:http://evil.example/x",
		"[click|http://evil.example/x]":         "url:http://evil.example/x",
		"|http://evil.example/x|":               "url:http://evil.example/x",
		"{{evil.example}}":                      "domain:evil.example",
		"{noformat}203.0.113.7{noformat}":       "ip:203.0.113.7",
		"ev\u200bil.exam\u00adple":              "domain:evil.example",
		"h\u200bttp:/\u200b/evil.example/x":     "url:http://evil.example/x",
		"\ue000evil.example":                    "domain:evil.example",
		"EVIL[.]EXAMPLE":                        "domain:evil.example",
		"[evil.example|http://evil.example]":    "domain:evil.example url:http://evil.example",
		"http://evil.example/x!thumbnail.png!x": "url:http://evil.example/x!thumbnail.png!x",
	} {
		if diff := cmp.Diff(want, strings.Join(found(text), " ")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// What is asked about leaves the house: what only looks like an indicator must not.
func TestWhatOnlyLooksLikeAnIndicatorIsNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"invoice.pdf, setup.exe, run.ps1 and notes.docx", "README.md main.rs install.sh x.zip clip.mov app.py", "result.id src.host user.email user.name",
		"System.Net.WebClient java.lang.String index.html", "os.info(1)", "C:\\Users\\evil.com", "/etc/evil.com", "v1.2.3.4 1.2.3.4.5 10.0.19041.1 1.2.3", "build 203.0.113.7.8",
		"203.0.113.0/24", "999.1.1.1", "12:30:45 and 2026-11-20T12:30:45", "00:1a:2b:3c:4d:5e", "std::vector :: a::b::c::", "x" + eicarMD5, eicarMD5 + "0", eicarMD5[:31],
		eicarSHA1 + "ab", "jane@localhost", "@evil", "[~accountid:712020:1234-5678]", "http://", "http:// evil", "https://[x]/", "javascript:alert(1)", "com co.uk .com", "bücher.de",
		"a.b", "1.5 e.g. i.e. etc...", "WS-042 jdoe LAB\\jdoe", "f47ac10b-58cc-4372-a567-0e02b2c3d479",
	} {
		if got := found(text); len(got) != 0 {
			t.Errorf("%q gives %v", text, got)
		}
	}
}

func TestAURLIsItsHostWhereOnlyThatIsAskedFor(t *testing.T) {
	t.Parallel()
	kinds := []framework.Kind{framework.Domain, framework.IP}
	got, more := framework.FindIndicators("hxxp://evil[.]zip/x http://203.0.113.7/y http://[2001:db8::1]/ http://intranet/ jane@lab.example "+eicarMD5, kinds, 10)
	want := []framework.Indicator{{Kind: framework.Domain, Value: "evil.zip"}, {Kind: framework.IP, Value: "203.0.113.7"}, {Kind: framework.IP, Value: "2001:db8::1"}}
	if diff := cmp.Diff(want, got); diff != "" || more != 0 {
		t.Errorf("%d more (-want +got):\n%s", more, diff)
	}
}

func TestOnlySoManyDifferentIndicatorsAreTaken(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 50 {
		_, _ = fmt.Fprintf(&text, "203.0.113.%d 203[.]0[.]113[.]%d ", i, i)
	}
	got, more := framework.FindIndicators(text.String(), framework.Findable(), 20)
	if len(got) != 20 || more != 30 || got[0].Value != "203.0.113.0" || got[19].Value != "203.0.113.19" {
		t.Errorf("%d and %d more: %v", len(got), more, got)
	}
}

// The time must grow with the text, whatever stands there; and nothing behind the bound is looked at.
func TestALongTextIsReadInTimeAndNoFurtherThanItsBound(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"a.", "[.]", "\\[.\\]", ":", "a:", "hxxp", "http://", "a@", "(((", "\ue000", "1.1.1.", "h**p://a)", "\xff", "é.", "0"} {
		text := strings.Repeat(piece, (1<<20)/len(piece))
		framework.FindIndicators(text, framework.Findable(), 20) // where the time grows with the square it does not end
	}
	for _, fill := range []string{"x", "é"} {
		far := strings.Repeat(fill, (128<<10)/len(fill)) + " evil.example"
		if got := found(far); len(got) != 0 {
			t.Errorf("behind the bound stands %v", got)
		}
	}
}

func TestWhatIsFoundIsInNormalFormWhateverStandsAroundIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.SampledFrom([]string{
			"evil.example", "evil[.]com", "hxxp://evil[.]example/x", "203.0.113.7", eicarMD5, "jane[at]evil.example", "[", "]", "(", ")", "\\", "|", " ", "\n", ".", ":", "/", "@", "-", "_", "é", "\xff", "*", "x", "1",
		}), 0, 12).Draw(t, "texts")
		text := strings.Join(texts, "")
		all, more := framework.FindIndicators(text, framework.Findable(), 100)
		if more != 0 {
			t.Fatalf("%d more in %q", more, text)
		}
		for i, one := range all {
			again, err := framework.ParseIndicator(one.Kind, one.Value)
			if err != nil || again != one || !utf8.ValidString(one.Value) || slices.Contains(all[:i], one) {
				t.Fatalf("%q gives %v (%v)", text, one, err)
			}
		}
		// Spaces set it apart from everything.
		if got := found(text + " evil[.]example " + text); !slices.Contains(got, "domain:evil.example") {
			t.Fatalf("%q around hides a domain: %v", text, got)
		}
	})
}

func FuzzFindIndicators(f *testing.F) {
	for _, seed := range []string{"hxxp://evil[.]example/x", "2001:db8::1", `\[.\]`, "a@b.example", eicarSHA256, "[x|http://e.example|smart-link]", "::ffff:1.2.3.4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, _ := framework.FindIndicators(text, framework.Findable(), 20)
		if len(all) > 20 {
			t.Fatalf("%d indicators", len(all))
		}
		for _, one := range all {
			if again, err := framework.ParseIndicator(one.Kind, one.Value); err != nil || again != one {
				t.Errorf("%q gives %v, which is %v (%v)", text, one, again, err)
			}
		}
	})
}

// What the end of the text that is searched cuts in two is not taken for what is left of it.
func TestAnIndicatorThatIsCutInTwoIsNone(t *testing.T) {
	t.Parallel()
	text := "198.51.100.1 " + strings.Repeat("x ", (framework.MaxSearched-24)/2) + "203.0.113.77 evil.example"
	if end := text[:framework.MaxSearched]; !strings.HasSuffix(end, " 203.0.113.7") {
		t.Fatalf("the text ends in %q", end[len(end)-20:])
	}
	found, more := framework.FindIndicators(text, framework.Findable(), 5)
	if want := []framework.Indicator{{Kind: framework.IP, Value: "198.51.100.1"}}; !slices.Equal(found, want) || more != 0 {
		t.Errorf("found %v and %d more", found, more)
	}
}
