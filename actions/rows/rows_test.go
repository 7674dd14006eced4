package rows

import (
	"encoding/csv"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/splunk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	canary = "splunk-rest-canary-0123456789"
	sid    = "scheduler__admin__search__RMD5fe51a5bd6a1b2c3d4_at_1700000000_42"
)

// stage is the action between a Splunk and recorders, and the ticket SEC-1 that another automation made of the alert.
type stage struct {
	*Action
	splunk  *splunk.Server
	tickets *frameworktest.RecordingTickets
	ledger  *frameworktest.MemoryLedger
	clock   *frameworktest.Clock
	job     framework.Job
}

func newStage(t *testing.T, adjust func(*Config)) *stage {
	t.Helper()
	return stageOf(t, 0, adjust)
}

// stageOf is one whose Splunk gives so many rows at once.
func stageOf(t *testing.T, atOnce int, adjust func(*Config)) *stage {
	t.Helper()
	s := &stage{clock: new(frameworktest.Clock), tickets: new(frameworktest.RecordingTickets)}
	s.ledger = &frameworktest.MemoryLedger{Elapsed: s.clock.Elapsed}
	deps := frameworktest.Deps(t)
	deps.Now, deps.Ledger, deps.Tickets = s.clock.Now, s.ledger, s.tickets
	server, err := splunk.Start(t.Context(), splunk.Options{Token: framework.NewSecret(canary), Now: s.clock.Now, Log: deps.Log, AtOnce: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	s.splunk = server
	t.Cleanup(func() {
		deps.HTTP.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	config := Defaults()
	config.TicketOf, config.URL, config.Token = "ticket-for-alert", server.URL(), framework.NewSecret(canary)
	if adjust != nil {
		adjust(&config)
	}
	if s.Action, err = New(config, deps); err != nil {
		t.Fatal(err)
	}
	s.job = alert(t, sid)
	return s
}

func alert(t *testing.T, sid string) framework.Job {
	t.Helper()
	event, err := framework.NewEvent("splunk.alert", "key "+sid, map[string]any{"sid": sid, "results_link": "http://127.0.0.1:1/evil", "result": map[string]any{"host": "a"}})
	if err != nil {
		t.Fatal(err)
	}
	event.Time = frameworktest.Start()
	return framework.Job{Automation: "rows-of-alert", Event: event, Attempt: 1}
}

// ticketed makes the ticket of the job's event, as the action ticket does.
func (s *stage) ticketed(t *testing.T) {
	t.Helper()
	key, err := s.tickets.Create(t.Context(), framework.NewTicket{Project: "SEC", Type: "Task", Summary: "x"})
	if err != nil {
		t.Fatal(err)
	}
	making := framework.Job{Automation: "ticket-for-alert", Event: s.job.Event}
	done := func(string) string { return `{"state":"done","result":"` + key + `","at":"2026-11-20T12:00:00Z"}` }
	if _, err := s.ledger.Put(t.Context(), "ticket."+making.Key(), []byte(done(key)), 0); err != nil {
		t.Fatal(err)
	}
}

// run does the job as the engine would, until it succeeds.
func (s *stage) run(t *testing.T) framework.Result {
	t.Helper()
	var err error
	for range 120 {
		var result framework.Result
		if result, err = s.Do(t.Context(), s.job); err == nil {
			return result
		}
		if framework.IsPermanent(err) {
			t.Fatal(err)
		}
		s.clock.Advance(time.Second)
		if wait, ok := errors.AsType[*framework.Wait](err); ok && wait.Until.After(s.clock.Now()) {
			s.clock.Advance(wait.Until.Sub(s.clock.Now()))
		}
	}
	t.Fatalf("120 attempts were not enough: %v", err)
	return framework.Result{}
}

func numbered(n int) []map[string]any {
	rows := make([]map[string]any, n)
	for i := range rows {
		rows[i] = map[string]any{"host": fmt.Sprint("host", i), "count": fmt.Sprint(i)}
	}
	return rows
}

// attached reads the one file on the ticket.
func (s *stage) attached(t *testing.T) [][]string {
	t.Helper()
	files := s.tickets.Tickets()[0].Files
	if len(files) != 1 || files[0].Name != "rows.csv" {
		t.Fatalf("%d files", len(files))
	}
	read, err := csv.NewReader(strings.NewReader(string(files[0].Body))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func (s *stage) comments() []string {
	texts := []string{}
	for _, comment := range s.tickets.Tickets()[0].Comments {
		for _, block := range comment.Body {
			if paragraph, ok := block.(framework.Paragraph); ok {
				texts = append(texts, paragraph[0].Text)
			}
		}
	}
	return texts
}

func TestAllRowsAreAttachedToTheTicket(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.splunk.Add(splunk.Job{SID: sid, Fields: []string{"host", "count"}, Rows: numbered(2_345)})
	s.ticketed(t)
	result := s.run(t)
	s.run(t) // delivered again
	if diff := cmp.Diff(framework.Result{Summary: "attached 2345 of 2345 rows on SEC-1", Link: "https://jira.example.com/browse/SEC-1"}, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	read := s.attached(t)
	if len(read) != 2_346 || !slices.Equal(read[0], []string{"host", "count"}) || !slices.Equal(read[2_345], []string{"host2344", "2344"}) {
		t.Errorf("%d lines, from %v to %v", len(read), read[0], read[len(read)-1])
	}
	if got := s.comments(); len(got) != 0 {
		t.Errorf("told %q", got)
	}
	var wanted []string
	for _, page := range []string{"?", "/results?count=1000&offset=0&", "/results?count=1000&offset=1000&", "/results?count=1000&offset=2000&"} {
		wanted = append(wanted, "GET /services/search/v2/jobs/"+sid+page+"output_mode=json")
	}
	if diff := cmp.Diff(wanted, s.splunk.Requests()); diff != "" {
		t.Errorf("calls of Splunk (-want +got):\n%s", diff)
	}
}

func TestRowsBeyondTheBoundAreToldOnTheTicket(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.Max = 1_500 })
	s.splunk.Add(splunk.Job{SID: sid, Fields: []string{"host", "count"}, Rows: numbered(2_345)})
	s.ticketed(t)
	s.run(t)
	s.run(t)
	if diff := cmp.Diff([]string{"rows.csv holds the first 1500 of the 2345 rows of the search."}, s.comments()); diff != "" || len(s.attached(t)) != 1_501 {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	wide := newStage(t, nil)
	rows := numbered(200)
	for _, row := range rows {
		row["_raw"] = strings.Repeat(`"`, 32_000)
	}
	wide.splunk.Add(splunk.Job{SID: sid, Rows: rows})
	wide.ticketed(t)
	wide.run(t)
	if size := len(wide.tickets.Tickets()[0].Files[0].Body); size > maxCSV {
		t.Errorf("%d bytes", size)
	}
	if got := wide.comments(); len(got) != 1 || !strings.HasSuffix(got[0], " of the 200 rows of the search.") {
		t.Errorf("told %q", got)
	}
}

func TestWhatCannotBeReadForGoodIsToldOnTheTicketOnce(t *testing.T) {
	t.Parallel()
	start := frameworktest.Start()
	for name, test := range map[string]struct {
		job  splunk.Job
		note string
	}{
		"it expired":               {splunk.Job{SID: sid, ExpireAt: start}, "Splunk does not know the search, or not any more. It keeps the results of an alert for ten times the time between two runs."},
		"it never was":             {splunk.Job{SID: "other"}, "Splunk does not know the search, or not any more. It keeps the results of an alert for ten times the time between two runs."},
		"it failed":                {splunk.Job{SID: sid, Failed: "no such\n index."}, "Splunk says that the search failed: no such index."},
		"it is of real time":       {splunk.Job{SID: sid, RealTime: true}, "it is a real-time search, which never ends."},
		"it has no rows":           {splunk.Job{SID: sid}, "the search has none."},
		"it does not end in time":  {splunk.Job{SID: sid, ReadyAt: start.Add(24 * time.Hour)}, "the search did not end within 1h0m0s."},
		"it expired while it was ": {splunk.Job{SID: sid, ReadyAt: start.Add(time.Minute), ExpireAt: start.Add(30 * time.Second)}, "Splunk does not know the search, or not any more. It keeps the results of an alert for ten times the time between two runs."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.splunk.Add(test.job)
			s.ticketed(t)
			result := s.run(t)
			s.run(t)
			if diff := cmp.Diff([]string{"The rows of the search are not attached: " + test.note}, s.comments()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if result.Summary != "told why there are no rows on SEC-1" || len(s.tickets.Tickets()[0].Files) != 0 {
				t.Errorf("result %q, %d files", result.Summary, len(s.tickets.Tickets()[0].Files))
			}
		})
	}
}

// Splunk forgets before Jira is back: the rows must not be lost by then.
func TestRowsAreKeptUntilThereIsATicket(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.splunk.Add(splunk.Job{SID: sid, Rows: numbered(3), ReadyAt: frameworktest.Start().Add(20 * time.Second), ExpireAt: frameworktest.Start().Add(time.Hour)})
	for range 40 {
		_, err := s.Do(t.Context(), s.job)
		wait, ok := errors.AsType[*framework.Wait](err)
		if !ok {
			t.Fatalf("got %v, want to wait", err)
		}
		s.clock.Advance(wait.Until.Sub(s.clock.Now()))
	}
	if s.clock.Now().Before(frameworktest.Start().Add(time.Hour)) {
		t.Fatal("not enough time has passed")
	}
	s.ticketed(t)
	s.run(t)
	if read := s.attached(t); len(read) != 4 || read[3][1] != "host2" {
		t.Errorf("attached %v", read)
	}
	key := "splunk-rows/2026/11/20/12/00/" + s.job.Event.ID + ".csv"
	if body, err := s.archive.Get(t.Context(), key); err != nil || string(body) != string(s.tickets.Tickets()[0].Files[0].Body) {
		t.Errorf("the archive has %d bytes (%v)", len(body), err)
	}
}

func TestWithoutATicketTheJobEnds(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.splunk.Add(splunk.Job{SID: sid, Rows: numbered(1)})
	s.clock.Advance(72*time.Hour + time.Second)
	_, err := s.Do(t.Context(), s.job)
	if !framework.IsPermanent(err) || !strings.Contains(framework.Reason(err), "made no ticket") {
		t.Errorf("got %v", err)
	}
}

func TestEveryFailureOfSplunkSaysWhatToDo(t *testing.T) {
	t.Parallel()
	const results = "GET /services/search/v2/jobs/" + sid + "/results"
	for name, test := range map[string]struct {
		fault     fault.Fault
		token     string
		owner     string
		sid       string
		reason    string
		permanent bool
	}{
		"another token":            {token: "x", reason: "splunk: read search: the token is not accepted: check rows.token (tokens expire, and token authentication must be turned on) (status 401)"},
		"somebody else's search":   {owner: "eve", reason: "splunk: read search: the user of the token may not see this search: give it a role that may read the searches of alerts (status 403)", permanent: true},
		"a page with 200":          {fault: fault.Fault{HTML: true}, reason: "splunk: read search: the answer is not Splunk's: rows.url is its management port (8089), not that of its pages (status 200)"},
		"a page in the middle":     {fault: fault.Fault{Match: results, HTML: true}, reason: "splunk: read rows: the answer is not Splunk's: rows.url is its management port (8089), not that of its pages (status 200)"},
		"an error within a 200":    {fault: fault.Fault{Match: results, Status: 200, Body: `{"preview":false,"messages":[{"type":"INFO","text":"a"},{"type":"FATAL","text":"peer\nis down."}],"results":[]}`}, reason: "splunk: read rows: Splunk says: peer is down (status 200)"},
		"a Splunk that is down":    {fault: fault.Fault{Status: 503, RetryAfter: time.Minute}, reason: "splunk: read search: it cannot answer at the moment (status 503)"},
		"a refusal":                {fault: fault.Fault{Status: 400}, reason: "splunk: read search: it refuses the call (status 400)", permanent: true},
		"a Splunk of old":          {fault: fault.Fault{Status: 404}, reason: "splunk: list searches: rows.url is not the management port of a Splunk of version 9.0 or later; that port is usually 8089 (status 404)"},
		"a page for what is gone":  {fault: fault.Fault{Match: "GET /services/search/v2/jobs$", HTML: true}, sid: "other", reason: "splunk: list searches: the answer is not Splunk's: rows.url is its management port (8089), not that of its pages (status 200)"},
		"a cut":                    {fault: fault.Fault{CutAfter: true}, reason: "splunk: read search: no answer: check its address and the network"},
		"a redirect to its pages":  {fault: fault.Fault{Status: 303}, reason: "splunk: read search: redirected elsewhere: rows.url is not Splunk's management port (status 303)", permanent: true},
		"half an answer":           {fault: fault.Fault{Status: 200, Body: `{"entry":[{"content":`}, reason: "splunk: read search: the answer is not Splunk's: rows.url is its management port (8089), not that of its pages (status 200)"},
		"rows of a strange form":   {fault: fault.Fault{Match: results, Status: 200, Body: `{"results":"none"}`}, reason: "splunk: read rows: the answer is not Splunk's: rows.url is its management port (8089), not that of its pages (status 200)"},
		"an answer without a list": {fault: fault.Fault{Match: results, Status: 200, Body: `{"preview":false}`}, reason: "splunk: read rows: the answer is not Splunk's: rows.url is its management port (8089), not that of its pages (status 200)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, func(c *Config) {
				if test.token != "" {
					c.Token = framework.NewSecret(test.token)
				}
			})
			if test.sid == "" {
				test.sid = sid
			}
			s.splunk.Add(splunk.Job{SID: test.sid, Rows: numbered(1), Owner: test.owner})
			if test.fault != (fault.Fault{}) {
				s.splunk.Faults().Add(test.fault)
			}
			s.ticketed(t)
			_, err := s.Do(t.Context(), s.job)
			if framework.Reason(err) != test.reason || framework.IsPermanent(err) != test.permanent || framework.MayHaveHappened(err) {
				t.Errorf("got %v", err)
			}
			if test.fault.RetryAfter != framework.RetryAfter(err) {
				t.Errorf("the wait is %s", framework.RetryAfter(err))
			}
			frameworktest.LeaksNoSecret(t, canary, err.Error(), fmt.Sprintf("%+v %#v", err, s.Action))
		})
	}
}

func TestPreviewsAndEmptyAnswersAreWaitedOut(t *testing.T) {
	t.Parallel()
	for name, met := range map[string]fault.Fault{
		"a preview":                  {Match: "GET /services/search/v2/jobs/" + sid + "/results", Status: 200, Body: `{"preview":true,"results":[{"a":"1"}]}`, Times: 2},
		"no content for the rows":    {Match: "GET /services/search/v2/jobs/" + sid + "/results", Status: 204, Body: " ", Times: 2},
		"no content for the search":  {Match: "GET /services/search/v2/jobs/" + sid, Status: 204, Body: " ", Times: 2},
		"accepted, without a search": {Match: "GET /services/search/v2/jobs/" + sid, Status: 202, Body: `{"entry":[]}`, Times: 2},
	} {
		s := newStage(t, nil)
		s.splunk.Add(splunk.Job{SID: sid, Rows: numbered(1)})
		s.splunk.Faults().Add(met)
		s.ticketed(t)
		_, err := s.Do(t.Context(), s.job)
		if wait, ok := errors.AsType[*framework.Wait](err); !ok || wait.Reason != "the search in Splunk has not ended yet" {
			t.Errorf("%s: %v", name, err)
		}
		s.run(t)
		if read := s.attached(t); len(read) != 2 {
			t.Errorf("%s: attached %v", name, read)
		}
	}
}

// Whatever an alert says, only the configured Splunk is called, below the path of searches.
func TestAnAlertLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	for id, path := range map[string]string{
		"a b": "a%20b", "x?output_mode=xml": "x%3Foutput_mode=xml", "x#y": "x%23y", "x%2f..": "x%252f..", "admin@search": "admin@search", "ü": "%C3%BC", "rt_scheduler__a_at_1483557185_2.2": "rt_scheduler__a_at_1483557185_2.2",
	} {
		s := newStage(t, nil)
		s.job = alert(t, id)
		s.ticketed(t)
		s.run(t)
		if diff := cmp.Diff([]string{"GET /services/search/v2/jobs/" + path + "?output_mode=json", "GET /services/search/v2/jobs?count=1&output_mode=json"}, s.splunk.Requests()); diff != "" {
			t.Errorf("%q: calls (-want +got):\n%s", id, diff)
		}
	}
	for _, id := range []string{"", ".", "..", "...", "../server/info", "a/b", `a\b`, "a\nb", "a\x00", strings.Repeat("x", 1025)} {
		s := newStage(t, nil)
		s.job = alert(t, id)
		s.ticketed(t)
		if _, err := s.Do(t.Context(), s.job); !framework.IsPermanent(err) || len(s.splunk.Requests()) != 0 {
			t.Errorf("%q: %v after %v", id, err, s.splunk.Requests())
		}
	}
}

func TestSplunksOwnAuthorityIsTrustedWhereItIsNamed(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	target, err := url.Parse(s.splunk.URL())
	if err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it tells of who did not trust it
	secure.StartTLS()
	t.Cleanup(secure.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	s.splunk.Add(splunk.Job{SID: sid, Rows: numbered(1)})
	for name, test := range map[string]struct{ file, reason string }{
		"named":     {file, ""},
		"not named": {"", "splunk: read search: the certificate of rows.url is not trusted: set ca_file to its authority"},
	} {
		deps := frameworktest.Deps(t)
		deps.Now, deps.Ledger, deps.Tickets = s.clock.Now, s.ledger, s.tickets
		config := Defaults()
		config.TicketOf, config.URL, config.Token, config.CAFile = "ticket-for-alert", secure.URL, framework.NewSecret(canary), test.file
		action, err := New(config, deps)
		if err != nil {
			t.Fatal(err)
		}
		_, err = action.splunk.state(t.Context(), sid)
		action.splunk.deps.HTTP.CloseIdleConnections()
		if framework.Reason(err) != test.reason {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCellsAreNoFormulasAndStayOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`=HYPERLINK("http://e")`: `'=HYPERLINK("http://e")`, "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", " =1": "' =1", "\n=1": "'\n=1", " \t=1": "' \t=1", "\u3000=1": "'\u3000=1",
		"\u00a0=1": "'\u00a0=1", "\u200b=1": "'\u200b=1", "＝1": "'＝1", "a=1": "a=1", "": "", "WS-042": "WS-042", "'=1": "'=1", "a\x00b": "a\ufffdb", "\xff": "\ufffd", "\x00=1": "\ufffd=1",
		strings.Repeat("é", 40_000): strings.Repeat("é", 31_999) + "…",
	} {
		if got, whole := guarded(text); got != want || whole != (len(text) < 40_000) {
			t.Errorf("%.40q becomes %.40q, want %.40q", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.String().Draw(t, "cell") + rapid.SampledFrom([]string{"", `"`, "\r\n", ";=1", ",", "\t"}).Draw(t, "more")
		sheet := newSheet()
		sheet.add(&page{Results: []map[string]value{{"=name": value(cell), "b": "2"}}})
		read, err := csv.NewReader(strings.NewReader(string(sheet.csv()))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := guarded(cell)
		want := [][]string{{"'=name", "b"}, {strings.ReplaceAll(text, "\r\n", "\n"), "2"}} // as that reader reads line ends
		if diff := cmp.Diff(want, read); diff != "" {
			t.Fatalf("file (-want +got):\n%s", diff)
		}
		if got := read[1][0]; got != "" && strings.ContainsRune("=+-@\t\r", rune(got[0])) {
			t.Fatalf("a formula: %q", got)
		}
	})
}

func TestColumnsAreThoseOfTheSearchAndThenOfItsRows(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.splunk.Add(splunk.Job{SID: sid, Fields: []string{"b", "a", "b"}, Rows: []map[string]any{
		{"a": "1", "b": []string{"x", "y"}, "__mv_b": "$x$;$y$"}, {"z.y{}": "2", "a": nil}, {"n": 3, "o": map[string]any{"p": true}},
	}})
	s.ticketed(t)
	s.run(t)
	want := [][]string{{"b", "a", "z.y{}", "n", "o"}, {"x\ny", "1", "", "", ""}, {"", "", "2", "", ""}, {"", "", "", "3", `{"p":true}`}}
	if diff := cmp.Diff(want, s.attached(t)); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}

func TestEachStepIsTakenOnceWhateverIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s := newStage(t, func(c *Config) { c.Max = 2 })
		s.splunk.Add(splunk.Job{SID: sid, Rows: numbered(3)})
		s.ticketed(t)
		for _, call := range []frameworktest.TicketCall{frameworktest.AddFile, frameworktest.FindFile, frameworktest.AddComment, frameworktest.FindComment} {
			for range rapid.IntRange(0, 2).Draw(r, string(call)) {
				lost := &framework.ServiceError{Service: "jira", Reason: "cut", Ambiguous: true}
				if rapid.Bool().Draw(r, "came through") {
					s.tickets.CommitThenFailNext(call, lost)
				} else {
					s.tickets.FailNext(call, lost)
				}
			}
		}
		failing := rapid.IntRange(0, 6).Draw(r, "put")
		puts := 0
		s.ledger.BeforePut = func(string) error {
			if puts++; puts == failing {
				return errors.New("the ledger is away")
			}
			return nil
		}
		s.run(t)
		s.run(t)
		if made := s.tickets.Tickets()[0]; len(made.Files) != 1 || len(made.Comments) != 1 {
			r.Fatalf("%d files, %d comments", len(made.Files), len(made.Comments))
		}
	})
}

func TestMistakesAreAllNamed(t *testing.T) {
	t.Parallel()
	config := Config{URL: "http://splunk.example.com:8089", Max: 500_001, Keep: "../x", CAFile: "testdata/none.pem"}
	_, err := New(config, frameworktest.Deps(t))
	want := []string{
		"url is http: the credentials would travel in the clear; only this machine may be reached so",
		"no ticket system is configured: add the section jira",
		"ticket_of: must name the automation that makes the ticket of the same event",
		"token: is missing, or holds what no token has: blanks, letters beyond ASCII",
		"max: is from 1 to 500000",
		"keep: is the beginning of a key in the archive, such as splunk-rows",
		"ca_file: open testdata/none.pem: no such file or directory",
	}
	if err == nil || cmp.Diff(want, strings.Split(err.Error(), "\n")) != "" {
		t.Errorf("mistakes (-want +got):\n%s", cmp.Diff(want, strings.Split(fmt.Sprint(err), "\n")))
	}
}

func TestAnAnswerWithoutEndIsBounded(t *testing.T) {
	t.Parallel()
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 17 << 10 {
			if _, err := w.Write([]byte(strings.Repeat(" ", 1_024))); err != nil {
				return
			}
		}
	}))
	t.Cleanup(endless.Close)
	s := newStage(t, func(c *Config) { c.URL = endless.URL })
	_, err := s.Do(t.Context(), s.job)
	if !strings.Contains(framework.Reason(err), "larger than") {
		t.Errorf("got %v", err)
	}
}

func FuzzPage(f *testing.F) {
	for _, seed := range []string{`{"results":[{"a":"1"}]}`, `{"fields":[{"name":"a"}],"results":[{"a":["x",1,null]}],"preview":"0"}`, `{"messages":[{"type":"FATAL"}],"results":[]}`, `[`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var got page
		if decode([]byte(body), &got) != nil {
			return
		}
		sheet := newSheet()
		sheet.add(&got)
		if len(sheet.columns) == 0 {
			return
		}
		read, err := csv.NewReader(strings.NewReader(string(sheet.csv()))).ReadAll()
		if len(sheet.columns) > 1 && (err != nil || len(read) != len(sheet.rows)+1) {
			t.Fatalf("%d rows are %d lines (%v)", len(sheet.rows), len(read), err)
		}
	})
}
