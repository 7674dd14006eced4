package ticket_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v4"

	"funnelweb/actions/ticket"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

var golden = flag.Bool("golden", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const malware = `{
	"sid": "scheduler__admin__search__RMD5_at_1795175940_1", "search_name": "Malware found on host", "app": "search",
	"owner": "admin", "results_link": "https://splunk.lab.example/app/search/@go?sid=1",
	"result": {"user": "jdoe", "host": "WS-042", "md5": "44d88612fea8a8f36de82e1278abb02f", "count": 3,
		"_si": ["main", "WS-042"], "src.ip": "10.0.0.7", "note": "a|b [~admin]", "empty": "", "nothing": null}
}`

// stage is an action with recorders around it.
type stage struct {
	*ticket.Action
	tickets *frameworktest.RecordingTickets
	ledger  *frameworktest.MemoryLedger
	clock   *frameworktest.Clock
	log     *bytes.Buffer
}

func newStage(t *testing.T, adjust func(*ticket.Config)) stage {
	t.Helper()
	s := stage{clock: new(frameworktest.Clock), log: new(bytes.Buffer)}
	s.ledger = &frameworktest.MemoryLedger{Elapsed: s.clock.Elapsed}
	s.tickets = &frameworktest.RecordingTickets{Now: s.clock.Now, SearchLag: 10 * time.Second}
	deps := frameworktest.Deps(t)
	deps.Tickets, deps.Ledger, deps.Now, deps.Log = s.tickets, s.ledger, s.clock.Now, slog.New(slog.NewTextHandler(s.log, nil))
	config := ticket.Defaults()
	config.Project = "SEC"
	if adjust != nil {
		adjust(&config)
	}
	action, err := ticket.New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	s.Action = action
	return s
}

func job(t *testing.T, data string) framework.Job {
	t.Helper()
	event, err := framework.NewEvent("splunk.alert", data, framework.JSON(data))
	if err != nil {
		t.Fatal(err)
	}
	event.Time = frameworktest.Start()
	return framework.Job{Automation: "ticket-for-alert", Event: event, Attempt: 1}
}

func TestAnAlertBecomesATicketThatLeadsBackToIt(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *ticket.Config) {
		c.Description = "{{.owner}} should look at {{.result.host}} ({{.result._si}})."
		c.Labels = []string{"splunk", "funnelweb"}
	})
	job := job(t, malware)
	result, err := s.Do(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	want := framework.Result{Summary: "created SEC-1", Link: "https://jira.example.com/browse/SEC-1"}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	got := s.tickets.Tickets()[0].NewTicket
	compareGolden(t, "description.golden", show(got.Description))
	got.Description = nil
	label := "fw-" + job.Key()
	if diff := cmp.Diff(framework.NewTicket{
		Project: "SEC", Type: "Task", Summary: "Malware found on host", Labels: []string{"funnelweb", label, "splunk"},
	}, got); diff != "" {
		t.Errorf("ticket (-want +got):\n%s", diff)
	}
	origin, _, err := s.ledger.Get(t.Context(), "origin."+job.Key())
	if err != nil || string(origin) != job.Event.ID {
		t.Errorf("the label leads to %q (%v), want %q", origin, err, job.Event.ID)
	}
}

