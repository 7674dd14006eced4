package archive

import (
	"errors"
	"strings"
	"testing"

	"funnelweb/framework"
)

func TestBoundsOfAListAreChecked(t *testing.T) {
	stores := map[string]framework.Archive{"dir": newDir(t), "s3": newS3(t, s3Config("http://127.0.0.1:1"))}
	for _, bound := range []string{"/", "../", "a//b", "/etc/", "a/./b", "a b", "a\x00", "é", "~tmp/", strings.Repeat("a", 513)} {
		for name, store := range stores {
			calls := 0
			for _, asked := range [][3]string{{bound, "", ""}, {"", bound, ""}, {"", "", bound}} {
				for key, err := range store.List(t.Context(), asked[0], asked[1], asked[2]) {
					calls++
					if !framework.IsPermanent(err) || key != "" || strings.Contains(framework.Reason(err), "\x00") {
						t.Errorf("%s: %q: got %q, %v", name, asked, key, err)
					}
				}
			}
			if calls != 3 {
				t.Errorf("%s: %q gave %d errors, want 3", name, bound, calls)
			}
		}
	}
}

func TestARangeIsNarrowedToWhatItsKeysHaveInCommon(t *testing.T) {
	cases := []struct {
		name, prefix, from, to, narrowed string
		empty                            bool
	}{
		{"an hour", "webhooks/", "webhooks/2026/11/20/12/00", "webhooks/2026/11/20/13/00", "webhooks/2026/11/20/1", false},
		{"a minute", "webhooks/", "webhooks/2026/11/20/12/00", "webhooks/2026/11/20/12/01", "webhooks/2026/11/20/12/0", false},
		{"a longer prefix stays", "a/b/c", "a/b", "a/c", "a/b/c", false},
		{"no end", "a/", "a/b", "", "a/", false},
		{"no start", "a/", "", "a/b", "a/", false},
		{"a prefix beside the range", "b/", "a/b", "a/c", "b/", true},
		{"an end before the start", "", "b", "a", "", true},
		{"an end at the start", "", "a", "a", "", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := newSpan(c.prefix, c.from, c.to)
			if err != nil || got.empty != c.empty || got.prefix != c.narrowed {
				t.Errorf("got %+v, %v, want prefix %q, empty %v", got, err, c.narrowed, c.empty)
			}
		})
	}
}

func TestFoldersOutsideARangeAreNotRead(t *testing.T) {
	asked, err := newSpan("webhooks/", "webhooks/2026/11/20/12/30", "webhooks/2026/11/20/14/10")
	if err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]bool{
		"alerts/": false, "webhooks/": true, "webhooks/2025/": false, "webhooks/2026/": true, "webhooks/2026/11/19/": false,
		"webhooks/2026/11/20/11/": false, "webhooks/2026/11/20/12/": true, "webhooks/2026/11/20/12/29/": false,
		"webhooks/2026/11/20/12/30/": true, "webhooks/2026/11/20/13/": true, "webhooks/2026/11/20/13/00/": true,
		"webhooks/2026/11/20/14/": true, "webhooks/2026/11/20/14/09/": true, "webhooks/2026/11/20/14/10/": false,
		"webhooks/2026/11/20/15/": false, "webhooks/2026/11/21/": false,
	} {
		if got := asked.mayHold(folder); got != want {
			t.Errorf("%s: got %v, want %v", folder, got, want)
		}
	}
}

// FuzzKey: what is taken as a key is harmless as a path, and an error does not quote what is not.
func FuzzKey(f *testing.F) {
	for _, key := range hostileKeys() {
		f.Add(key)
	}
	f.Add("webhooks/2026/11/20/12/00/589b1aa1e4b0c5a1f2d3e4f5")
	f.Fuzz(func(t *testing.T, key string) {
		err := checkKey(key)
		if err != nil {
			if !errors.Is(err, errKeyByte) && !errors.Is(err, errKeyLength) && !errors.Is(err, errKeyPart) {
				t.Fatalf("an error of its own: %v", err)
			}
			return
		}
		if key == "" || len(key) > maxKey || strings.HasPrefix(key, "/") || strings.HasSuffix(key, "/") || strings.Contains(key, "//") {
			t.Fatalf("%q was taken", key)
		}
		for part := range strings.SplitSeq(key, "/") {
			if part == "." || part == ".." || part == tempFolder || len(part) > maxPart {
				t.Fatalf("%q was taken for its part %q", key, part)
			}
		}
		if strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.=+/") != "" {
			t.Fatalf("%q was taken", key)
		}
	})
}

// FuzzSpan holds the narrowed range to what List promises, and the folders that are passed over to hold none of it.
func FuzzSpan(f *testing.F) {
	f.Add("webhooks/", "webhooks/2026/11/20/12/30", "webhooks/2026/11/20/14/10", "webhooks/2026/11/20/13/00/id")
	f.Add("", "a-b", "a/b", "a.b")
	f.Add("a/", "a/b", "a/b=", "a/b/c/d")
	f.Fuzz(func(t *testing.T, prefix, from, to, key string) {
		asked, err := newSpan(prefix, from, to)
		if err != nil || checkKey(key) != nil {
			return // List and Put refuse it
		}
		want := strings.HasPrefix(key, prefix) && key >= from && (to == "" || key < to)
		if got := !asked.empty && asked.has(key); got != want {
			t.Fatalf("%q in prefix %q from %q to %q: got %v, want %v", key, prefix, from, to, got, want)
		}
		if from != "" {
			if before := justBefore(from); (key > before) != (key >= from) {
				t.Fatalf("%q: it is the wrong side of %q", key, before)
			}
		}
		for i := range len(key) {
			if want && key[i] == '/' && !asked.mayHold(key[:i+1]) {
				t.Fatalf("%q is not looked for in %q", key, key[:i+1])
			}
		}
	})
}
