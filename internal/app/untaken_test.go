package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"funnelweb/framework/frameworktest"
)

// largest is the most bytes that the splunk endpoint takes: what the engine carries, less what an event has beside the alert.
const largest = 8<<20 - 65<<10

// alertOf is an alert of so many bytes, without what may be left out, which is stored as null.
func alertOf(size int) string {
	const head, tail = `{"sid":"s1","result":{"x":"`, `"}}`
	return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
}

func TestTheLargestAlertIsStoredAndAByteMoreIsTold(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	var log frameworktest.Log
	base, _ := start(t, small(t.TempDir()), &log)
	if status, answer := send(t, http.MethodPost, base+"/api/v1/splunk/alert", goodToken, alertOf(largest)); status != http.StatusAccepted {
		t.Errorf("an alert of %d bytes: %d %s", largest, status, answer)
	}
	if strings.Contains(log.String(), "level=WARN msg=request") {
		t.Errorf("an alert that is taken is a warning")
	}
	status, answer := send(t, http.MethodPost, base+"/api/v1/splunk/alert", goodToken, alertOf(largest+1))
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(answer, fmt.Sprint(largest)) {
		t.Errorf("a byte more: %d %s", status, answer)
	}
	eventually(t, func() bool {
		return warned(log.String(), "route=/api/v1/splunk/alert", "status=413")
	})
}

// warned reports whether a line of a call is a warning that holds all of the texts.
func warned(log string, texts ...string) bool {
	for line := range strings.Lines(log) {
		all := strings.Contains(line, "level=WARN") && strings.Contains(line, "msg=request")
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			return true
		}
	}
	return false
}
