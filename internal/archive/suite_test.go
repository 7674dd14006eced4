package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// conforms holds every framework.Archive to the same behaviour. Open returns an archive that is empty and does not share
// objects with one it returned before.
func conforms(t *testing.T, open func(t *testing.T) framework.Archive) {
	t.Helper()
	cases := []struct {
		name string
		test func(t *testing.T, archive framework.Archive)
	}{
		{"what was put is read back", readsBack},
		{"the same body again is fine", takesRepeats},
		{"a different body is refused and the first is kept", refusesDifferent},
		{"of sixteen writers of different bodies one wins", hasOneWinner},
		{"sixteen writers of the same body all succeed", takesEqualWriters},
		{"hostile keys are refused and store nothing", refusesKeys},
		{"a body that is too large is refused", refusesLargeBody},
		{"what is not there is said to be not there", missesObjects},
		{"an empty archive lists nothing and is usable", listsNothing},
		{"every range lists exactly its keys in byte order", listsRanges},
		{"a list ends when its reader has enough", stopsListing},
		{"a call that was broken off is an error", heedsContext},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func readsBack(t *testing.T, archive framework.Archive) {
	t.Helper()
	bodies := map[string][]byte{
		"empty":                       {},
		"alerts/58/9b/589b1aa1":       []byte(`{"id":"589b1aa1"}`),
		"webhooks/2026/11/20/12/00/a": {0, 0xff, '\r', '\n', 0},
		"A-b_c.d=e+f/x":               []byte("key of every allowed kind of byte"),
		"...":                         []byte("dots, and not the two that mean folders"),
		strings.Repeat("k", 255) + "/" + strings.Repeat("l", 255): []byte("as long as a key may be"),
		"largest": bytes.Repeat([]byte("0123456789abcdef"), maxBody/16),
	}
	for key, body := range bodies {
		put(t, archive, key, body)
	}
	for key, body := range bodies {
		if got := get(t, archive, key); !bytes.Equal(got, body) {
			t.Errorf("%.20s: got %d bytes, want %d, or other ones", key, len(got), len(body))
		}
	}
}

func takesRepeats(t *testing.T, archive framework.Archive) {
	t.Helper()
	for range 3 {
		put(t, archive, "a/b", []byte("same"))
	}
	want(t, get(t, archive, "a/b"), "same")
}

func refusesDifferent(t *testing.T, archive framework.Archive) {
	t.Helper()
	put(t, archive, "a/b", []byte("first"))
	for _, body := range []string{"second", "", "first and more", "firs"} {
		if err := archive.Put(t.Context(), "a/b", []byte(body)); !errors.Is(err, framework.ErrDifferent) {
			t.Errorf("put %q over it: got %v, want ErrDifferent", body, err)
		}
	}
	want(t, get(t, archive, "a/b"), "first")
	put(t, archive, "a/b", []byte("first"))
}

func hasOneWinner(t *testing.T, archive framework.Archive) {
	t.Helper()
	results := race(16, func(i int) error {
		return archive.Put(t.Context(), "race/key", fmt.Appendf(nil, "body %d", i))
	})
	winner := -1
	for i, err := range results {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Errorf("writers %d and %d both won", winner, i)
		case !errors.Is(err, framework.ErrDifferent):
			t.Errorf("writer %d: got %v, want ErrDifferent", i, err)
		}
	}
	want(t, get(t, archive, "race/key"), fmt.Sprintf("body %d", winner))
}

func takesEqualWriters(t *testing.T, archive framework.Archive) {
	t.Helper()
	for i, err := range race(16, func(int) error { return archive.Put(t.Context(), "race/key", []byte("same")) }) {
		if err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	want(t, get(t, archive, "race/key"), "same")
}

// race lets n goroutines do the same at once and returns their errors.
func race(n int, do func(i int) error) []error {
	results := make([]error, n)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			results[i] = do(i)
		})
	}
	close(start)
	group.Wait()
	return results
}

// hostileKeys are keys that no archive takes.
func hostileKeys() []string {
	return []string{
		"", "/", "//", ".", "..", "../x", "a/../b", "a/./b", "a/..", "/a", "a/", "a//b", "/etc/passwd",
		"a\x00b", "a\nb", "a b", `a\b`, `..\x`, "a%2fb", "%2e%2e/x", "a~b", "~tmp/x", "a:b", "a*b", "a?b", "a#b", "a|b",
		"é", "a\xff", "\u2025/x", "C:/x", "a<b", `a"b`, "a&b", "$(x)",
	}
}

func refusesKeys(t *testing.T, archive framework.Archive) {
	t.Helper()
	for _, key := range hostileKeys() {
		if err := archive.Put(t.Context(), key, []byte("hostile")); err == nil {
			t.Errorf("put %q succeeded", key)
		}
		if body, err := archive.Get(t.Context(), key); err == nil || errors.Is(err, framework.ErrNoObject) {
			t.Errorf("get %q: got %q, %v, want the key refused", key, body, err)
		}
		for listed, err := range archive.List(t.Context(), key+"?", "", "") {
			if err == nil {
				t.Errorf("list %q gave %q", key+"?", listed)
			}
		}
	}
	if got := list(t, archive, "", "", ""); len(got) != 0 {
		t.Errorf("the archive now holds %q", got)
	}
}

