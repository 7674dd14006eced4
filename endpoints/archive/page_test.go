package archive

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

const hour = "/api/v1/s3/alert?start=2026-11-20T12:00Z&end=2026-11-20T13:00Z"

// keepMany archives n alerts, three a minute from 12:00 on, and returns their ids in the order of the list.
func (s served) keepMany(t *testing.T, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range n {
		ids[i] = fmt.Sprintf("alert-%04d", i)
		s.keep(t, ids[i], time.Date(2026, 11, 20, 12, i/3, 20*(i%3), 0, time.UTC).Format(time.RFC3339))
	}
	return ids
}

// page is an answer of the list.
type page struct {
	Alerts  []struct{ ID string }
	Missing []string
	Next    string
}

func (s served) page(t *testing.T, target string) page {
	t.Helper()
	answer := s.call(t, http.MethodGet, target, "")
	if answer.Code != http.StatusOK {
		t.Fatalf("%s: got %d %s", target, answer.Code, answer.Body)
	}
	var got page
	into(t, answer.Body.Bytes(), &got)
	return got
}

// pages follows next from page to page.
func (s served) pages(t *testing.T, target string) (ids []string, sizes []int) {
	t.Helper()
	for next := target; ; {
		got := s.page(t, next)
		for _, alert := range got.Alerts {
			ids = append(ids, alert.ID)
		}
		sizes = append(sizes, len(got.Alerts))
		if got.Next == "" {
			return ids, sizes
		}
		next = withCursor(target, got.Next)
	}
}

// withCursor puts a cursor into a call, in place of one that is there.
func withCursor(target, cursor string) string {
	target, _, _ = strings.Cut(target, "&cursor=")
	return target + "&cursor=" + cursor
}