// show writes a document down for a person to compare.
func show(document framework.Document) string {
	var out strings.Builder
	for _, block := range document {
		switch b := block.(type) {
		case framework.Table:
			_, _ = fmt.Fprintln(&out, "table:", strings.Join(b.Header, " | "))
			for _, row := range b.Rows {
				_, _ = fmt.Fprintf(&out, "  %s | %s\n", row[0][0].Text, row[1][0].Text)
			}
		case framework.Paragraph:
			_, _ = fmt.Fprintln(&out, "paragraph:", b[0].Text)
		case framework.Preformatted:
			_, _ = fmt.Fprintf(&out, "preformatted:\n%s\n", b.Text)
		default:
			_, _ = fmt.Fprintf(&out, "%T\n", b)
		}
	}
	return out.String()
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *golden {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestSummariesRenderWhateverAnAlertLacks(t *testing.T) {
	t.Parallel()
	const demoSummary = `{{or .search_name "Unnamed alert"}}{{with .result.user}} ({{.}}){{end}}`
	const unnamed = "splunk.alert of 2026-11-20 12:00:00 UTC without a name"
	for name, test := range map[string]struct{ template, data, want string }{
		"a name":                            {"{{.search_name}}", malware, "Malware found on host"},
		"the default takes a title too":     {ticket.Defaults().Summary, `{"title":"From Threat Stack"}`, "From Threat Stack"},
		"a null name":                       {"{{.search_name}}", `{"search_name":null}`, unnamed},
		"no name at all":                    {"{{.search_name}}", `{}`, unnamed},
		"a blank name":                      {"{{.search_name}}", `{"search_name":" \n "}`, unnamed},
		"a member of nothing":               {"x{{.a.b.c}}y", `{}`, "xy"},
		"a text that only looks like a gap": {"{{.a}}", `{"a":"<no value>"}`, "<no value>"},
		"several values":                    {"{{.result._si}}", malware, "main, WS-042"},
		"a name with a dot":                 {`{{index .result "src.ip"}}`, malware, "10.0.0.7"},
		"an object":                         {"{{.a}}", `{"a":{"c":1,"b":[true,null]}}`, `{"b":[true,null],"c":1}`},
		"a long number":                     {"{{.a}}", `{"a":12345678901234567890}`, "12345678901234567890"},
		"a number beyond every machine's":   {"{{.a}} {{.b}}", `{"a":1e999,"b":{"c":-1e999}}`, `1e999 {"c":-1e999}`},
		"a condition on what is missing":    {"{{if .a}}a{{else}}{{with .b}}{{.}}{{else}}none{{end}}{{end}}", `{}`, "none"},
		"the demo's, of an alert with all":  {demoSummary, malware, "Malware found on host (jdoe)"},
		"the demo's, of one with nothing":   {demoSummary, `{"search_name":null}`, "Unnamed alert"},
		"a comparison":                      {`{{if eq .sev "3"}}high{{end}}`, `{"sev":3}`, "high"},
		"a list":                            {"{{range $i, $x := .a}}{{if $i}}+{{end}}{{$x}}{{end}}", `{"a":["x",2,null]}`, "x+2+"},
		"a variable":                        {"{{$x := .a}}{{$x}}{{$y := .none}}{{$y}}", `{"a":"x"}`, "x"},
		"formatting what is missing":        {`{{printf "%s:%v" .none .a}}{{print .none}}{{html .none}}{{js .none}}{{urlquery .none}}`, `{"a":"x"}`, ":x"},
		"a template within":                 {`{{define "t"}}[{{.none}}{{.a}}]{{end}}{{template "t" .}}`, `{"a":"x"}`, "[x]"},
		"data that is no object":            {"{{.}}", `["a","b"]`, "a, b"},
		"a failure midway keeps the start":  {"a {{len .none}} b", `{}`, "a"},
		"a failure at the start":            {"{{len .none}}", `{}`, unnamed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, func(c *ticket.Config) { c.Summary = test.template })
			if _, err := s.Do(t.Context(), job(t, test.data)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, s.tickets.Tickets()[0].Summary); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			if failed := strings.Contains(name, "failure"); failed != strings.Contains(s.log.String(), "template of a ticket failed") {
				t.Errorf("log: %s", s.log)
			}
		})
	}
}