func refusesLargeBody(t *testing.T, archive framework.Archive) {
	t.Helper()
	if err := archive.Put(t.Context(), "a/b", make([]byte, maxBody+1)); err == nil {
		t.Error("the body was taken")
	}
	if _, err := archive.Get(t.Context(), "a/b"); !errors.Is(err, framework.ErrNoObject) {
		t.Errorf("read it: got %v, want ErrNoObject", err)
	}
}

func missesObjects(t *testing.T, archive framework.Archive) {
	t.Helper()
	put(t, archive, "a/b/c", []byte("body"))
	for _, key := range []string{"a", "a/b", "a/b/d", "a/b/c/d", "a/b/c/d/e", "b", "c"} {
		if body, err := archive.Get(t.Context(), key); !errors.Is(err, framework.ErrNoObject) {
			t.Errorf("get %q: got %q, %v, want ErrNoObject", key, body, err)
		}
	}
}

func listsNothing(t *testing.T, archive framework.Archive) {
	t.Helper()
	if err := archive.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	for _, prefix := range []string{"", "webhooks/", "a/b"} {
		if got := list(t, archive, prefix, "", ""); len(got) != 0 {
			t.Errorf("list %q: got %q", prefix, got)
		}
	}
}

func listsRanges(t *testing.T, archive framework.Archive) {
	t.Helper()
	// "a-b" and "a.b" sort before "a/b" although "a" sorts before them: folders and files mix.
	keys := []string{
		"a+b", "a-b", "a.b", "a/b", "a/b-c", "a/c/d", "a/c/e", "a/c-d", "a0", "a=b", "aB", "a_b", "ab/c", "b",
		"w/2026/11/19/23/59/z", "w/2026/11/20/00/00/a", "w/2026/11/20/00/00/b", "w/2026/11/20/00/01/a",
		"w/2026/11/20/01/00/a", "w/2026/12/01/00/00/a", "w/2027/01/01/00/00/a", "x",
	}
	for _, key := range slices.Backward(keys) {
		put(t, archive, key, []byte(key))
	}
	slices.Sort(keys)
	prefixes := []string{"", "a", "a/", "a/c", "w/2026/11/20/", "w/2026/1", "nothing"}
	bounds := []string{
		"", "a", "a/", "a/b", "a/c/e", "ab", "w/2026/11/20", "w/2026/11/20/00/00", "w/2026/11/20/00/01", "w/2026/12", "x", "z",
	}
	for _, prefix := range prefixes {
		for _, from := range bounds {
			for _, to := range bounds {
				if diff := cmp.Diff(within(keys, prefix, from, to), list(t, archive, prefix, from, to)); diff != "" {
					t.Fatalf("prefix %q from %q to %q (-want +got):\n%s", prefix, from, to, diff)
				}
			}
		}
	}
}

// within is what List promises, said the slow way.
func within(keys []string, prefix, from, to string) []string {
	var found []string
	for _, key := range keys {
		if strings.HasPrefix(key, prefix) && key >= from && (to == "" || key < to) {
			found = append(found, key)
		}
	}
	return found
}

func stopsListing(t *testing.T, archive framework.Archive) {
	t.Helper()
	for _, key := range []string{"a/1", "a/2", "b/1"} {
		put(t, archive, key, nil)
	}
	for enough := 1; enough <= 3; enough++ {
		var got []string
		for key, err := range archive.List(t.Context(), "", "", "") {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, key); len(got) == enough {
				break
			}
		}
		if diff := cmp.Diff([]string{"a/1", "a/2", "b/1"}[:enough], got); diff != "" {
			t.Errorf("the first %d (-want +got):\n%s", enough, diff)
		}
	}
}

func heedsContext(t *testing.T, archive framework.Archive) {
	t.Helper()
	put(t, archive, "a/b", []byte("body"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := archive.Put(ctx, "a/c", []byte("body")); err == nil {
		t.Error("put succeeded")
	}
	if _, err := archive.Get(ctx, "a/b"); err == nil || errors.Is(err, framework.ErrNoObject) {
		t.Errorf("get: got %v", err)
	}
	calls := 0
	for key, err := range archive.List(ctx, "", "", "") {
		calls++
		if err == nil {
			t.Errorf("list gave %q", key)
		}
	}
	if calls != 1 {
		t.Errorf("list yielded %d times, want the error once", calls)
	}
	if err := archive.Check(ctx); err == nil {
		t.Error("check succeeded")
	}
}

func put(t *testing.T, archive framework.Archive, key string, body []byte) {
	t.Helper()
	if err := archive.Put(t.Context(), key, body); err != nil {
		t.Fatalf("put %.40q: %v", key, err)
	}
}

func get(t *testing.T, archive framework.Archive, key string) []byte {
	t.Helper()
	body, err := archive.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %.40q: %v", key, err)
	}
	return body
}

func list(t *testing.T, archive framework.Archive, prefix, from, to string) []string {
	t.Helper()
	var keys []string
	for key, err := range archive.List(t.Context(), prefix, from, to) {
		if err != nil {
			t.Fatalf("list %q from %q to %q: %v", prefix, from, to, err)
		}
		keys = append(keys, key)
	}
	return keys
}

func want(t *testing.T, got []byte, body string) {
	t.Helper()
	if diff := cmp.Diff(body, string(got)); diff != "" {
		t.Errorf("stored body (-want +got):\n%s", diff)
	}
}
