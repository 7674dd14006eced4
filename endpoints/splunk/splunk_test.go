package splunk_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/endpoints/splunk"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

const (
	sid   = "scheduler__admin__search__RMD5fe51a5bd6a1b2c3d4_at_1700000000_42"
	stock = `{"sid":"` + sid + `","search_name":"Malware found on host","app":"search","owner":"admin",` +
		`"results_link":"https://splunk.lab.example/app/search/search?q=%7Cloadjob",` +
		`"result":{"_time":"1700000000","host":"WS-042","user":"jdoe","md5":"44d88612fea8a8f36de82e1278abb02f"}}`
)

// webhook is the endpoint as the server runs it, over a publisher that a test looks into.
type webhook struct {
	http.Handler
	events *frameworktest.MemoryPublisher
	log    *frameworktest.Log
}

func serve(tb testing.TB, config splunk.Config) webhook {
	tb.Helper()
	w := webhook{events: new(frameworktest.MemoryPublisher), log: new(frameworktest.Log)}
	deps := frameworktest.Deps(tb)
	deps.Events, deps.Log = w.events, w.log.Logger()
	routes, err := splunk.New(config, deps)
	if err != nil {
		tb.Fatal(err)
	}
	w.Handler = frameworktest.Mount(tb, deps, routes)
	return w
}

func (w webhook) post(path, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, request)
	return recorder
}

