package rows

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/splunk"
)

// wide is a row of so many columns.
func wide(columns int) map[string]any {
	row := map[string]any{}
	for i := range columns {
		row[fmt.Sprintf("c%05d", i)] = "x"
	}
	return row
}

func TestWhatTheFileLeavesOutIsToldInTheNoteAndTheSummary(t *testing.T) {
	t.Parallel()
	long := map[string]any{"a": strings.Repeat("é", 32_001), "b": "x", "c": strings.Repeat("x", 32_000)}
	for name, test := range map[string]struct {
		rows          []map[string]any
		notes         []string
		summary       string
		columns, line int
	}{
		"as many columns as there may be": {[]map[string]any{wide(2_000)}, []string{}, "attached 1 of 1 rows", 2_000, 2},
		"more columns": {
			[]map[string]any{wide(2_003), wide(2_003)},
			[]string{"rows.csv has 2000 of the 2003 columns of the search."},
			"attached 2 of 2 rows, without 3 columns", 2_000, 3,
		},
		"cells that are cut": {
			[]map[string]any{long, {"b": "y"}, long},
			[]string{"rows.csv has 2 cells cut to 32000 characters."},
			"attached 3 of 3 rows, with 2 cells cut", 3, 4,
		},
		"both": {
			[]map[string]any{wide(2_001), {"c00000": strings.Repeat("x", 40_000)}},
			[]string{"rows.csv has 2000 of the 2001 columns of the search. rows.csv has 1 cell cut to 32000 characters."},
			"attached 2 of 2 rows, without 1 column, with 1 cell cut", 2_000, 3,
		},
		"a cut cell of a column that is left out": {
			[]map[string]any{wide(2_000), {"zz": strings.Repeat("x", 40_000)}},
			[]string{"rows.csv has 2000 of the 2001 columns of the search."},
			"attached 2 of 2 rows, without 1 column", 2_000, 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.splunk.Add(splunk.Job{SID: sid, Rows: test.rows})
			s.ticketed(t)
			result := s.run(t)
			if diff := cmp.Diff(test.notes, s.comments()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if result.Summary != test.summary+" on SEC-1" {
				t.Errorf("summary %q", result.Summary)
			}
			if read := s.attached(t); len(read) != test.line || len(read[0]) != test.columns {
				t.Errorf("%d lines of %d columns", len(read), len(read[0]))
			}
		})
	}
}

