package splunk_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/splunk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "splunk-token-canary"

type bench struct {
	*splunk.Server
	client *http.Client
	now    time.Time
}

func start(t *testing.T) *bench {
	t.Helper()
	b := &bench{now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), client: &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}}
	server, err := splunk.Start(t.Context(), splunk.Options{Token: framework.NewSecret(token), Now: func() time.Time { return b.now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	b.Server = server
	t.Cleanup(func() {
		b.client.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	server.Add(splunk.Job{
		SID: "done", Fields: []string{"host", "_si"}, Rows: []map[string]any{{"host": "a", "_si": []string{"x", "y"}}, {"host": "b"}, {"host": "c"}},
		ReadyAt: b.now.Add(time.Minute), ExpireAt: b.now.Add(time.Hour),
	})
	server.Add(splunk.Job{SID: "failed", Failed: "no such index"})
	server.Add(splunk.Job{SID: "endless", RealTime: true})
	server.Add(splunk.Job{SID: "other", Owner: "eve"})
	return b
}

func (b *bench) get(t *testing.T, path, authorization string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", authorization)
	response, err := b.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestAnswersAreSplunks(t *testing.T) {
	const jobs, bearer = "/services/search/v2/jobs/", "Bearer " + token
	for name, test := range map[string]struct {
		path, authorization string
		later               time.Duration
		status              int
		says                string
	}{
		"without a token":           {jobs + "done?output_mode=json", "", 0, 401, "call not properly authenticated"},
		"with another token":        {jobs + "done?output_mode=json", "Bearer x", 0, 401, "call not properly authenticated"},
		"with a session's word":     {jobs + "done?output_mode=json", "Splunk " + token, 0, 401, "call not properly authenticated"},
		"without asking for JSON":   {jobs + "done", bearer, 0, 200, "<feed"},
		"a search that runs":        {jobs + "done?output_mode=json", bearer, 0, 200, `"dispatchState":"RUNNING","isDone":false`},
		"results of one that runs":  {jobs + "done/results?output_mode=json", bearer, 0, 204, ""},
		"a search that is done":     {jobs + "done?output_mode=json", bearer, time.Minute, 200, `"dispatchState":"DONE","isDone":true`},
		"its results":               {jobs + "done/results?output_mode=json", bearer, time.Minute, 200, `"results":[{"_si":["x","y"],"host":"a"},{"host":"b"},{"host":"c"}]`},
		"a page of them":            {jobs + "done/results?output_mode=json&count=1&offset=1", bearer, time.Minute, 200, `"results":[{"host":"b"}]`},
		"the page behind the last":  {jobs + "done/results?output_mode=json&offset=3", bearer, time.Minute, 200, `"results":[]`},
		"all of them, as Splunk's":  {jobs + "done/results?output_mode=json&count=0", bearer, time.Minute, 200, `{"host":"c"}`},
		"a count that is none":      {jobs + "done/results?output_mode=json&count=x", bearer, time.Minute, 400, "invalid value"},
		"a search that is no more":  {jobs + "done?output_mode=json", bearer, time.Hour, 404, "Unknown sid."},
		"its results, too":          {jobs + "done/results?output_mode=json", bearer, time.Hour, 404, "Unknown sid."},
		"a search that never was":   {jobs + "x?output_mode=json", bearer, 0, 404, "Unknown sid."},
		"one that failed":           {jobs + "failed?output_mode=json", bearer, 0, 200, `"messages":[{"type":"FATAL","text":"no such index"}]`},
		"one that never ends":       {jobs + "endless?output_mode=json", bearer, 0, 200, `"isRealTimeSearch":true`},
		"one of somebody else":      {jobs + "other?output_mode=json", bearer, 0, 403, "do not have permission"},
		"the endpoints of version1": {"/services/search/jobs/done/results?output_mode=json", bearer, time.Minute, 404, "v2"},
		"all searches of the user":  {"/services/search/v2/jobs?output_mode=json&count=1", bearer, 0, 200, `{"entry":[{"name":"done"}],`},
		"a list of no count":        {"/services/search/v2/jobs?output_mode=json&count=-1", bearer, 0, 400, "invalid value"},
		"anything else":             {"/services/server/info?output_mode=json", bearer, 0, 404, "Not Found"},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			b.now = b.now.Add(test.later)
			status, body := b.get(t, test.path, test.authorization)
			if status != test.status || !strings.Contains(body, test.says) || strings.Contains(body, token) {
				t.Errorf("answered %d %s", status, body)
			}
		})
	}
}

func TestAnEmptySearchHasAListOfNoRows(t *testing.T) {
	b := start(t)
	b.Add(splunk.Job{SID: "empty"})
	_, body := b.get(t, "/services/search/v2/jobs/empty/results?output_mode=json", "Bearer "+token)
	var got struct{ Results []any }
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Results == nil {
		t.Errorf("answered %s (%v)", body, err)
	}
}

func TestItMisbehavesWhenToldTo(t *testing.T) {
	b := start(t)
	b.Faults().Add(fault.Fault{Status: 503, Times: 1})
	if status, _ := b.get(t, "/services/search/v2/jobs/done?output_mode=json", "Bearer "+token); status != 503 || len(b.Requests()) != 0 {
		t.Errorf("answered %d", status)
	}
}

func TestASearchIsAddedByHand(t *testing.T) {
	b := start(t)
	for body, want := range map[string]int{`{"sid":"mine","fields":["a"],"rows":[{"a":"1"}]}`: 204, `{"sid":""}`: 400, `{"sid":"x","y":1}`: 400, `[`: 400} {
		response, err := b.client.Post(b.URL()+"/_sandbox/jobs", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s was answered %d", body, response.StatusCode)
		}
	}
	if _, body := b.get(t, "/services/search/v2/jobs/mine/results?output_mode=json", "Bearer "+token); !strings.Contains(body, `"results":[{"a":"1"}]`) {
		t.Errorf("answered %s", body)
	}
}

func TestWhatIsNeededIsSaid(t *testing.T) {
	if _, err := splunk.Start(t.Context(), splunk.Options{}); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("got %v", err)
	}
}
