package archive

import (
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func names(t *testing.T, found iter.Seq2[string, error]) []string {
	t.Helper()
	all := []string{}
	for name, err := range found {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, name)
	}
	return all
}

func TestStrangersInABucketAreNamedPageByPage(t *testing.T) {
	store, backend := fakeS3With(t, func(next http.Handler) http.Handler { return next })
	store.prefix = "soc/"
	put(t, store, "webhooks/one", []byte("body")) // with the proof of write-once beside it
	want := []string{}
	for i := range 1100 {
		want = append(want, fmt.Sprintf("two words %04d", i))
	}
	want = append(want, "webhooks/", "webhooks//x", "webhooks/a%2Fb", "webhooks/é+ü")
	for _, key := range append([]string{"elsewhere/two words"}, want...) {
		if key != "elsewhere/two words" {
			key = "soc/" + key
		}
		if _, err := backend.PutObject("evidence", key, nil, strings.NewReader("x"), 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, names(t, store.Strangers(t.Context()))); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for name, err := range store.Strangers(t.Context()) {
		if err != nil || name != want[0] {
			t.Errorf("got %q, %v", name, err)
		}
		break // one is enough
	}
	if diff := cmp.Diff([]string{"webhooks/one"}, list(t, store, "", "", "")); diff != "" {
		t.Errorf("a list shows them (-want +got):\n%s", diff)
	}
}

func TestAStoreThatFailsHasNoStrangersToTell(t *testing.T) {
	store, _ := fakeS3With(t, func(next http.Handler) http.Handler { return next })
	store.config.Bucket = "not-there"
	for name, err := range store.Strangers(t.Context()) {
		if err == nil {
			t.Errorf("got %q", name)
		}
	}
	dir, err := NewDir(t.TempDir()+"/not-there", realNow)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir.Strangers(t.Context())); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

// TestAKeyThatXMLCannotHoldHidesNoOthers is about a store that writes keys as Amazon's does: in XML that is not well-formed for some of
// them, unless it is asked for the form of URLs.
func TestAKeyThatXMLCannotHoldHidesNoOthers(t *testing.T) {
	keys := []string{"a/one+more", "a/esc\x1b[2K\x00", "a/two words", "z/last"}
	store := standIn(t, func(w http.ResponseWriter, r *http.Request) {
		inURLs := r.URL.Query().Get("encoding-type") == "url"
		var body strings.Builder
		body.WriteString("<ListBucketResult><IsTruncated>false</IsTruncated>")
		if inURLs {
			body.WriteString("<EncodingType>url</EncodingType>")
		}
		for _, key := range keys {
			if inURLs {
				key = strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
			} else {
				key = strings.NewReplacer("\x1b", "&#x1b;", "\x00", "&#x0;").Replace(key)
			}
			body.WriteString("<Contents><Key>" + key + "</Key></Contents>")
		}
		body.WriteString("</ListBucketResult>")
		_, _ = w.Write([]byte(body.String()))
	})
	store.prefix = ""
	if diff := cmp.Diff([]string{"a/one+more", "z/last"}, list(t, store, "", "", "")); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{keys[1], keys[2]}, names(t, store.Strangers(t.Context()))); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestAKeyThatIsNoURLIsAListThatLeavesKeysOut(t *testing.T) {
	store := standIn(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a%zz</Key></Contents></ListBucketResult>"))
	})
	if err := listError(t, store); err == nil || !strings.Contains(framework.Reason(err), "form of URLs") {
		t.Errorf("got %v", err)
	}
}