// What a cell becomes on its way to the file is what counts: a control byte becomes three.
func TestHostileRowsFillTheFileAndNoMore(t *testing.T) {
	t.Parallel()
	growing := make([]map[string]any, 3_000) // each row has a column of its own, which lengthens all rows before it
	for i := range growing {
		growing[i] = map[string]any{fmt.Sprintf("c%04d", i): "x"}
	}
	control := slices.Repeat([]map[string]any{{"a": strings.Repeat("\x01", 31_999)}}, 250)
	for name, test := range map[string]struct {
		rows  []map[string]any
		least int
	}{
		"control bytes":           {control, 80},
		"columns that grow":       {growing, 1_000},
		"names that are too long": {[]map[string]any{{strings.Repeat("n", 2<<20): "x", "a": "y"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.splunk.Add(splunk.Job{SID: sid, Rows: test.rows})
			s.ticketed(t)
			s.run(t)
			read := s.attached(t)
			if size := len(s.tickets.Tickets()[0].Files[0].Body); size > maxCSV || len(read)-1 < test.least {
				t.Errorf("%d rows in %d bytes", len(read)-1, size)
			}
			if told := s.comments(); len(told) != 1 || !strings.HasPrefix(told[0], "rows.csv ") {
				t.Errorf("told %.200q", told)
			}
		})
	}
}

func TestTheSizeThatIsCountedIsThatOfTheFile(t *testing.T) {
	t.Parallel()
	sheet := newSheet()
	for _, row := range []map[string]value{{"a\"": "\"\x01", "=b": "=1"}, {"c": "ü\r\n"}, {}, {"a\"": value(strings.Repeat("\xff", 40_000))}} {
		if !sheet.add(&page{Results: []map[string]value{row}}) {
			t.Fatal("no room")
		}
		if got := len(sheet.csv()); sheet.size != got {
			t.Errorf("counted %d bytes of %d", sheet.size, got)
		}
	}
}

func TestARowThatIsLargerThanTheFileIsAReason(t *testing.T) {
	t.Parallel()
	row := map[string]any{}
	for i := range 140 {
		row[fmt.Sprint("c", i)] = strings.Repeat(`"`, 31_999)
	}
	s := newStage(t, nil)
	s.splunk.Add(splunk.Job{SID: sid, Rows: []map[string]any{row}})
	s.ticketed(t)
	s.run(t)
	if diff := cmp.Diff([]string{"The rows of the search are not attached: the first alone has more than the file may hold."}, s.comments()); diff != "" || len(s.tickets.Tickets()[0].Files) != 0 {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestAFailureForGoodIsToldOnTheTicketBeforeTheJobEnds(t *testing.T) {
	t.Parallel()
	large := &framework.ServiceError{Service: "jira", Op: "attach file", Reason: "the file rows.csv has 9 bytes, and this Jira takes 8", Permanent: true}
	full := &framework.ServiceError{Service: "archive", Op: "store object", Reason: "the object is larger than 16777216 bytes", Permanent: true}
	for name, test := range map[string]struct {
		prepare func(*stage)
		note    string
	}{
		"Jira takes no file of this size": {
			func(s *stage) { s.tickets.FailNext(frameworktest.AddFile, large, large) },
			"The rows of the search are not attached: jira: attach file: the file rows.csv has 9 bytes, and this Jira takes 8. They are kept in the archive as splunk-rows/2026/11/20/12/00/EVENT.csv.",
		},
		"the archive takes none": {
			func(s *stage) {
				s.archive = &frameworktest.MemoryArchive{Fail: func(call, _ string) error {
					if call == "put" {
						return full
					}
					return nil
				}}
			},
			"The rows of the search are not attached: archive: store object: the object is larger than 16777216 bytes.",
		},
		"Splunk refuses": {
			func(s *stage) { s.splunk.Faults().Add(fault.Fault{Status: 403}) },
			"The rows of the search are not attached: splunk: read search: the user of the token may not see this search: give it a role that may read the searches of alerts (status 403).",
		},
		"the alert's sid is none": {
			func(s *stage) { s.job = alert(t, "../x") },
			"The rows of the search are not attached: rows: attach rows: the event has no sid of the form that Splunk gives: no search is asked for.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.splunk.Add(splunk.Job{SID: sid, Rows: numbered(1)})
			test.prepare(s)
			_, err := s.Do(t.Context(), s.job)
			if wait, ok := errors.AsType[*framework.Wait](err); !ok || !strings.Contains(wait.Reason, "has not made a ticket") {
				t.Fatalf("without a ticket: %v", err)
			}
			s.ticketed(t)
			s.tickets.FailNext(frameworktest.AddComment, &framework.ServiceError{Service: "jira", Reason: "down"})
			if _, err = s.Do(t.Context(), s.job); err == nil || framework.IsPermanent(err) {
				t.Errorf("what could not be told is given up: %v", err)
			}
			for range 2 { // given up, and done again from the dead letters
				_, err = s.Do(t.Context(), s.job)
				if name != "Jira takes no file of this size" && !framework.IsPermanent(err) {
					t.Errorf("got %v", err)
				}
			}
			want := strings.ReplaceAll(test.note, "EVENT", s.job.Event.ID)
			if told := s.comments(); len(told) == 0 || told[0] != want || len(told) > 1 {
				t.Errorf("told (-want +got):\n%s", cmp.Diff([]string{want}, told))
			}
		})
	}
}

// A failure that was told is no obstacle once it is put right: the file comes, and what it leaves out is told as ever.
func TestWhatWasToldAndPutRightIsAttached(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.Max = 2 })
	s.splunk.Add(splunk.Job{SID: sid, Rows: numbered(3)})
	s.ticketed(t)
	s.tickets.FailNext(frameworktest.AddFile, &framework.ServiceError{Service: "jira", Op: "attach file", Reason: "too large", Permanent: true})
	if _, err := s.Do(t.Context(), s.job); !framework.IsPermanent(err) {
		t.Fatalf("got %v", err)
	}
	s.run(t)
	if told := s.comments(); len(s.attached(t)) != 3 || len(told) != 2 || told[1] != "rows.csv holds the first 2 of the 3 rows of the search." {
		t.Errorf("told %q", told)
	}
}

