package torture

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"funnelweb/actions/ticket"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/jira"
	"funnelweb/internal/sandbox/fault"
	sandbox "funnelweb/internal/sandbox/jira"
)

// lagged is how many tickets are made for each cell of the table.
const lagged = 5

// searchLags are by how much Jira's search is behind.
func searchLags() []time.Duration {
	return []time.Duration{0, 15 * time.Second, 30 * time.Second, 45 * time.Second, 46 * time.Second, time.Minute, 5 * time.Minute, time.Hour}
}

// slowJira lets time pass before a ticket is made, and hides from those who ask by keys what the search does not show.
type slowJira struct {
	http.RoundTripper

	clock  *frameworktest.Clock
	takes  time.Duration
	noKeys bool
}

func (s *slowJira) RoundTrip(request *http.Request) (*http.Response, error) {
	switch {
	case request.Method == http.MethodPost && strings.HasSuffix(request.URL.Path, "/issue"):
		s.clock.Advance(s.takes)
	case s.noKeys && strings.HasSuffix(request.URL.Path, "/bulkfetch"):
		_ = request.Body.Close()
		body := io.NopCloser(strings.NewReader(`{"issues":[],"issueErrors":[]}`))
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: request}, nil
	}
	return s.RoundTripper.RoundTrip(request)
}

// lagSite is a Jira whose search is behind, and of which the answer to the making of a ticket is lost each time.
type lagSite struct {
	*sandbox.Server
	clock *frameworktest.Clock
	slow  *slowJira
	deps  framework.Deps
	made  int
}

func newLagSite(t *testing.T, lag time.Duration, noKeys bool) *lagSite {
	t.Helper()
	clock, token := new(frameworktest.Clock), framework.NewSecret("token-of-the-lagging-jira")
	server, err := sandbox.Start(t.Context(), sandbox.Options{
		User: jiraUser, Token: token, Projects: map[string][]string{"SEC": {"Task"}},
		SearchLag: lag, Now: clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	deps := frameworktest.Deps(t)
	s := &lagSite{Server: server, clock: clock, slow: &slowJira{deps.HTTP.Transport, clock, 0, noKeys}}
	t.Cleanup(deps.HTTP.CloseIdleConnections)
	deps.Log = slog.New(slog.DiscardHandler)
	deps.HTTP.Transport = s.slow
	deps.Now, deps.Ledger = clock.Now, &frameworktest.MemoryLedger{Elapsed: clock.Elapsed}
	deps.Tickets, err = jira.New(jira.Config{URL: server.URL(), User: jiraUser, Token: token, Flavor: jira.Cloud}, deps)
	if err != nil {
		t.Fatal(err)
	}
	s.deps = deps
	return s
}

// twice makes tickets and counts those that are there more than once. Jira takes so long to make one.
func (s *lagSite) twice(t *testing.T, searchLag, takes time.Duration) int {
	t.Helper()
	config := ticket.Defaults()
	config.Project, config.SearchLag = "SEC", searchLag
	action, err := ticket.New(config, s.deps)
	if err != nil {
		t.Fatal(err)
	}
	s.slow.takes = takes
	before := len(s.Issues())
	for range lagged {
		s.made++
		event, err := framework.NewEvent("splunk.alert", fmt.Sprint(s.made), framework.JSON(`{"search_name":"Malware found on host"}`))
		if err != nil {
			t.Fatal(err)
		}
		s.Faults().Add(fault.Fault{Match: "POST /rest/api/2/issue$", CutAfter: true, Times: 1})
		s.untilMade(t, action, framework.Job{Automation: "ticket-for-alert", Event: event})
		s.clock.Advance(2 * time.Hour) // what is there by now, the search shows
	}
	return len(s.Issues()) - before - lagged
}

// untilMade does the job as the engine would.
func (s *lagSite) untilMade(t *testing.T, action framework.Action, job framework.Job) {
	t.Helper()
	for range 10 {
		_, err := action.Do(t.Context(), job)
		if err == nil {
			return
		}
		next := time.Second
		if wait, waits := errors.AsType[*framework.Wait](err); waits {
			next = wait.Until.Sub(s.clock.Now())
		}
		s.clock.Advance(next)
	}
	t.Fatal("no ticket is made")
}

// lagTable measures how many tickets are made twice, and compares with what Effect promises.
func lagTable(t *testing.T) string {
	t.Helper()
	var sites []*lagSite
	rows := []string{"| `search_lag` | Jira makes the ticket |", "|---|---|"}
	for _, lag := range searchLags() {
		rows[0] += fmt.Sprintf(" %s |", lagText(lag))
		rows[1] += "---|"
		sites = append(sites, newLagSite(t, lag, true))
	}
	for _, searchLag := range []time.Duration{0, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute} {
		for _, takes := range []time.Duration{0, framework.DefaultLimit} {
			row := fmt.Sprintf("| %s | %s |", lagText(searchLag), map[bool]string{true: "at once", false: "at the end of the 15 s"}[takes == 0])
			for i, lag := range searchLags() {
				got, want := sites[i].twice(t, searchLag, takes), 0
				if takes+lag > framework.DefaultLimit+searchLag {
					want = lagged
				}
				if got != want {
					t.Errorf("search_lag %s, made after %s, search behind by %s: %d of %d are there twice, want %d", searchLag, takes, lag, got, lagged, want)
				}
				row += fmt.Sprintf(" %d |", got)
			}
			rows = append(rows, row)
		}
	}
	return strings.Join(rows, "\n") + "\n"
}

func lagText(lag time.Duration) string {
	text := strings.TrimSuffix(strings.TrimSuffix(lag.String(), "0s"), "0m")
	switch {
	case lag == 0:
		return "0 s"
	case lag < time.Minute:
		return strings.TrimSuffix(lag.String(), "s") + " s"
	default:
		return strings.NewReplacer("h", " h", "m", " min").Replace(text)
	}
}

// TestTicketsMadeTwiceBecauseTheSearchIsBehind is the measurement that docs/torture.md and docs/operations.md show.
func TestTicketsMadeTwiceBecauseTheSearchIsBehind(t *testing.T) {
	t.Parallel()
	table := lagTable(t)
	for _, page := range []string{"../../docs/torture.md", "../../docs/operations.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\n"+table) {
			t.Errorf("%s does not show the table as it was measured:\n%s", page, table)
		}
	}
}

// TestNoTicketIsMadeTwiceHoweverFarTheSearchIsBehind is the same with what the product does on Cloud: reading by keys.
func TestNoTicketIsMadeTwiceHoweverFarTheSearchIsBehind(t *testing.T) {
	t.Parallel()
	for _, lag := range slices.Concat(searchLags(), []time.Duration{24 * time.Hour}) {
		site := newLagSite(t, lag, false)
		for _, searchLag := range []time.Duration{0, 30 * time.Second} {
			for _, takes := range []time.Duration{0, framework.DefaultLimit} {
				if twice := site.twice(t, searchLag, takes); twice != 0 {
					t.Errorf("search_lag %s, made after %s, search behind by %s: %d of %d are there twice", searchLag, takes, lag, twice, lagged)
				}
			}
		}
	}
}
