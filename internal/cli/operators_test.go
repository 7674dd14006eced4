package cli_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/cli"
)

var golden = flag.Bool("golden", false, "write the golden files anew")

// holdsGolden compares a text with a file.
func holdsGolden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name + ".golden"
	if *golden {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (make golden writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// scripted is a server that gives one answer after the other, and remembers what it was asked.
type scripted struct {
	*httptest.Server

	mu      sync.Mutex
	asked   []string
	answers []string // status, space, body; the last one again and again
}

func serveScript(t *testing.T, answers ...string) *scripted {
	t.Helper()
	s := &scripted{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+body.String()))
		answer := s.answers[0]
		if len(s.answers) > 1 {
			s.answers = s.answers[1:]
		}
		var status int
		_, _ = fmt.Sscan(answer[:3], &status)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer[4:]))
	}))
	t.Cleanup(s.Close)
	return s
}

// command runs a command against the server.
func (s *scripted) command(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = s.commandTo(t, &stdout, &stderr, args...)
	return code, stdout.String(), stderr.String()
}

func (s *scripted) commandTo(t *testing.T, stdout, stderr io.Writer, args ...string) (code int) {
	t.Helper()
	token := t.TempDir() + "/token"
	write(t, token, "a-token-of-enough-length\n")
	return cli.Main(append(args, "--url", s.URL, "--token-file", token), stdout, stderr)
}

func TestListsForOperatorsReadAsTheyAlwaysDid(t *testing.T) {
	const events = `200 {"events":[{"id":"splunk-b","type":"splunk.alert","time":"2026-11-20T12:01:00Z","request_id":"r2","runs":[` +
		`{"automation":"ticket","state":"done","attempts":1},{"automation":"enrich","job":"virustotal","state":"retrying","attempts":2}]},` +
		`{"id":"splunk-a","type":"splunk.alert","time":"2026-11-20T13:00:00+01:00","request_id":"r1","runs":[]}],"next":"x"}`
	const letters = `200 {"deadletters":[{"id":"dl-1","event_id":"splunk-a","event_type":"splunk.alert","automation":"enrich","job":"virustotal","service":"virustotal",` +
		`"reason":"virustotal: ask: \u001b[31mno such key\nfor you (status 401)","attempts":3,"first_try":"2026-11-20T12:00:00Z","given_up_at":"2026-11-20T13:00:00Z"}]}`
	const queues = `200 {"queues":[{"name":"ticket","source":"splunk","type":"splunk.alert","configured":true,"waiting":0},` +
		`{"name":"enrich/activedirectory","source":"jira","type":"jira.issue_created","configured":true,"waiting":50,"oldest":"2026-11-20T12:00:00Z","services":[` +
		`{"service":"activedirectory","state":"open","since":"2026-11-20T12:00:00Z","next_probe":"2026-11-20T12:01:00Z","reason":"refused"},{"service":"j\u001b[31mira","state":"recovering","since":"2026-11-20T12:00:00Z"}]},` +
		`{"name":"enrich/virustotal","source":"jira","type":"jira.issue_created","configured":false,"waiting":12,"oldest":"2026-11-19T12:00:00Z","left_at":"2026-11-20T12:00:00Z"},` +
		`{"name":"other","source":"jira","type":"jira.issue_created","configured":false,"waiting":1,"oldest":"2026-11-20T12:00:00Z"}]}`
	const audit = `200 {"entries":[` +
		`{"id":"4","time":"2026-11-20T12:03:00Z","act":"hand-over","caller":"token:on-call","address":"192.0.2.7","request_id":"r","queue":"old","to":"new","outcome":"begun","count":0},` +
		`{"id":"5","time":"2026-11-20T12:02:30Z","act":"drop","caller":"token:on-call","address":"192.0.2.7","request_id":"r","filter":{"reason":"no such"},"outcome":"partly","meant":3,"count":0},` +
		`{"id":"3","time":"2026-11-20T12:02:00Z","act":"drop-queue","caller":"token:on-call","address":"192.0.2.7","request_id":"r","reason":"no \u001b[31mtickets","queue":"old","outcome":"done","meant":7,"count":7},` +
		`{"id":"2","time":"2026-11-20T12:01:00Z","act":"drop","request_id":"r","reason":"gone","filter":{"service":"jira","since":"2026-11-20T01:00:00+01:00"},"outcome":"failed","count":3},` +
		`{"id":"1","time":"2026-11-20T12:00:00Z","act":"replay","caller":"token:1","address":"127.0.0.1","request_id":"r","filter":{},"outcome":"done","meant":100,"count":100},` +
		`{"id":"0","time":"2026-11-20T11:00:00Z","act":"replay","caller":"token:1","address":"127.0.0.1","request_id":"r","letters":[{"id":"dl-1","event_id":"splunk-a","automation":"ticket"}],"outcome":"done","count":1}]}`
	for name, c := range map[string]struct {
		answer string
		args   []string
	}{
		"events": {events, []string{"events", "--limit", "2"}}, "deadletters": {letters, []string{"deadletters"}},
		"queues": {queues, []string{"queues"}}, "audit": {audit, []string{"audit"}},
	} {
		code, out, errs := serveScript(t, c.answer).command(t, c.args...)
		if code != 0 || errs != "" {
			t.Errorf("%s: exit code %d, %s", name, code, errs)
		}
		holdsGolden(t, name, out)
	}
}

