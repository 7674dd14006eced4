package ticket_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/actions/ticket"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// cell returns what the ticket's table shows for a field.
func cell(t *testing.T, document framework.Document, name string) framework.Span {
	t.Helper()
	for _, block := range document {
		table, ok := block.(framework.Table)
		if !ok {
			continue
		}
		for _, row := range table.Rows {
			if row[0][0].Text == name {
				return row[1][0]
			}
		}
	}
	t.Fatalf("the ticket has no %s", name)
	return framework.Span{}
}

func TestAnAddressBecomesALinkOnlyWhereItLeadsToTheConfiguredService(t *testing.T) {
	t.Parallel()
	const base = "https://splunk.lab.example:8000/en-US/"
	for address, linked := range map[string]bool{
		"https://splunk.lab.example:8000/en-US/app/search/@go?sid=a%20b_1.2": true,
		"https://SPLUNK.lab.example:8000/en-US/":                             true,
		"https://splunk.lab.example:8000/en-US":                              true,
		"https://splunk.lab.example:8000/en-USA/x":                           false,
		"https://splunk.lab.example:8000/en-US/../x":                         false,
		"https://splunk.lab.example:8000/en-US/%2e%2e/x":                     false,
		`https://splunk.lab.example:8000/en-US/\..\x`:                        false,
		"http://splunk.lab.example:8000/en-US/x":                             false,
		"https://splunk.lab.example/en-US/x":                                 false,
		"https://splunk.lab.example:8000@evil.example/en-US/x":               false,
		"https://splunk.lab.example:8000.evil.example/en-US/x":               false,
		"https://a@splunk.lab.example:8000/en-US/x":                          false,
		"//splunk.lab.example:8000/en-US/x":                                  false,
		"javascript:alert(1)//splunk.lab.example:8000/en-US/":                false,
		"":                                false,
		base + strings.Repeat("x", 2_000): false,
	} {
		s := newStage(t, func(c *ticket.Config) { c.Links = map[string]string{"results_link": base} })
		s.run(t, job(t, `{"search_name":"x","results_link":"`+strings.ReplaceAll(address, `\`, `\\`)+`","result":{"results_link":"https://splunk.lab.example:8000/en-US/x"}}`))
		description := s.tickets.Tickets()[0].Description
		got := cell(t, description, "results_link")
		if (got.Link != "") != linked || linked && got.Text != "open at "+strings.SplitN(address, "/", 4)[2] {
			t.Errorf("%s is shown as %+v", address, got)
		}
		if linked && !strings.EqualFold(got.Link, address) {
			t.Errorf("%s leads to %s", address, got.Link)
		}
		if other := cell(t, description, "result.results_link"); other.Link != "" {
			t.Errorf("a value that is not configured is a link: %+v", other)
		}
	}
}

func TestWhatIsNoAddressUnderLinksIsAMistake(t *testing.T) {
	t.Parallel()
	for name, links := range map[string]map[string]string{
		"no address": {"results_link": "splunk.lab.example"}, "not of the web": {"results_link": "ftp://splunk.lab.example/"}, "with a user": {"results_link": "https://a:b@splunk.lab.example/"}, "of no field": {"": "https://splunk.lab.example/"},
	} {
		deps := frameworktest.Deps(t)
		deps.Tickets = new(frameworktest.RecordingTickets)
		config := ticket.Defaults()
		config.Project, config.Links = "SEC", links
		if _, err := ticket.New(config, deps); err == nil || !strings.Contains(err.Error(), "links.") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTimesThatAreNumbersAreToldAsTimesToo(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 11, 59, 0, 0, time.UTC)
	s := newStage(t, nil)
	s.run(t, job(t, `{"created_at":1795175940123,"timestamp":"x","result":{"_time":"1795175940.25","_indextime":1e300,"count":"1795175940","_time.":"1795175940","a":{"_time":["1795175940","1795175941"]}}}`))
	description := s.tickets.Tickets()[0].Description
	for name, want := range map[string]string{
		"created_at":        "1795175940123 (" + at.Format("2006-01-02 15:04:05 UTC") + ")",
		"result._time":      "1795175940.25 (2026-11-20 11:59:00 UTC)",
		"timestamp":         "x",
		"result._indextime": "1e300",
		"result.count":      "1795175940",
		"result._time.":     "1795175940",
		"result.a._time":    "1795175940, 1795175941",
	} {
		if got := cell(t, description, name).Text; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestASummaryThatIsTooLongIsToldWholeInTheDescription(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("😀", 126) // of two UTF-16 units each
	for name, test := range map[string]struct {
		summary, want string
		files         []string
	}{
		"it just fits":           {strings.Repeat("x", 250), "above", nil},
		"it does not":            {long, "The whole summary: " + long + "\n\nabove", nil},
		"not even in a document": {strings.Repeat("x", 9_000), "The whole summary: " + strings.Repeat("x", 8_000-19-1) + "…\nCut off here: the attached description.txt goes on.", []string{"description.txt"}},
	} {
		s := newStage(t, func(c *ticket.Config) { c.Summary, c.Description = test.summary, "above" })
		s.run(t, job(t, `{"a":"b"}`))
		made := s.tickets.Tickets()[0]
		if diff := cmp.Diff(framework.Document{framework.Text(test.want)}, made.Description[:1]); diff != "" {
			t.Errorf("%s: above the alert (-want +got):\n%s", name, diff)
		}
		var names []string
		for _, file := range made.Files {
			names = append(names, file.Name)
		}
		if diff := cmp.Diff(test.files, names); diff != "" {
			t.Errorf("%s: files (-want +got):\n%s", name, diff)
		}
	}
}

// What a field does not take is told above the description; the event must not be cut off at its end for that without being attached.
func TestRoomIsLeftForWhatFieldsDoNotTake(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fields int
		files  int
	}{"few fields": {1, 0}, "many fields": {45, 1}} {
		s := newStage(t, func(c *ticket.Config) {
			c.Description, c.Fields = strings.Repeat("d", 7_999), map[string]ticket.Texts{}
			for i := range test.fields {
				c.Fields[strings.Repeat("f", i+1)] = ticket.Texts{"x"}
			}
		})
		s.run(t, job(t, `{"search_name":"x","a":"`+strings.Repeat("a", 13_000)+`","b":"`+strings.Repeat("b", 900)+`"}`))
		if got := s.tickets.Tickets()[0].Files; len(got) != test.files {
			t.Errorf("%s: %d files, want %d", name, len(got), test.files)
		}
	}
}