func TestPagesHoldEveryAlertOnce(t *testing.T) {
	s := serve(t, Defaults())
	all := s.keepMany(t, 50)
	cases := []struct {
		name, query string
		ids         []string
		sizes       []int
	}{
		{"one alert a page", "&limit=1", all, slicesOf(1, 50)},
		{"a last page that is not full", "&limit=20", all, []int{20, 20, 10}},
		{"a last page that is full", "&limit=25", all, []int{25, 25}},
		{"one page for all", "&limit=50", all, []int{50}},
		{"no limit", "", all, []int{50}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ids, sizes := s.pages(t, hour+c.query)
			if diff := cmp.Diff(c.ids, ids); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.sizes, sizes); diff != "" {
				t.Errorf("sizes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAPageDoesNotRepeatWhatAnEarlierOneShows is about webhooks that change an alert: each change is an item beside the first.
func TestAPageDoesNotRepeatWhatAnEarlierOneShows(t *testing.T) {
	s := serve(t, Defaults())
	for id, created := range map[string]string{
		"abcd": "12:00:10", "abcd-1": "12:00:10", "abcd-1.0f": "12:00:20", "abcd.1a": "12:00:40", "abcd.2b": "12:00:50", "abcde": "12:00:40",
		"next": "12:01:00", "next.3c": "12:01:30", "next.4d": "12:01:59", "zzzz": "12:01:10",
		"last": "12:02:40", "last.5e": "12:02:10", "last.6f": "12:02:20",
	} {
		at, err := time.Parse(time.RFC3339, "2026-11-20T"+created+"Z")
		if err != nil {
			t.Fatal(err)
		}
		s.put(t, "webhooks/"+at.Format(minuteLayout)+"/"+id, fmt.Sprintf(`{"created_at":%d}`, at.UnixMilli()))
		if plain, _, isChange := strings.Cut(id, "."); !isChange {
			s.put(t, detailKey(plain), fmt.Sprintf(`{"id":%q}`, plain))
		}
	}
	cases := []struct {
		name, times string
		want        []string
	}{
		{"whole minutes", "start=2026-11-20T12:00Z&end=2026-11-20T12:03Z", []string{"abcd", "abcd-1", "abcde", "next", "zzzz", "last"}},
		{"a first item before the start", "start=2026-11-20T12:00:30Z&end=2026-11-20T12:03Z", []string{"abcd", "abcde", "next", "zzzz", "last"}},
		{"a first item after the end", "start=2026-11-20T12:01Z&end=2026-11-20T12:02:30Z", []string{"next", "zzzz", "last"}},
		{"both in one minute", "start=2026-11-20T12:00:05Z&end=2026-11-20T12:00:45Z", []string{"abcd", "abcd-1", "abcde"}},
	}
	for _, c := range cases {
		for _, limit := range []string{"", "&limit=1", "&limit=2", "&limit=3", "&limit=100"} {
			t.Run(c.name+limit, func(t *testing.T) {
				ids, _ := s.pages(t, "/api/v1/s3/alert?"+c.times+limit)
				if diff := cmp.Diff(c.want, ids); diff != "" {
					t.Errorf("ids (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func slicesOf(size, n int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = size
	}
	return sizes
}

func TestPagesAreExactToTheSecondAtBothEnds(t *testing.T) {
	s := serve(t, Defaults())
	all := s.keepMany(t, 30)
	ids, _ := s.pages(t, "/api/v1/s3/alert?start=2026-11-20T14:00:20%2B02:00&end=2026-11-20T12:05:40Z&limit=2")
	if diff := cmp.Diff(all[1:17], ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

func TestWhatIsArchivedMeanwhileMovesNoPage(t *testing.T) {
	s := serve(t, Defaults())
	all := s.keepMany(t, 9)
	first := s.page(t, hour+"&limit=3")
	s.keep(t, "aaaa-late", "2026-11-20T12:00:00Z") // before the cursor
	s.keep(t, "zzzz-late", "2026-11-20T12:02:59Z") // behind it
	rest, _ := s.pages(t, hour+"&limit=3&cursor="+first.Next)
	if diff := cmp.Diff(append(all[3:], "zzzz-late"), rest); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// TestACursorOfAnotherRangeIsRefused: it would skip what the other range has before it, and nobody would notice.
func TestACursorOfAnotherRangeIsRefused(t *testing.T) {
	s := serve(t, Defaults())
	all := s.keepMany(t, 9)
	next := s.page(t, hour+"&limit=3").Next
	for name, target := range map[string]string{
		"that begins earlier":           "/api/v1/s3/alert?start=2026-11-20T11:00Z&end=2026-11-20T13:00Z",
		"that begins a second later":    "/api/v1/s3/alert?start=2026-11-20T12:00:01Z&end=2026-11-20T13:00Z",
		"that ends a millisecond later": "/api/v1/s3/alert?start=2026-11-20T12:00Z&end=2026-11-20T13:00:00.001Z",
	} {
		t.Run(name, func(t *testing.T) {
			answer := s.call(t, http.MethodGet, target+"&limit=3&cursor="+next, "")
			wantProblem(t, answer, http.StatusUnprocessableEntity, framework.Field{In: "query", Pointer: "cursor", Rule: "range"})
		})
	}
	t.Run("the same range in other words is the same", func(t *testing.T) {
		rest, _ := s.pages(t, "/api/v1/s3/alert?start=20261120T14%2B02:00&end=2026-11-20T13:00:00.000&limit=5&cursor="+next)
		if diff := cmp.Diff(all[3:], rest); diff != "" {
			t.Errorf("ids (-want +got):\n%s", diff)
		}
	})
	t.Run("one of whose letters one is another", func(t *testing.T) {
		for i := range next {
			other := byte('A')
			if next[i] == 'A' {
				other = 'B'
			}
			answer := s.call(t, http.MethodGet, hour+"&cursor="+next[:i]+string(other)+next[i+1:], "")
			if answer.Code == http.StatusOK && i < 10 { // the key may be that of another alert: then the page begins behind it
				t.Errorf("at %d: got %s", i, answer.Body)
			}
			if answer.Code != http.StatusOK {
				wantProblem(t, answer, http.StatusUnprocessableEntity, framework.Field{In: "query", Pointer: "cursor", Rule: "range"})
			}
		}
	})
}

func TestACursorOfAnotherKindIsRefused(t *testing.T) {
	s := serve(t, Defaults())
	s.keepMany(t, 3)
	mark := rangeMark(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC))
	of := func(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(mark + key)) }
	cases := map[string]string{
		"of an earlier time":    of("webhooks/2026/11/20/11/59/alert-0001"),
		"of a later time":       of("webhooks/2026/11/20/13/00/alert-0001"),
		"of no alert":           of("webhooks/2026/11/20/12/00"),
		"of another folder":     of("alerts/al/er/alert-0001"),
		"that climbs":           of("webhooks/2026/11/20/12/00/../../../../../../etc/passwd"),
		"with no key":           of(""),
		"of a key alone":        base64.RawURLEncoding.EncodeToString([]byte("webhooks/2026/11/20/12/00/alert-0001")),
		"that is not base64":    "A",
		"with bits left over":   "d2X",
		"with bytes of no key":  of("webhooks/2026/11/20/12/00/ab\x00cd"),
		"with a key of bytes >": of("webhooks/2026/11/20/12/00/\xff\xff\xff\xff"),
	}
	for name, cursor := range cases {
		t.Run(name, func(t *testing.T) {
			answer := s.call(t, http.MethodGet, hour+"&cursor="+cursor, "")
			wantProblem(t, answer, http.StatusUnprocessableEntity, framework.Field{In: "query", Pointer: "cursor", Rule: "range"})
		})
	}
}

func TestParametersOfPagesAreChecked(t *testing.T) {
	cases := []struct{ query, name, rule string }{
		{"&limit=0", "limit", "minimum"},
		{"&limit=1001", "limit", "maximum"},
		{"&limit=ten", "limit", "type"},
		{"&cursor=", "cursor", "pattern"},
		{"&cursor=a/b", "cursor", "pattern"},
		{"&format=xml", "format", "enum"},
	}
	for _, c := range cases {
		t.Run(c.query, func(t *testing.T) {
			answer := serve(t, Defaults()).call(t, http.MethodGet, hour+c.query, "")
			wantProblem(t, answer, http.StatusUnprocessableEntity, framework.Field{In: "query", Pointer: c.name, Rule: c.rule})
		})
	}
}

func TestAListComesInLinesWhereThatIsAskedFor(t *testing.T) {
	s := serve(t, Defaults())
	s.keepMany(t, 2)
	s.put(t, "webhooks/2026/11/20/12/01/pretty", `{}`)
	s.put(t, detailKey("pretty"), "{\n  \"id\": \"pretty\",\r\n  \"text\": \"two\\nlines\"\n}")
	s.put(t, "webhooks/2026/11/20/12/02/absent", `{}`)
	lines := `{"id":"alert-0000"}` + "\n" + `{"id":"alert-0001"}` + "\n" + `{"id":"pretty","text":"two\nlines"}` + "\n"
	ask := func(query, accept string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, hour+query, nil)
		request.Header.Set("Accept", accept)
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, request)
		return answer
	}
	for _, c := range []struct{ name, query, accept string }{
		{"by parameter", "&format=ndjson", "*/*"},
		{"by header", "", "application/x-ndjson"},
		{"by one of several in the header", "", "text/html, Application/X-NDJSON;q=0.9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := ask(c.query, c.accept)
			if diff := cmp.Diff(lines, answer.Body.String()); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			got := []string{answer.Header().Get("Content-Type"), answer.Result().Trailer.Get("X-Missing"), answer.Header().Get("Link")}
			if diff := cmp.Diff([]string{"application/x-ndjson", "1", ""}, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("the parameter counts for more", func(t *testing.T) {
		if got := ask("&format=json", "application/x-ndjson").Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("a problem stays one", func(t *testing.T) {
		wantProblem(t, ask("&limit=0", "application/x-ndjson"), http.StatusUnprocessableEntity, framework.Field{In: "query", Pointer: "limit", Rule: "minimum"})
	})
}

func TestLinkLeadsToTheNextPageWithoutTheTokenOfTheCall(t *testing.T) {
	s := serve(t, Defaults())
	s.keepMany(t, 4)
	answer := s.call(t, http.MethodGet, hour+"&limit=3&format=ndjson&token="+canary, "")
	link := answer.Header().Get("Link")
	reference, ok := strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	if !ok || strings.Contains(link, canary) {
		t.Fatalf("got %q", link)
	}
	base, _ := url.Parse("http://funnelweb.example" + hour)
	next, err := base.Parse(reference)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"id":"alert-0003"}`+"\n", s.call(t, http.MethodGet, next.RequestURI(), "").Body.String()); diff != "" {
		t.Errorf("next page (-want +got):\n%s", diff)
	}
}

func FuzzCursor(f *testing.F) {
	const mark = "\x00\x01\x02\x03\x04\x05"
	a := asked{mark: mark, from: "webhooks/2026/11/20/12/00", to: "webhooks/2026/11/20/13/00"}
	f.Add(cursorOf(mark, "webhooks/2026/11/20/12/00/589b1aa1"))
	f.Add("")
	f.Add("Li4v")
	f.Fuzz(func(t *testing.T, cursor string) {
		key, ok := parseCursor(cursor, a)
		if !ok || cursor == "" {
			return
		}
		if _, isItem := parseItem(key); !isItem || key < a.from || key >= a.to || cursorOf(mark, key) != cursor {
			t.Errorf("%q was taken for %q", cursor, key)
		}
	})
}