func TestFiltersAndPagesAreAskedForAsTold(t *testing.T) {
	one := `{"id":"splunk-a","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r","runs":[]}`
	server := serveScript(t, `200 {"events":[`+one+`],"next":"c1"}`, `200 {"events":[],"next":"c2"}`, `200 {"events":[`+one+`,`+one+`]}`)
	code, out, errs := server.command(t, "events", "--source", "splunk", "--type", "splunk.alert", "--automation", "ticket", "--state", "dead",
		"--since", "2026-11-20T08:00:00+01:00", "--until", "2026-11-20T09:00:00Z", "--limit", "600", "--json")
	const filter = "automation=ticket"
	const rest = "&since=2026-11-20T07%3A00%3A00Z&source=splunk&state=dead&type=splunk.alert&until=2026-11-20T09%3A00%3A00Z"
	want := []string{
		"GET /api/v1/events?" + filter + "&limit=500" + rest,
		"GET /api/v1/events?" + filter + "&cursor=c1&limit=500" + rest,
		"GET /api/v1/events?" + filter + "&cursor=c2&limit=500" + rest,
	}
	if diff := cmp.Diff(want, server.asked); diff != "" || code != 0 {
		t.Errorf("exit code %d, %s: %s", code, errs, diff)
	}
	if diff := cmp.Diff(`{"events":[`+one+`,`+one+`,`+one+`]}`+"\n", out); diff != "" {
		t.Error(diff)
	}
	letters := serveScript(t, `200 {"deadletters":[]}`)
	if code, _, errs := letters.command(t, "deadletters", "--newest", "--service", "jira", "--reason", "no such", "--job", "x"); code != 0 {
		t.Error(errs)
	}
	if diff := cmp.Diff([]string{"GET /api/v1/deadletters?job=x&limit=100&order=newest&reason=no+such&service=jira"}, letters.asked); diff != "" {
		t.Error(diff)
	}
}

