package wiki

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// vector is one of testdata/vectors.json, which holds what @atlaskit/editor-wikimarkup-transformer 12.2.2 takes for live in pieces of markup,
// hand-written and random. A code block is called block there, because it does not tell {code} from {noformat}.
type vector struct {
	Markup string   `json:"markup"`
	Live   []string `json:"live"`
	Text   *string  `json:"text"` // without white space; absent where Atlassian's parser loses some
}

func vectors(t *testing.T) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 200 {
		t.Fatalf("only %d vectors", len(all))
	}
	return all
}

func TestWhateverAtlassiansParserTakesForMarkupIsActive(t *testing.T) {
	for _, vector := range vectors(t) {
		found := Active(vector.Markup)
		for _, live := range vector.Live {
			if !slices.ContainsFunc(found, func(one string) bool { return covers(one, live) }) {
				t.Errorf("%q\nAtlassian's parser finds %s, Active %q", vector.Markup, live, found)
			}
		}
	}
}

// covers reports whether an answer of Active stands for the construct of a vector.
func covers(found, live string) bool {
	name, _, _ := strings.Cut(found, ":")
	switch {
	case strings.HasPrefix(live, "mention: "):
		return found == live
	case live == "block":
		return name == "code" || name == "noformat" || found == "macro: adf"
	case live == "italic":
		return name == "italic" || name == "citation"
	case live == "bold":
		return name == "bold" || name == "heading" // a heading in a list is shown in bold
	}
	return name == live
}

// What is text and what is markup is divided at the same places.
func TestTextIsWhatAtlassiansParserLeaves(t *testing.T) {
	for _, vector := range vectors(t) {
		if vector.Text == nil {
			continue
		}
		got := strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) {
				return -1
			}
			return r
		}, remains(parse(vector.Markup)))
		if diff := cmp.Diff(*vector.Text, got); diff != "" {
			t.Errorf("%q leaves (-Atlassian's +ours):\n%s", vector.Markup, diff)
		}
	}
}

// remains is the text of nodes as the vectors have it: without signs, with a dash before a citation.
func remains(nodes []node) string {
	var b strings.Builder
	for _, one := range nodes {
		switch one.kind {
		case text:
			b.WriteString(one.text)
		case emoji:
		case mention, image, file, noformat, code, panel:
			b.WriteString(one.target)
		case citation:
			b.WriteString("—")
		default: // nothing but what it holds
		}
		if one.kind != emoji {
			b.WriteString(remains(one.children))
		}
	}
	return b.String()
}
