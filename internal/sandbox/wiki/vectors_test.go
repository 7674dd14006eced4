package wiki

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// testdata/vectors.json holds what @atlaskit/editor-wikimarkup-transformer 12.2.2 takes for live in pieces of markup,
// hand-written and random. A code block is called block there, because it does not tell {code} from {noformat}.
func TestWhateverAtlassiansParserTakesForMarkupIsActive(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Markup string   `json:"markup"`
		Live   []string `json:"live"`
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 200 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for _, vector := range vectors {
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
