package archive

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// keep archives an alert as the action does, with a detail that is its id.
func (s served) keep(t *testing.T, id, created string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, created)
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, "webhooks/"+at.UTC().Format("2006/01/02/15/04/")+id, fmt.Sprintf(`{"id":%q,"created_at":%d}`, id, at.UnixMilli()))
	s.put(t, detailKey(id), fmt.Sprintf(`{"id":%q}`, id))
}

// listed asks for a range and returns the ids in the answer.
func (s served) listed(t *testing.T, start, end string) []string {
	t.Helper()
	answer := s.call(t, http.MethodGet, "/api/v1/s3/alert?"+url.Values{"start": {start}, "end": {end}}.Encode(), "")
	if answer.Code != http.StatusOK {
		t.Fatalf("from %s to %s: got %d %s", start, end, answer.Code, answer.Body)
	}
	body := decode(t, answer.Body.String()).(map[string]any)
	if body["success"] != true || body["missing"] != nil {
		t.Errorf("got %s", answer.Body)
	}
	ids := []string{}
	for _, alert := range body["alerts"].([]any) {
		ids = append(ids, alert.(map[string]any)["id"].(string))
	}
	return ids
}

func TestARangeHoldsItsStartAndNotItsEnd(t *testing.T) {
	s := serve(t, Defaults())
	for id, created := range map[string]string{
		"old-year": "2025-12-31T23:59:59.999Z",
		"new-year": "2026-01-01T00:00:00Z",
		"a-minute": "2026-11-20T12:00:00Z",
		"b-milli1": "2026-11-20T12:00:00.001Z",
		"c-second": "2026-11-20T12:00:30Z",
		"d-last-1": "2026-11-20T12:00:59.999Z",
		"e-second": "2026-11-20T12:01:00Z",
		"f-third1": "2026-11-20T12:02:00Z",
		"far-away": "9999-12-31T23:59:59.999Z",
	} {
		s.keep(t, id, created)
	}
	cases := []struct {
		name, start, end string
		want             []string
	}{
		{"a whole minute", "2026-11-20T12:00Z", "2026-11-20T12:01Z", []string{"a-minute", "b-milli1", "c-second", "d-last-1"}},
		{"the start to the millisecond", "2026-11-20T12:00:00.001Z", "2026-11-20T12:01Z", []string{"b-milli1", "c-second", "d-last-1"}},
		{"after the start by less than a millisecond", "2026-11-20T12:00:00.0001Z", "2026-11-20T12:01Z", []string{"b-milli1", "c-second", "d-last-1"}},
		{"the end to the millisecond", "2026-11-20T12:00Z", "2026-11-20T12:00:59.999Z", []string{"a-minute", "b-milli1", "c-second"}},
		{"one millisecond", "2026-11-20T12:00:30Z", "2026-11-20T12:00:30.001Z", []string{"c-second"}},
		{"between two alerts", "2026-11-20T12:00:01Z", "2026-11-20T12:00:30Z", []string{}},
		{"two minutes cut on both sides", "2026-11-20T12:00:30Z", "2026-11-20T12:01:00.001Z", []string{"c-second", "d-last-1", "e-second"}},
		{"a minute in the midst is taken whole", "2026-11-20T11:59:30Z", "2026-11-20T12:02:00Z", []string{"a-minute", "b-milli1", "c-second", "d-last-1", "e-second"}},
		{"a minute in another zone", "2026-11-20T14:00:00+02:00", "2026-11-20 14:01+02", []string{"a-minute", "b-milli1", "c-second", "d-last-1"}},
		{"a turn of the year", "2025-12-31", "2026-01-02", []string{"old-year", "new-year"}},
		{"a day", "2026-11-20", "2026-11-21", []string{"a-minute", "b-milli1", "c-second", "d-last-1", "e-second", "f-third1"}},
		{"all there is", "0000-01-01T00:00+23:59", "9999-12-31T23:59:59.999999999-23:59", []string{
			"old-year", "new-year", "a-minute", "b-milli1", "c-second", "d-last-1", "e-second", "f-third1", "far-away",
		}},
		{"after all there is", "9999-12-31T23:59:59.999999999-23:58", "9999-12-31T23:59:59.999999999-23:59", []string{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, s.listed(t, c.start, c.end)); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnEmptyArchiveIsAnEmptyList(t *testing.T) {
	answer := serve(t, Defaults()).call(t, http.MethodGet, "/api/v1/s3/alert?start=2026-11-20&end=2026-11-21", "")
	wantAnswer(t, answer, http.StatusOK, `{"success":true,"alerts":[]}`)
}

func TestAPlusInAQueryNeedsNoEncoding(t *testing.T) {
	s := serve(t, Defaults())
	s.keep(t, "an-alert", "2026-11-20T12:00:00Z")
	answer := s.call(t, http.MethodGet, "/api/v1/s3/alert?start=2026-11-20T14:00:00+02:00&end=2026-11-20T14:01:00+02:00", "")
	wantAnswer(t, answer, http.StatusOK, `{"success":true,"alerts":[{"id":"an-alert"}]}`)
}

func TestAMissingDetailDoesNotHideTheOthers(t *testing.T) {
	s := serve(t, Defaults())
	s.keep(t, "1-present", "2026-11-20T12:00:00Z")
	s.put(t, "webhooks/2026/11/20/12/00/2-absent", `{"id":"2-absent","created_at":1795176000000}`)
	s.put(t, "webhooks/2026/11/20/12/00/3-broken", `{"id":"3-broken","created_at":1795176000000}`)
	s.put(t, "alerts/3-/br/3-broken", `{"id":`)
	s.keep(t, "4-present", "2026-11-20T12:00:01Z")
	answer := s.call(t, http.MethodGet, "/api/v1/s3/alert?start=2026-11-20T12:00&end=2026-11-20T12:01", "")
	wantAnswer(t, answer, http.StatusOK, `{"success":true,"alerts":[{"id":"1-present"},{"id":"4-present"}],"missing":["2-absent","3-broken"]}`)
}

// TestAnObjectThatIsNoneAnyMoreDoesNotHideTheOthers is about a list that meets, between its keys and what they hold, an object that
// is taken away, one that is larger than any may be, and a link or a damaged object in the place of one.
func TestAnObjectThatIsNoneAnyMoreDoesNotHideTheOthers(t *testing.T) {
	for name, err := range map[string]error{
		"it is taken away":    framework.ErrNoObject,
		"it cannot be one":    &framework.ServiceError{Service: "s3", Op: "read object", Permanent: true, Reason: "it is larger than an object may be"},
		"it is wrapped twice": fmt.Errorf("read: %w", &framework.ServiceError{Service: "archive", Permanent: true, Reason: "it is a link"}),
	} {
		for _, broken := range []string{"webhooks/2026/11/20/12/00/2-broken", "alerts/2-/br/2-broken"} {
			t.Run(name+": "+broken, func(t *testing.T) {
				s := serve(t, Defaults())
				for _, id := range []string{"1-present", "2-broken", "3-present"} {
					s.keep(t, id, "2026-11-20T12:00:30Z")
				}
				s.archive.Fail = func(call, key string) error {
					if call == "get" && key == broken {
						return err
					}
					return nil
				}
				want := `{"success":true,"alerts":[{"id":"1-present"},{"id":"3-present"}],"missing":["2-broken"]}`
				if strings.HasPrefix(broken, "webhooks/") { // of which its minute is known, and its detail
					want = `{"success":true,"alerts":[{"id":"1-present"},{"id":"2-broken"},{"id":"3-present"}]}`
				}
				wantAnswer(t, s.call(t, http.MethodGet, "/api/v1/s3/alert?start=2026-11-20T12:00:30&end=2026-11-20T12:00:31", ""), http.StatusOK, want)
			})
		}
	}
}

func TestAnAlertIsListedOnceAMinuteHoweverOftenItsWebhookChanged(t *testing.T) {
	s := serve(t, Defaults())
	s.keep(t, "changing", "2026-11-20T12:00:00Z")
	s.put(t, "webhooks/2026/11/20/12/00/changing.0011223344556677", `{"id":"changing","created_at":1795176030000}`)
	s.keep(t, "changing-other", "2026-11-20T12:00:00Z")
	s.put(t, "webhooks/2026/11/20/12/05/changing", `{"id":"changing","created_at":1795176300000}`)
	cases := []struct {
		name, start, end string
		want             []string
	}{
		{"its minute is in the range", "2026-11-20T12:00", "2026-11-20T12:05", []string{"changing", "changing-other"}},
		{"a minute that it was moved to is, too", "2026-11-20T12:00", "2026-11-20T12:10", []string{"changing", "changing-other", "changing"}},
		{"the time of the change alone is", "2026-11-20T12:00:30", "2026-11-20T12:01", []string{"changing"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, s.listed(t, c.start, c.end)); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoAlertIsNotListed(t *testing.T) {
	s := serve(t, Defaults())
	s.keep(t, "an-alert", "2026-11-20T12:00:00Z")
	for _, key := range []string{"webhooks/2026/11/20/12/00/abc", "webhooks/2026/11/20/12/00/a/b/c/d/e", "webhooks/2026/11/20/12/99/an-alert", "webhooks/2026/11/20/readme.txt"} {
		s.put(t, key, "{}")
	}
	if diff := cmp.Diff([]string{"an-alert"}, s.listed(t, "2026-11-20", "2026-11-21")); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

func TestARangeThatIsNoneIsAProblem(t *testing.T) {
	in := func(name, rule string) framework.Field {
		return framework.Field{In: "query", Pointer: name, Rule: rule}
	}
	cases := []struct {
		name, query string
		fields      []framework.Field
	}{
		{"nothing is given", "", []framework.Field{in("start", "required"), in("end", "required")}},
		{"no end", "start=2026-11-20", []framework.Field{in("end", "required")}},
		{"two starts", "start=2026-11-20&start=2026-11-21&end=2026-11-22", []framework.Field{in("start", "once")}},
		{"a start that is no time", "start=canary-value&end=2026-11-21", []framework.Field{in("start", "format")}},
		{"an end that is no time", "start=2026-11-20&end=canary-value", []framework.Field{in("end", "format")}},
		{"an empty start", "start=&end=2026-11-21", []framework.Field{in("start", "format")}},
		{"a start that is too long", "start=" + strings.Repeat("2", 65) + "&end=2026-11-21", []framework.Field{in("start", "maxLength")}},
		{"an end at the start", "start=2026-11-20&end=2026-11-20T00:00Z", []framework.Field{in("end", "range")}},
		{"an end before the start", "start=2026-11-21&end=2026-11-20", []framework.Field{in("end", "range")}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			answer := serve(t, Defaults()).call(t, http.MethodGet, "/api/v1/s3/alert?"+c.query, "")
			wantProblem(t, answer, http.StatusUnprocessableEntity, c.fields...)
			if strings.Contains(answer.Body.String(), "canary-value") {
				t.Errorf("the answer tells what was sent: %s", answer.Body)
			}
		})
	}
}

func TestAnArchiveThatFailsIsAskedAgain(t *testing.T) {
	for _, failing := range []string{"list", "get webhooks", "get alerts"} {
		t.Run(failing, func(t *testing.T) {
			s := serve(t, Defaults())
			s.keep(t, "an-alert", "2026-11-20T12:00:30Z")
			s.archive.Fail = func(call, key string) error {
				if strings.HasPrefix(call+" "+key, failing) {
					return errors.New("canary of an inner error")
				}
				return nil
			}
			answer := s.call(t, http.MethodGet, "/api/v1/s3/alert?start=2026-11-20T12:00:30&end=2026-11-20T12:00:31", "")
			wantProblem(t, answer, http.StatusServiceUnavailable)
			if answer.Header().Get("Retry-After") != "10" || strings.Contains(answer.Body.String(), "canary") {
				t.Errorf("got %v %s", answer.Header(), answer.Body)
			}
		})
	}
}

// FuzzMinuteRange holds the range of keys to what it is for: the key of every time in the range is in it.
func FuzzMinuteRange(f *testing.F) {
	f.Add(int64(1795176000000), int64(60000), int64(1))
	f.Add(int64(0), int64(1), int64(0))
	f.Add(int64(253402300799998), int64(5), int64(1))
	f.Fuzz(func(t *testing.T, start, length, offset int64) {
		const yearLater = int64(366 * 24 * 3600 * 1000)
		if start < 0 || start > 253402300799999 || length < 1 || length > yearLater || offset < 0 || offset >= length || start+offset > 253402300799999 {
			return // no range, or a time that is not in it
		}
		begin, end, at := time.UnixMilli(start), time.UnixMilli(start+length), time.UnixMilli(start+offset)
		from, to := minuteRange(begin, end)
		key := minuteKey(at) + "/alert"
		if key < from || to != "" && key >= to {
			t.Fatalf("%s is not in [%s, %s)", key, from, to)
		}
		parsed, ok := parseItem(key)
		if !ok || parsed.id != "alert" || !parsed.minute.Equal(at.Truncate(time.Minute)) {
			t.Fatalf("%s was read as %+v, %v", key, parsed, ok)
		}
	})
}