func TestABulkActCountsFirstGoesOnFromBatchToBatchAndSaysWhatWasKept(t *testing.T) {
	server := serveScript(t, `200 {"count":2,"next":"d1"}`, `200 {"count":1}`,
		`200 {"count":2,"next":"c1"}`, `200 {"count":0,"failed":[{"id":"dl-3","reason":"not \u001b[31mconfigured"}]}`)
	code, out, errs := server.command(t, "deadletters", "replay", "--service", "jira", "--since", "2026-11-20T08:00:00+01:00", "--yes")
	const filter = `"filter":{"service":"jira","since":"2026-11-20T07:00:00Z"}`
	want := []string{
		`POST /api/v1/deadletters/replay {` + filter + `,"dry_run":true}`, `POST /api/v1/deadletters/replay {` + filter + `,"dry_run":true,"cursor":"d1"}`,
		`POST /api/v1/deadletters/replay {` + filter + `}`, `POST /api/v1/deadletters/replay {` + filter + `,"cursor":"c1"}`,
	}
	if diff := cmp.Diff(want, server.asked); diff != "" {
		t.Error(diff)
	}
	if code != 1 || out != "kept dl-3: not \ufffd[31mconfigured\nreplayed 2 dead letters\n" || errs != "replayed 2 of 3\nfunnelweb: 1 dead letter could not be replayed\n" {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
}

func TestABulkActThatIsBrokenOffSaysHowFarItCame(t *testing.T) {
	server := serveScript(t, `200 {"count":5}`, `200 {"count":3,"next":"c1"}`, `503 {"title":"Service Unavailable","status":503,"detail":"Later.","request_id":"r1"}`)
	code, out, errs := server.command(t, "deadletters", "drop", "--all", "--yes", "--reason", "a test")
	if code != 1 || out != "" || !strings.Contains(errs, "dropped 3 of 5, then: the server refused (503 Service Unavailable): Later.") || !strings.Contains(errs, "Repeat the command for the rest") {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
	if diff := cmp.Diff(`POST /api/v1/deadletters/drop {"all":true,"dry_run":true,"reason":"a test"}`, server.asked[0]); diff != "" {
		t.Error(diff)
	}
}

func TestNothingIsDoneWithoutAYes(t *testing.T) {
	for _, args := range [][]string{
		{"deadletters", "replay", "--all"},
		{"deadletters", "drop", "--all", "--reason", "x"},
		{"queues", "drop", "old", "--reason", "x"},
		{"queues", "handover", "old", "new"},
	} {
		server := serveScript(t, `200 {"count":1,"more":false,"queue":{"name":"old","source":"splunk","type":"splunk.alert","configured":false,"waiting":1}}`)
		code, _, errs := server.command(t, args...)
		if code != 2 || !strings.Contains(errs, " 1 ") || !strings.Contains(errs, ": repeat the command with --yes") {
			t.Errorf("%v: exit code %d\n%s", args, code, errs)
		}
		for _, asked := range server.asked {
			if strings.HasPrefix(asked, "POST") && !strings.Contains(asked, `"dry_run":true`) {
				t.Errorf("%v: %s", args, asked)
			}
		}
	}
}

func TestTheLiveViewAsksAgainWhenTheServerWasAwayAndEndsWhenItIsRefused(t *testing.T) {
	server := serveScript(t,
		`200 {"changes":[],"next":"n0"}`,
		`200 {"events":[{"id":"splunk-a","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r","runs":[]}]}`,
		`503 {"title":"Service Unavailable","status":503,"detail":"Starting.","request_id":"r1"}`,
		`200 {"changes":[{"time":"2026-11-20T12:00:00Z","event_id":"splunk-a","type":"splunk.alert"},{"time":"2026-11-20T12:00:01Z","event_id":"splunk-b","type":"splunk.alert"},`+
			`{"time":"2026-11-20T12:00:02Z","event_id":"splunk-b","type":"splunk.alert","run":{"automation":"enrich","job":"virustotal","state":"retrying","attempts":1,"reason":"down \u001b[31mred","next_try":"2026-11-20T12:01:00Z"}}],"next":"n1"}`,
		`200 {"changes":[],"next":"n2"}`,
		`401 {"title":"Unauthorized","status":401,"detail":"No.","request_id":"r1"}`,
	)
	code, out, errs := server.command(t, "events", "--follow", "--source", "splunk", "--limit", "3")
	holdsGolden(t, "follow", out)
	if code != 1 || !strings.Contains(errs, "It is asked again and again.\nthe server is back\n") || !strings.Contains(errs, "401 Unauthorized") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	want := []string{
		"GET /api/v1/events/changes?source=splunk&wait=0", "GET /api/v1/events?limit=3&source=splunk",
		"GET /api/v1/events/changes?after=n0&source=splunk&wait=20", "GET /api/v1/events/changes?after=n0&source=splunk&wait=20",
		"GET /api/v1/events/changes?after=n1&source=splunk&wait=20", "GET /api/v1/events/changes?after=n2&source=splunk&wait=20",
	}
	if diff := cmp.Diff(want, server.asked); diff != "" {
		t.Error(diff)
	}
}

func TestTheLiveViewAsJSONIsOneObjectALine(t *testing.T) {
	change := `{"time":"2026-11-20T12:00:01Z","event_id":"splunk-b","type":"splunk.alert","new_member":1}`
	server := serveScript(t, `200 {"changes":[],"next":"n0"}`, `200 {"events":[]}`, `200 {"changes":[`+change+`],"next":"n1"}`, `403 {"title":"Forbidden","status":403,"detail":"No.","request_id":"r1"}`)
	if _, out, _ := server.command(t, "events", "-f", "--json"); out != change+"\n" {
		t.Errorf("got %s", out)
	}
}

func TestCallsThatContradictThemselvesAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"events", "splunk-a", "--state", "dead"},
		{"events", "splunk-a", "--follow"},
		{"events", "--follow", "--since", "2026-11-20T08:00:00Z"},
		{"events", "--since", "yesterday"},
		{"deadletters", "--until", "2026-13-01"},
		{"deadletters", "replay"},
		{"deadletters", "replay", "x", "--all"},
		{"deadletters", "replay", "--all", "--job", "x"},
		{"deadletters", "drop", "x"},
		{"deadletters", "drop", "x", "--reason", "y", "--service", "z"},
		{"queues", "drop", "x"},
		{"queues", "handover", "x"},
	} {
		server := serveScript(t, `200 {}`)
		if code, _, errs := server.command(t, args...); code != 2 || len(server.asked) > 0 {
			t.Errorf("%v: exit code %d, asked %v\n%s", args, code, server.asked, errs)
		}
	}
}

