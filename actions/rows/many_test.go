package rows

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/sandbox/splunk"
)

// Splunk gives only so many rows at once, 50,000 unless its administrator says otherwise; what a search has beyond is read from an
// offset on, also where fewer come than were asked for.
func TestASearchWithMoreRowsThanSplunkGivesAtOnceIsReadWhole(t *testing.T) {
	t.Parallel()
	const many, atOnce = 1_234, 300
	s := stageOf(t, atOnce, func(c *Config) { c.Max = MostRows })
	s.splunk.Add(splunk.Job{SID: sid, Fields: []string{"host", "count"}, Rows: numbered(many)})
	s.ticketed(t)
	if result := s.run(t); result.Summary != "attached 1234 of 1234 rows on SEC-1" {
		t.Errorf("%q", result.Summary)
	}
	read := s.attached(t)
	if len(read) != many+1 || !slices.Equal(read[many], []string{"host1233", "1233"}) {
		t.Errorf("%d lines, the last is %v", len(read), read[len(read)-1])
	}
	if told := s.comments(); len(told) != 0 {
		t.Errorf("told %q", told)
	}
	var wanted []string
	for offset := 0; offset < many; offset += atOnce {
		wanted = append(wanted, fmt.Sprintf("GET /services/search/v2/jobs/%s/results?count=1000&offset=%d&output_mode=json", sid, offset))
	}
	if diff := cmp.Diff(wanted, s.splunk.Requests()[1:]); diff != "" {
		t.Errorf("calls of Splunk (-want +got):\n%s", diff)
	}
}
