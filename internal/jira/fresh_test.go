package jira_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/internal/jira"
	sandbox "funnelweb/internal/sandbox/jira"
)

func TestATicketThatTheSearchDoesNotShowYetIsFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ before, shown, after int }{
		"the project's first":                            {0, 0, 0},
		"behind one that is shown":                       {1, 1, 0},
		"among many that are not shown":                  {30, 10, 30},
		"at the end of the first page":                   {59, 10, 0},
		"at the beginning of the second page":            {60, 10, 3},
		"far ahead of what is shown":                     {420, 10, 20},
		"before some that are shown, as it is late":      {10, 10, 0},
		"among many of which the search shows none":      {120, 0, 5},
		"behind a long history and some that are hidden": {230, 200, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := newSite(t, jira.Cloud, func(o *sandbox.Options) { o.SearchLag = time.Hour })
			for i := range test.before {
				if i == test.shown {
					site.clock.Advance(time.Hour)
				}
				must(site.client.Create(t.Context(), alert(fmt.Sprint("other-", i))))(t)
			}
			want := must(site.client.Create(t.Context(), alert("fw-abc")))(t)
			for i := range test.after {
				must(site.client.Create(t.Context(), alert(fmt.Sprint("later-", i))))(t)
			}
			if got := must(site.client.FindByLabel(t.Context(), "SEC", "fw-abc"))(t); got != want {
				t.Errorf("found %q, want %s", got, want)
			}
			if got := must(site.client.FindByLabel(t.Context(), "SEC", "fw-none"))(t); got != "" {
				t.Errorf("found %q that has not the label", got)
			}
		})
	}
}

// project answers as Cloud does, with a search that shows one ticket.
type project struct {
	newest  string
	tickets func(key string) string // what is read of a ticket, or nothing
	failed  string                  // issueErrors
	pages   [][]string
}

func (p *project) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		if strings.Contains(r.URL.Query().Get("jql"), "labels") {
			answers(200, nil, `{"issues":[]}`)(w, r)
			return
		}
		answers(200, nil, p.newest)(w, r)
		return
	}
	var asked struct {
		Keys   []string `json:"issueIdsOrKeys"`
		Fields []string `json:"fields"`
	}
	if err := json.UnmarshalRead(r.Body, &asked, json.RejectUnknownMembers(true)); err != nil || len(asked.Keys) != 100 || len(asked.Fields) != 1 {
		http.Error(w, "not what Jira takes", http.StatusBadRequest)
		return
	}
	p.pages = append(p.pages, []string{asked.Keys[0], asked.Keys[99]})
	var found []string
	for _, key := range asked.Keys {
		if one := p.tickets(key); one != "" {
			found = append(found, one)
		}
	}
	answers(200, nil, `{"issues":[`+strings.Join(found, ",")+`],"issueErrors":[`+p.failed+`]}`)(w, r)
}

func TestHowFarTicketsAreReadThatTheSearchDoesNotShow(t *testing.T) {
	t.Parallel()
	const shown = `{"issues":[{"key":"SEC-200"}]}`
	only := func(wanted ...string) func(string) string {
		return func(key string) string {
			for _, one := range wanted {
				if number, labels, _ := strings.Cut(one, " "); "SEC-"+number == key {
					return `{"key":"` + key + `","fields":{"labels":["` + labels + `"]}}`
				}
			}
			return ""
		}
	}
	all := func(key string) string { return `{"key":"` + key + `","fields":{"labels":null}}` }
	for name, test := range map[string]struct {
		newest  string
		tickets func(string) string
		failed  string
		want    string
		reason  string
		pages   int
	}{
		"nothing is newer":                        {shown, only("200 x"), "", "", "", 1},
		"of two the older is taken":               {shown, only("203 fw-a", "202 fw-a"), "", "SEC-202", "", 1},
		"a label that only begins with it is not": {shown, only("203 fw-abc"), "", "", "", 2},
		"over a gap of 49":                        {shown, only("250 fw-a"), "", "SEC-250", "", 1},
		"not over one of 50":                      {shown, only("251 fw-a"), "", "", "", 1},
		"on to where a page has none":             {shown, only("210 x", "251 x", "450 fw-a"), "", "SEC-450", "", 3},
		"a project without any":                   {`{"issues":[]}`, only(), "", "", "", 1},
		"the search shows a key of elsewhere":     {`{"issues":[{"key":"OPS-900"}]}`, only("7 fw-a"), "", "SEC-7", "", 1},
		"it was moved to another project":         {shown, func(key string) string { return strings.Replace(only("203 fw-a")(key), "SEC-203", "OPS-9", 1) }, "", "OPS-9", "", 1},
		"some could not be read":                  {shown, only(), `{"id":"1","errorMessage":"later"}`, "", "jira: read new issues: Jira could not read all of them", 1},
		"there is no end":                         {shown, all, "", "", "jira: read new issues: Jira's search is behind by more than 1950 tickets", 20},
		"a key that is none":                      {shown, func(string) string { return `{"key":"../x"}` }, "", "", "jira: read new issues: the answer is not Jira's (a login or proxy page?) (status 200)", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := &project{newest: test.newest, tickets: test.tickets, failed: test.failed}
			client := serve(t, jira.Config{}, site.ServeHTTP)
			got, err := client.FindByLabel(t.Context(), "SEC", "fw-a")
			if diff := cmp.Diff([]any{test.want, test.reason, test.pages}, []any{got, framework.Reason(err), len(site.pages)}); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, site.pages)
			}
			if framework.MayHaveHappened(err) || framework.IsPermanent(err) {
				t.Errorf("a read that is not tried again: %v", err)
			}
		})
	}
}

func TestTheSearchAloneDecidesWhereKeysMayNotBeRead(t *testing.T) {
	t.Parallel()
	for status, decides := range map[int]bool{400: true, 403: true, 404: true, 410: true, 401: false, 429: false, 500: false, 503: false} {
		client := serve(t, jira.Config{}, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				answers(200, nil, `{"issues":[]}`)(w, r)
				return
			}
			answers(status, nil, `{"errorMessages":["no"]}`)(w, r)
		})
		got, err := client.FindByLabel(t.Context(), "SEC", "fw-a")
		if got != "" || (err == nil) != decides || framework.MayHaveHappened(err) {
			t.Errorf("status %d: found %q, %v", status, got, err)
		}
	}
}

func TestDataCentersSearchIsNotDoubted(t *testing.T) {
	t.Parallel()
	site := newSite(t, jira.DataCenter, nil)
	if got, err := site.client.FindByLabel(context.Background(), "SEC", "fw-a"); err != nil || got != "" {
		t.Errorf("found %q, %v", got, err) // the stand-in for Data Center refuses issue/bulkfetch
	}
}