const leftQueue = `"queue":{"name":"old","source":"splunk","type":"splunk.alert","configured":false,"waiting":520,"oldest":"2026-11-19T12:00:00Z","left_at":"2026-11-20T12:00:00Z"}`

func TestQueuesAreSettledUntilNothingIsLeft(t *testing.T) {
	server := serveScript(t, `200 {"count":520,"more":false,`+leftQueue+`}`, `200 {"count":500,"more":true}`, `200 {"count":20,"more":false}`)
	code, out, errs := server.command(t, "queues", "handover", "old", "new", "--reason", "renamed", "--source", "splunk", "--yes")
	const call = `POST /api/v1/queues/handover {"from":"old","to":"new","source":"splunk","reason":"renamed"`
	if diff := cmp.Diff([]string{call + `,"dry_run":true}`, call + "}", call + "}"}, server.asked); diff != "" || code != 0 || out != "handed over 520 events\n" || errs != "handed over 500 of 520\n" {
		t.Errorf("exit code %d\n%s\n%s\n%s", code, out, errs, diff)
	}
}

func TestWhatActsDidIsToldToProgramsAsOneDocument(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string
		args    []string
		want    string
		code    int
	}{
		"a queue": {
			[]string{`200 {"count":520,"more":false,` + leftQueue + `}`, `200 {"count":500,"more":true}`, `200 {"count":20,"more":false}`},
			[]string{"queues", "drop", "old", "--reason", "x", "--yes", "--json"},
			`{"count":520}`, 0,
		},
		"dead letters": {
			[]string{`200 {"count":3,"failed":[]}`, `200 {"count":2,"failed":[{"id":"x1","reason":"gone"}]}`},
			[]string{"deadletters", "drop", "--all", "--reason", "x", "--yes", "--json"},
			`{"count":2,"failed":[{"id":"x1","reason":"gone"}]}`, 1,
		},
		"none of them": {
			[]string{`200 {"count":0,"failed":[]}`, `200 {"count":0,"failed":[]}`},
			[]string{"deadletters", "replay", "--all", "--json"},
			`{"count":0}`, 0,
		},
		"one of them": {[]string{`200 {"id":"x1"}`}, []string{"deadletters", "replay", "x1", "--json"}, `{"id":"x1"}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := serveScript(t, c.answers...)
			code, out, errs := server.command(t, c.args...)
			if diff := cmp.Diff(c.want+"\n", out); diff != "" || code != c.code {
				t.Errorf("exit code %d, %s\n-want +got\n%s", code, errs, diff)
			}
		})
	}
}

func TestWhoIsAskedAboutAQueueIsToldWhatWouldHappen(t *testing.T) {
	for want, args := range map[string][]string{
		"drop 520 events of old (splunk.alert, the oldest of 2026-11-19 12:00:00 UTC) for good?":                                       {"queues", "drop", "old", "--reason", "x"},
		"hand over 520 events of old (splunk.alert, the oldest of 2026-11-19 12:00:00 UTC) to new, but for those that it has already?": {"queues", "handover", "old", "new"},
	} {
		server := serveScript(t, `200 {"count":520,"more":false,`+leftQueue+`}`)
		if _, _, errs := server.command(t, args...); !strings.Contains(errs, want) {
			t.Errorf("%v: %s", args, errs)
		}
	}
}

func TestWhatWouldBeRefusedIsNotAskedAbout(t *testing.T) {
	for _, args := range [][]string{
		{"queues", "drop", "old", "--reason", "x"},
		{"queues", "handover", "old", "new"},
		{"deadletters", "replay", "--all"},
		{"deadletters", "drop", "--all", "--reason", "x"},
	} {
		for _, refusal := range []string{
			`404 {"title":"Not Found","status":404,"detail":"There is none.","request_id":"r1"}`,
			`409 {"title":"Conflict","status":409,"detail":"It is configured.","request_id":"r1"}`,
			`403 {"title":"Forbidden","status":403,"detail":"This needs the scope admin.","request_id":"r1"}`,
		} {
			server := serveScript(t, refusal)
			code, _, errs := server.command(t, args...)
			if code != 1 || strings.Contains(errs, "?") || !strings.Contains(errs, "the server refused ("+refusal[:3]) || len(server.asked) != 1 {
				t.Errorf("%v: exit code %d, asked %v\n%s", args, code, server.asked, errs)
			}
		}
	}
}