// accept posts an alert that must be taken and returns the status and the id in the answer.
func (w webhook) accept(tb testing.TB, body string) (int, string) {
	tb.Helper()
	answer := w.post("/api/v1/splunk/alert", body)
	var accepted struct {
		EventID string `json:"event_id"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &accepted); err != nil || accepted.EventID == "" {
		tb.Fatalf("got %d %s", answer.Code, answer.Body)
	}
	return answer.Code, accepted.EventID
}

func TestAnAlertIsStoredAsSplunkSentIt(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"with the six members of the webhook action": {stock, stock},
		"of a search that was not saved, whose name is null": {
			`{"sid":"s1","search_name":null,"app":"search","owner":"admin","results_link":"http://h/","result":{"a":"1"}}`,
			`{"sid":"s1","search_name":null,"app":"search","owner":"admin","results_link":"http://h/","result":{"a":"1"}}`,
		},
		"from a sender that leaves out name and link": {
			`{"sid":"s1","app":"search","owner":"admin","result":{"a":"1"}}`,
			`{"sid":"s1","search_name":null,"app":"search","owner":"admin","results_link":null,"result":{"a":"1"}}`,
		},
		"with fields of several values and odd names": {
			`{"sid":"rt_scheduler__admin__search__sudo_at_1483557185_2.2","app":"a","owner":"o","result":{"_si":["myserver","main"],"user.name":"jdoe","rows{}.id":"","a field":[],"größe":"1"}}`,
			`{"sid":"rt_scheduler__admin__search__sudo_at_1483557185_2.2","search_name":null,"app":"a","owner":"o","results_link":null,"result":{"_si":["myserver","main"],"user.name":"jdoe","rows{}.id":"","a field":[],"größe":"1"}}`,
		},
		"of a search that alerts on finding nothing": {
			`{"sid":"s1","search_name":"heartbeat missing","app":"a","owner":"o","results_link":"","result":null}`,
			`{"sid":"s1","search_name":"heartbeat missing","app":"a","owner":"o","results_link":"","result":{}}`,
		},
		"with nothing but the job": {
			`{"sid":"s1"}`,
			`{"sid":"s1","search_name":null,"app":null,"owner":null,"results_link":null,"result":{}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, splunk.Defaults())
			status, id := w.accept(t, test.body)
			if status != http.StatusAccepted {
				t.Errorf("status %d", status)
			}
			stored := w.events.Events()
			if len(stored) != 1 || stored[0].ID != id || stored[0].Type != splunk.EventType {
				t.Fatalf("stored %v, answered %s", stored, id)
			}
			if diff := cmp.Diff(decode(t, test.want), decode(t, string(stored[0].Data))); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheSameJobAndRowIsTheSameAlert(t *testing.T) {
	alert := func(sid, name, result string) string {
		return fmt.Sprintf(`{"sid":%q,"search_name":%q,"app":"a","owner":"o","result":%s}`, sid, name, result)
	}
	first := alert("s1", "n", `{"host":"WS-042","user":["jdoe","root"]}`)
	for name, test := range map[string]struct {
		second string
		same   bool
	}{
		"sent twice":                               {first, true},
		"sent with its fields in another order":    {alert("s1", "n", `{ "user": ["jdoe","root"], "host": "WS-042" }`), true},
		"sent with other escapes":                  {alert("s1", "n", `{"host":"WS\u002d042","user":["jdoe","root"]}`), true},
		"sent after the search was renamed":        {alert("s1", "m", `{"host":"WS-042","user":["jdoe","root"]}`), true},
		"sent with one value as a list":            {alert("s1", "n", `{"host":["WS-042"],"user":["jdoe","root"]}`), true},
		"another row of the job":                   {alert("s1", "n", `{"host":"WS-043","user":["jdoe","root"]}`), false},
		"a row whose values are in another order":  {alert("s1", "n", `{"host":"WS-042","user":["root","jdoe"]}`), false},
		"another job with the same row":            {alert("s2", "n", `{"host":"WS-042","user":["jdoe","root"]}`), false},
		"a row that continues where the sid ended": {alert("s", "n", `{"1host":"WS-042","user":["jdoe","root"]}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, splunk.Defaults())
			_, firstID := w.accept(t, first)
			status, secondID := w.accept(t, test.second)
			wantStatus, wantStored := http.StatusAccepted, 2
			if test.same {
				wantStatus, wantStored = http.StatusOK, 1
			}
			if status != wantStatus || (firstID == secondID) != test.same || len(w.events.Events()) != wantStored {
				t.Errorf("status %d, ids %s and %s, %d stored", status, firstID, secondID, len(w.events.Events()))
			}
		})
	}
}

func TestWhatIsNoAlertIsRefusedAndNotStored(t *testing.T) {
	const canary = "canary-value-never-echoed"
	long := strings.Repeat("x", 1025)
	many := make([]string, 2001)
	for i := range many {
		many[i] = fmt.Sprintf(`"f%d":"v"`, i)
	}
	for name, test := range map[string]struct {
		body          string
		status        int
		pointer, rule string
	}{
		"without a job":               {`{"app":"` + canary + `"}`, 422, "/sid", "required"},
		"with an empty job":           {`{"sid":""}`, 422, "/sid", "minLength"},
		"with a job of null":          {`{"sid":null}`, 422, "/sid", "type"},
		"with a job that is too long": {`{"sid":"` + long + `"}`, 422, "/sid", "maxLength"},
		"with a number in the row":    {`{"sid":"s","result":{"count":8,"x":"` + canary + `"}}`, 422, "/result/count", "type"},
		"with a list of other things": {`{"sid":"s","result":{"count":["` + canary + `",null]}}`, 422, "/result/count/1", "type"},
		"with a list for a row":       {`{"sid":"s","result":["` + canary + `"]}`, 422, "/result", "type"},
		"with too many fields":        {`{"sid":"s","result":{` + strings.Join(many, ",") + `}}`, 422, "/result", "maxProperties"},
		"with a member of an add-on":  {`{"sid":"s","severity":"` + canary + `"}`, 422, "/severity", "additionalProperties"},
		"with a name in capitals":     {`{"SID":"` + canary + `","sid":"s"}`, 422, "/SID", "additionalProperties"},
		"with a name given twice":     {`{"sid":"s","sid":"` + canary + `"}`, 400, "/sid", "json"},
		"cut short":                   {`{"sid":"` + canary, 400, "/sid", "json"},
		"empty":                       {``, 400, "", "json"},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, splunk.Defaults())
			answer := w.post("/api/v1/splunk/alert", test.body)
			var problem framework.Problem
			if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil || len(problem.Errors) == 0 {
				t.Fatalf("%d %s", answer.Code, answer.Body)
			}
			got := problem.Errors[0]
			if answer.Code != test.status || got.Rule != test.rule || got.Pointer != test.pointer {
				t.Errorf("got %d %+v", answer.Code, got)
			}
			if strings.Contains(answer.Body.String(), canary) || strings.Contains(w.log.String(), canary) {
				t.Errorf("a value that was sent is in the answer or the log:\n%s\n%s", answer.Body, w.log)
			}
			if stored := w.events.Events(); len(stored) != 0 {
				t.Errorf("stored %v", stored)
			}
		})
	}
}

func TestMembersOfAddOnsCanBeDropped(t *testing.T) {
	config := splunk.Config{Undeclared: splunk.Drop}
	w := serve(t, config)
	w.accept(t, `{"severity":"high","sid":"s1","result":{"a":"1"},"extra":{"nested":[1,2]}}`)
	want := decode(t, `{"sid":"s1","search_name":null,"app":null,"owner":null,"results_link":null,"result":{"a":"1"}}`)
	if diff := cmp.Diff(want, decode(t, string(w.events.Events()[0].Data))); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

func TestUndeclaredIsOneOfTwoWords(t *testing.T) {
	_, err := splunk.New(splunk.Config{Undeclared: "ignore"}, frameworktest.Deps(t))
	if err == nil || err.Error() != "undeclared is either reject or drop" {
		t.Errorf("got %v", err)
	}
}

func TestOnlyPostIsServedAndATrailingSlashIsNoRedirect(t *testing.T) {
	w := serve(t, splunk.Defaults())
	if answer := w.post("/api/v1/splunk/alert/", stock); answer.Code != http.StatusAccepted {
		t.Errorf("with a trailing slash: %d %s", answer.Code, answer.Body)
	}
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/api/v1/splunk/alert", nil))
	if recorder.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d %s", recorder.Code, recorder.Body)
	}
}

func TestAnAlertWithTextThatIsNotUnicodeIsStored(t *testing.T) {
	w := serve(t, splunk.Defaults())
	w.accept(t, "{\"sid\":\"s1\",\"result\":{\"file\":\"caf\\udce9.exe\",\"cut \\ud83d\":[\"a\",\"\xff\"]}}")
	want := decode(t, `{"sid":"s1","search_name":null,"app":null,"owner":null,"results_link":null,"result":{"file":"caf\ufffd.exe","cut \ufffd":["a","\ufffd"]}}`)
	if diff := cmp.Diff(want, decode(t, string(w.events.Events()[0].Data))); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

func TestAnAlertThatCannotBeStoredIsAskedForAgain(t *testing.T) {
	w := serve(t, splunk.Defaults())
	w.events.Fail = func(framework.Event) error { return errors.New("disk full at /var/lib/secret-place") }
	answer := w.post("/api/v1/splunk/alert", stock)
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %v", answer.Code, answer.Header())
	}
	if strings.Contains(answer.Body.String(), "secret-place") {
		t.Errorf("the answer tells the cause: %s", answer.Body)
	}
	if !strings.Contains(w.log.String(), "secret-place") {
		t.Errorf("the log does not tell the cause: %s", w.log)
	}
}

// Whatever is sent is refused with a 4xx, or stored and found again as a duplicate.
func FuzzAlert(f *testing.F) {
	for _, seed := range []string{stock, `{"sid":"s"}`, `{"sid":"s","result":{"a":["b","c"],"d.e{}":"f"}}`, `{"sid":"s","search_name":null}`, `{"sid":1}`, `[`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := serve(t, splunk.Defaults())
		first := w.post("/api/v1/splunk/alert", body)
		if first.Code != http.StatusAccepted {
			if first.Code < 400 || first.Code > 499 || len(w.events.Events()) != 0 {
				t.Fatalf("%d %s, stored %d", first.Code, first.Body, len(w.events.Events()))
			}
			return
		}
		if again := w.post("/api/v1/splunk/alert", string(w.events.Events()[0].Data)); again.Code != http.StatusOK || again.Body.String() != first.Body.String() {
			t.Errorf("what was stored, sent again: %d %s, at first %s", again.Code, again.Body, first.Body)
		}
	})
}

func decode(tb testing.TB, text string) map[string]any {
	tb.Helper()
	var decoded map[string]any
	if err := json.Unmarshal([]byte(text), &decoded); err != nil {
		tb.Fatal(err)
	}
	return decoded
}
