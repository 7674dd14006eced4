package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestAShortRunTimesRealTickets runs the whole way, with enrichers that hardly wait.
func TestAShortRunTimesRealTickets(t *testing.T) {
	page := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := os.WriteFile(page, []byte("# Benchmarks\n\ntext\n\n"+latencyHeading+"\n\nold\n\n"+acceptHeading+"\n\nkept\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := run(t.Context(), []string{"-latency", "-accept-dir", t.TempDir(), "-latency-rounds", "1", "-latency-alerts", "2", "-latency-slowest", "32ms", "-write", page}, strings.NewReader(""), &out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if want := "# Benchmarks\n\ntext\n\n" + out.String() + "\n" + acceptHeading + "\n\nkept\n"; string(got) != want {
		t.Errorf("the page (-want +got):\n%s", cmp.Diff(want, string(got)))
	}
	if judged := strings.Count(out.String(), "| reached |") + strings.Count(out.String(), "| missed |"); judged != 4 {
		t.Errorf("%d bars are judged:\n%s", judged, out.String())
	}
	if strings.Contains(out.String(), " 0.00 (") {
		t.Errorf("something took no time:\n%s", out.String())
	}
}

func TestAlertsAreTimedOneByOne(t *testing.T) {
	slowest := 64 * time.Millisecond
	got, err := timeAlerts(t.Context(), latencyOptions{dir: t.TempDir()}, delays(4, slowest), 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 {
		t.Fatalf("%d alerts, want 3: the first does not count", len(got))
	}
	for _, one := range got {
		if one.accept <= 0 || one.jira <= 0 || one.slowest != slowest || one.whole < slowest {
			t.Errorf("%+v: the ticket cannot have been complete before its slowest enricher", one)
		}
	}
}

// late is a caller that hears the answer to its alert only when the ticket is complete, as one does that gets no processor.
type late struct{ stage *latencyStage }

func (l late) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	var noted []written
	for complete := false; !complete; {
		select {
		case one := <-l.stage.front.comments:
			noted = append(noted, one)
			complete = l.stage.isComplete(one.body)
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	for _, one := range noted {
		l.stage.front.comments <- one
	}
	return response, nil
}

func TestACallerWhoIsHeldUpIsNoFasterTicket(t *testing.T) {
	slowest := 32 * time.Millisecond
	s, err := startLatency(t.Context(), t.TempDir(), delays(2, slowest))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	s.client.Transport = late{s}
	got, err := s.time(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.whole < slowest || got.asked >= 0 {
		t.Errorf("%+v: the ticket was complete when the caller heard of its alert, and not before its slowest enricher", got)
	}
}

func TestDelaysGoUpToTheSlowest(t *testing.T) {
	if diff := cmp.Diff([]time.Duration{250, 500, 750, 1000}, delays(4, 1000)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]time.Duration{1000}, delays(1, 1000)); diff != "" {
		t.Error(diff)
	}
}

func TestTheReportJudgesMediansAndShowsTheSpread(t *testing.T) {
	ticket := func(asked time.Duration) times {
		return times{accept: 2 * time.Millisecond, asked: asked, jira: time.Millisecond}
	}
	enriched := func(wholes ...time.Duration) []times {
		var all []times
		for _, whole := range wholes {
			all = append(all, times{whole: whole, slowest: time.Second})
		}
		return all
	}
	result := latencyResult{
		options:  latencyOptions{rounds: 3, alerts: 3, slowest: time.Second},
		tickets:  []times{ticket(-time.Millisecond), ticket(12 * time.Millisecond), ticket(11 * time.Millisecond)},
		enriched: map[int][]times{1: enriched(time.Second, 1050*time.Millisecond, 3*time.Second), 4: enriched(1100 * time.Millisecond), 16: enriched(1200 * time.Millisecond)},
	}
	text := result.markdown()
	for _, want := range []string{
		"asked for the ticket, ms | ≤ 10.0 | 11.00 (-1.00–12.00) | missed |",
		"with 1 of them, of the slowest | ≤ 1.1 | 1.05 (1.00–3.00) | reached |",
		"with 4 of them, of the slowest | ≤ 1.1 | 1.10 (1.10–1.10) | reached |",
		"with 16 of them, of the slowest | ≤ 1.1 | 1.20 (1.20–1.20) | missed |",
		"| from there until Jira is asked | 11.00 | 12.00 |",
		"| 4 | 2.50 | 1.10 (1.10–1.10) |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestTheFrontNotesWhatJiraHasTaken(t *testing.T) {
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "refused") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(body)
	}))
	defer behind.Close()
	f, err := startFront(t.Context(), behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, call := range [][2]string{
		{"/rest/api/2/issue", "refused ticket"},
		{"/rest/api/2/issue", "ticket"},
		{"/rest/api/2/search", "neither"},
		{"/rest/api/2/issue/SEC-1/comment", "waiting"},
		{"/rest/api/2/issue/SEC-11/comment", "done"},
		{"/rest/api/2/issue/SEC-1/comment", "refused done"},
		{"/rest/api/2/issue/SEC-1/comment", "done"},
	} {
		response, err := client.Post(f.url+call[0], "text/plain", strings.NewReader(call[1]))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode == http.StatusCreated && string(body) != call[1] {
			t.Errorf("%s was answered %q, %v", call, body, err)
		}
	}
	if len(f.tickets) != 1 || len(f.comments) != 3 {
		t.Fatalf("%d tickets and %d comments were noted", len(f.tickets), len(f.comments))
	}
	asked, answered, err := f.created(t.Context())
	if err != nil || !answered.After(asked) {
		t.Errorf("asked %s, answered %s, %v", asked, answered, err)
	}
	if _, err := f.written(t.Context(), "SEC-1", func(body string) bool { return body == "done" }); err != nil || len(f.comments) != 0 {
		t.Errorf("%v, with %d comments left: that on another ticket was taken", err, len(f.comments))
	}
}
