//go:build !race

package scrub_test

import (
	"net/http"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// The race detector drops what a pool holds, so that this is held without it.
func TestAnswersWithNothingToTakeOutCostNoMemory(t *testing.T) {
	p := plugin(t, everythingOfOurs())
	request, body := frameworktest.Request("GET", "/", "", nil), []byte(`{"event_id":"splunk-mfrggzdfmztwq2lknnwg23tpoa","at":"2026-11-20T12:00:00Z","ip":"192.0.2.1"}`)
	response := framework.Response{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
	ctx := t.Context()
	allocations := testing.AllocsPerRun(1000, func() {
		if err := p.After(ctx, request, &response); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 0 || string(response.Body) != string(body) {
		t.Errorf("%.0f allocations, %s", allocations, response.Body)
	}
}
