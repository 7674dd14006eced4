package engine

import (
	"regexp"
	"strings"
	"testing"
)

// FuzzNames holds the checks of names to what they are meant to be.
func FuzzNames(f *testing.F) {
	names, hashes := regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`), regexp.MustCompile(`^[a-z0-9]{1,64}$`)
	f.Add("")
	for _, length := range []int{1, 62, 63, 64, 65} {
		f.Add(strings.Repeat("a", length))
	}
	for c := range 256 {
		f.Add(string([]byte{byte(c)}))
		f.Add(string([]byte{'a', byte(c)}))
		f.Add(string([]byte{byte(c), 'a'}))
	}
	for _, text := range []string{"splunk", "jira_issue-2", "a.b", "a b", "a\n", "\na", "\u00e4", "a*", ">", "../a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if want := names.MatchString(text); isName(text) != want {
			t.Errorf("%q is a name: %t", text, !want)
		}
		if want := hashes.MatchString(text); isHash(text) != want {
			t.Errorf("%q is a hash: %t", text, !want)
		}
	})
}

func BenchmarkPlaceOf(b *testing.B) {
	event := alert(b, "one")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := placeOf(event); err != nil {
			b.Fatal(err)
		}
	}
}