func TestATemplateCannotWriteWithoutEnd(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *ticket.Config) {
		c.Description = `{{range .a}}{{range $.a}}{{range $.a}}{{range $.a}}é{{end}}{{end}}{{end}}{{end}}`
	})
	data := `{"a":[` + strings.TrimSuffix(strings.Repeat("1,", 1_000), ",") + `]}`
	if _, err := s.Do(t.Context(), job(t, data)); err != nil {
		t.Fatal(err)
	}
	made := s.tickets.Tickets()[0]
	text := made.Description[0].(framework.Paragraph)[0].Text //nolint:forcetypeassert // the first block is the text
	if want := strings.Repeat("é", 7_999) + "…\nCut off here: the attached description.txt goes on."; text != want {
		t.Errorf("%d bytes, ending with %q", len(text), text[len(text)-60:])
	}
	if len(made.Files) != 1 || made.Files[0].Name != "description.txt" || string(made.Files[0].Body) != strings.Repeat("é", 32<<10)+"…\nCut off here: the template writes more than 64 KiB." {
		t.Errorf("%d files, the first has %d bytes", len(made.Files), len(made.Files[0].Body))
	}
}

func TestHugeAlertsAreShownInPart(t *testing.T) {
	t.Parallel()
	var fields []string
	for i := range 3_000 {
		fields = append(fields, fmt.Sprintf(`"field%04d":"%s"`, i, strings.Repeat("é", 40)))
	}
	fields = append(fields, `"a":{"b":{"c":{"d":{"e":1}}}}`, `"aa":"`+strings.Repeat("x", 100_000)+`"`)
	s := newStage(t, nil)
	if _, err := s.Do(t.Context(), job(t, "{"+strings.Join(fields, ",")+"}")); err != nil {
		t.Fatal(err)
	}
	text := show(s.tickets.Tickets()[0].Description)
	if got := len([]rune(text)); got > 30_000 {
		t.Errorf("%d characters", got)
	}
	for _, want := range []string{"  aa | xxx", "xxx…\n", "More fields, not shown here: ", "\n… cut off: the event holds all of it\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestDeepObjectsEndInJSON(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	if _, err := s.Do(t.Context(), job(t, `{"a":{"b":{"c":{"d":{"e":1}}}},"z":"plain first"}`)); err != nil {
		t.Fatal(err)
	}
	want := "table: Field | Value\n  z | plain first\n  a.b.c.d | {\"e\":1}\n"
	if got := show(s.tickets.Tickets()[0].Description); !strings.HasPrefix(got, want) {
		t.Errorf("got %s", got)
	}
}

func ambiguous() error {
	return &framework.ServiceError{Service: "jira", Op: "create issue", Reason: "cut", Ambiguous: true}
}

// run does a job as the engine would, until it succeeds.
func (s stage) run(t *testing.T, job framework.Job) {
	t.Helper()
	for range 10 {
		_, err := s.Do(t.Context(), job)
		if err == nil {
			return
		}
		s.clock.Advance(time.Second)
		if wait, ok := errors.AsType[*framework.Wait](err); ok {
			s.clock.Advance(wait.Until.Sub(s.clock.Now()))
		}
	}
	t.Fatal("10 attempts were not enough")
}

func TestThereIsOneTicketHoweverOftenAndBadlyItIsMade(t *testing.T) {
	t.Parallel()
	down := &framework.ServiceError{Service: "jira", Op: "create issue", Reason: "nothing answers"}
	for name, arrange := range map[string]func(stage){
		"all goes well":                          func(stage) {},
		"Jira is down for a while":               func(s stage) { s.tickets.FailNext(frameworktest.Create, down, down) },
		"the answer is lost after Jira made it":  func(s stage) { s.tickets.CommitThenFailNext(frameworktest.Create, ambiguous()) },
		"the answer is lost before Jira made it": func(s stage) { s.tickets.FailNext(frameworktest.Create, ambiguous()) },
		"the search fails while looking for it": func(s stage) {
			s.tickets.CommitThenFailNext(frameworktest.Create, ambiguous())
			s.tickets.FailNext(frameworktest.FindByLabel, down)
		},
		"the ledger is lost after Jira made it":    func(s stage) { failNthPut(s.ledger, 3) },
		"the ledger is lost before Jira is called": func(s stage) { failNthPut(s.ledger, 2) },
		"the ledger is lost at the start":          func(s stage) { failNthPut(s.ledger, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			arrange(s)
			job := job(t, malware)
			s.run(t, job)
			s.run(t, job) // the engine delivers at least once
			if got := len(s.tickets.Tickets()); got != 1 {
				t.Errorf("%d tickets", got)
			}
		})
	}
}

