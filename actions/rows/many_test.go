package rows

import (
	"slices"
	"strconv"
	"testing"

	"funnelweb/internal/sandbox/splunk"
)

// Splunk gives 50,000 rows at once at most; what a search has beyond is read from an offset on.
func TestASearchWithMoreRowsThanSplunkGivesAtOnceIsReadWhole(t *testing.T) {
	t.Parallel()
	const many = splunk.MaxCount + 1_234
	s := newStage(t, func(c *Config) { c.Max = MostRows })
	s.splunk.Add(splunk.Job{SID: sid, Fields: []string{"host", "count"}, Rows: numbered(many)})
	s.ticketed(t)
	result := s.run(t)
	if want := "attached " + strconv.Itoa(many) + " of " + strconv.Itoa(many) + " rows on SEC-1"; result.Summary != want {
		t.Errorf("%q, want %q", result.Summary, want)
	}
	read := s.attached(t)
	last := strconv.Itoa(many - 1)
	if len(read) != many+1 || !slices.Equal(read[many], []string{"host" + last, last}) {
		t.Errorf("%d lines, the last is %v", len(read), read[len(read)-1])
	}
	if told := s.comments(); len(told) != 0 {
		t.Errorf("told %q", told)
	}
}
