package scrub_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/plugins/scrub"
)

// TestWhatTheSchemaDeclaresKeepsItsName goes through a funnel, which knows the schema.
func TestWhatTheSchemaDeclaresKeepsItsName(t *testing.T) {
	type output struct {
		Declared string            `json:"E-123456"`
		Map      map[string]string `json:"map"`
		Free     framework.JSON    `json:"free"`
	}
	funnel, err := framework.NewFunnel(framework.Info{Title: "t", Version: "1"}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	route := framework.Endpoint[struct{}, output]{
		Method: http.MethodGet, Path: "/names", ID: "names",
		Handle: func(context.Context, *struct{}) (*output, error) {
			return &output{Declared: "E-123456", Map: map[string]string{"E-777777": "a"}, Free: framework.JSON(`{"E-777777":{"` + visa + `":1}}`)}, nil
		},
	}.Route()
	after := []framework.Named[framework.After]{{Name: "scrub", Part: plugin(t, everything())}}
	if err := funnel.Mount(route, framework.Chain{Public: true, After: after}); err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	funnel.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/names", nil))
	want := `{"E-123456":"[employee]","map":{"[employee]":"a"},"free":{"[employee]":{"[card]":1}}}`
	if diff := cmp.Diff(want, answer.Body.String()); diff != "" || answer.Code != http.StatusOK {
		t.Errorf("%d (-want +got):\n%s", answer.Code, diff)
	}
}

// TestManyNamesAreGivenInBoundedTime counts what is asked, by way of the names that are given: each once.
func TestManyNamesAreGivenInBoundedTime(t *testing.T) {
	var document strings.Builder
	cards := map[string]bool{}
	for i := 0; len(cards) < 2000; i++ {
		prefix := []byte("411111" + strings.Repeat("0", 9))
		for at, rest := 14, i; rest > 0; at, rest = at-1, rest/10 {
			prefix[at] = byte('0' + rest%10)
		}
		for check := byte('0'); check <= '9'; check++ {
			if card := string(prefix) + string(check); checksum(card) {
				cards[card] = true
			}
		}
	}
	document.WriteString(`{"[card] 7":0`)
	for card := range cards {
		document.WriteString(`,"` + card + `":0`)
	}
	got, err := scrubbed(t, plugin(t, scrub.Config{Cards: true}), "application/json", document.String()+"}")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for name := range strings.SplitSeq(got, `"`) {
		if strings.HasPrefix(name, "[card]") {
			names[name] = true
		}
	}
	if len(names) != 2001 || !names["[card] 2001"] || strings.Contains(got, "411111") {
		t.Errorf("%d names are left of 2001", len(names))
	}
}