func TestASearchThatIsDoneAndGivesNothingIsNotWaitedForWithoutEnd(t *testing.T) {
	t.Parallel()
	const results = "GET /services/search/v2/jobs/" + sid + "/results"
	for name, test := range map[string]struct {
		met  fault.Fault
		note string
	}{
		"a preview":     {fault.Fault{Match: results, Status: 200, Body: `{"preview":true,"results":[{"a":"1"}]}`}, "Splunk gave none within 1h0m0s, though the search has ended"},
		"no content":    {fault.Fault{Match: results, Status: 204, Body: " "}, "Splunk gave none within 1h0m0s, though the search has ended"},
		"an empty page": {fault.Fault{Match: results, Status: 200, Body: `{"preview":false,"results":[]}`}, "Splunk says that there are 3, and gave none within 1h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.splunk.Add(splunk.Job{SID: sid, Rows: numbered(3)})
			s.splunk.Faults().Add(test.met)
			s.ticketed(t)
			s.run(t)
			if diff := cmp.Diff([]string{"The rows of the search are not attached: " + test.note + "."}, s.comments()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if after := s.clock.Now().Sub(frameworktest.Start()); after <= time.Hour || after > time.Hour+2*time.Minute || len(s.tickets.Tickets()[0].Files) != 0 {
				t.Errorf("after %s, %d files", after, len(s.tickets.Tickets()[0].Files))
			}
		})
	}
}

func TestAnEmptyFirstPageOfASearchWithRowsIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.splunk.Add(splunk.Job{SID: sid, Rows: numbered(3)})
	s.splunk.Faults().Add(fault.Fault{Match: "GET /services/search/v2/jobs/" + sid + "/results", Status: 200, Body: `{"preview":false,"results":[]}`, Times: 2})
	s.ticketed(t)
	s.run(t)
	if read := s.attached(t); len(read) != 4 || len(s.comments()) != 0 {
		t.Errorf("attached %v, told %q", read, s.comments())
	}
}

// What was read before Splunk gave no more is evidence all the same.
func TestRowsThatWereReadAreAttachedWhereTheOthersNeverCome(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.splunk.Add(splunk.Job{SID: sid, Rows: numbered(1_500)})
	target, err := url.Parse(s.splunk.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("offset") == "1000" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	if s.Action.splunk.base, err = url.Parse(front.URL); err != nil {
		t.Fatal(err)
	}
	s.ticketed(t)
	s.run(t)
	s.Action.splunk.deps.HTTP.CloseIdleConnections()
	if diff := cmp.Diff([]string{"rows.csv holds the first 1000 of the 1500 rows of the search."}, s.comments()); diff != "" || len(s.attached(t)) != 1_001 {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestColumnsWithoutEndAreNotReadOn(t *testing.T) {
	t.Parallel()
	sheet := newSheet()
	row := map[string]value{}
	for i := range maxColumns + maxLost {
		row[fmt.Sprint(i)] = ""
	}
	if !sheet.add(&page{Results: []map[string]value{row}}) || len(sheet.columns) != maxColumns || len(sheet.lost) != maxLost {
		t.Errorf("%d columns and %d that are left out", len(sheet.columns), len(sheet.lost))
	}
	if sheet.add(&page{Results: []map[string]value{{"one more": ""}}}) || len(sheet.rows) != 1 {
		t.Errorf("%d rows", len(sheet.rows))
	}
}