// failNthPut makes one write to the ledger fail.
func failNthPut(ledger *frameworktest.MemoryLedger, n int) {
	puts := 0
	ledger.BeforePut = func(string) error {
		if puts++; puts == n {
			return errors.New("the ledger is away")
		}
		return nil
	}
}

func TestTwoAutomationsMakeTwoTicketsOfOneAlert(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	first := job(t, malware)
	second := first
	second.Automation = "ticket-for-others"
	s.run(t, first)
	s.run(t, second)
	if got := len(s.tickets.Tickets()); got != 2 {
		t.Errorf("%d tickets", got)
	}
}

func TestARefusalIsPassedOn(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	refused := &framework.ServiceError{Service: "jira", Op: "create issue", Status: 400, Reason: "no such project", Permanent: true}
	s.tickets.FailNext(frameworktest.Create, refused)
	_, err := s.Do(t.Context(), job(t, malware))
	if !framework.IsPermanent(err) || framework.Reason(err) != refused.Public() {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationMistakesAreAllNamed(t *testing.T) {
	t.Parallel()
	deps := frameworktest.Deps(t)
	config := ticket.Config{Project: "sec", Summary: "{{.a", Description: "x\n{{nosuch .a}}", Labels: []string{"two words", ""}, SearchLag: -1}
	_, err := ticket.New(config, deps)
	if err == nil {
		t.Fatal("accepted")
	}
	want := []string{
		"project: is the key of a project, such as SEC",
		"issue_type: is missing",
		"search_lag: is negative",
		"labels[0]: is empty, too long or has a space",
		"labels[1]: is empty, too long or has a space",
		"summary: line 1: unclosed action",
		`description: line 2: function "nosuch" not defined`,
		"no ticket system is configured: add the section jira",
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func TestTheConfigurationIsReadOverTheDefaults(t *testing.T) {
	t.Parallel()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte("{project: SEC, labels: [splunk], search_lag: 100ms}"), &node); err != nil {
		t.Fatal(err)
	}
	config := ticket.Defaults()
	if err := framework.DecodeConfig(node.Content[0], "do.ticket", &config); err != nil {
		t.Fatal(err)
	}
	want := ticket.Config{
		Project: "SEC", IssueType: "Task", Summary: "{{or .search_name .title}}", Labels: []string{"splunk"},
		SearchLag: 100 * time.Millisecond,
	}
	if diff := cmp.Diff(want, config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func FuzzTemplateData(f *testing.F) {
	for _, seed := range []string{malware, `{}`, `null`, `[]`, `"x"`, `3`, `{"result":"text"}`, `{"result":{"a":[[{}]]}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		event, err := framework.NewEvent("splunk.alert", data, framework.JSON(data))
		if err != nil {
			return // no JSON
		}
		s := newStage(t, func(c *ticket.Config) { c.Description = "{{.result.user}}{{range .result}}{{.}}{{end}}" })
		if _, err := s.Do(t.Context(), framework.Job{Automation: "a", Event: event}); err != nil {
			t.Fatal(err)
		}
		made := s.tickets.Tickets()[0]
		if strings.TrimSpace(made.Summary) == "" || strings.Contains(made.Summary, "<no value>") && !strings.Contains(data, "no value") {
			t.Errorf("summary %q", made.Summary)
		}
	})
}
