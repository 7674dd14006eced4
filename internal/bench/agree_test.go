package main

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// TestContestantsTakeAndRefuseTheSame keeps the comparison fair: all hold the same eleven fields to the same rules.
func TestContestantsTakeAndRefuseTheSame(t *testing.T) {
	good := goodCall()
	for _, c := range []struct {
		name, from, to string
		refused        bool
	}{
		{name: "the alert itself"},
		{"an id that is no UUID", `"id":"0b9d3c1e-`, `"id":"0b9d3c1e`, true},
		{"no title", `"Malware found on host"`, `""`, true},
		{"a title that is too long", `"Malware found on host"`, strconv.Quote(strings.Repeat("a", 201)), true},
		{"a severity that is not listed", `"high"`, `"worst"`, true},
		{"a time that is none", `"2026-11-20T12:00:07Z"`, `"today"`, true},
		{"a risk above 100", `:87`, `:101`, true},
		{"a risk of none", `:87`, `:0`, false},
		{"a host that is too long", `"WS-042.lab.example"`, strconv.Quote(strings.Repeat("a", 254)), true},
		{"a user without a domain", `"jdoe@lab.example"`, `"jdoe"`, true},
		{"an address that is none", `"192.0.2.42"`, `"192.0.2.256"`, true},
		{"a hash that is too short", `"275a021b`, `"275a`, true},
		{"a link with a space in its host", `"https://splunk.lab`, `"https://splunk lab`, true},
		{"no evidence", `"evidence":[`, `"evidence":[],"more":[`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := good
			changed.header = good.header.Clone()
			changed.body = bytes.Replace(good.body, []byte(c.from), []byte(c.to), 1)
			changed.header.Set(signatureIn, sign(changed.body))
			changed.header.Del("Content-Length")
			for _, contestant := range contestants() {
				handler, err := contestant.make(nil)
				if err != nil {
					t.Fatal(err)
				}
				r := newReplay(changed)
				_ = r.once(handler) // whatever the status is
				status := r.recorder.status
				if c.refused != (status >= 400 && status < 500) || !c.refused && status != http.StatusOK {
					t.Errorf("%s answers %d: %s", contestant.name, status, r.recorder.last)
				}
			}
		})
	}
}

func TestContestantsGiveTheSameAnswer(t *testing.T) {
	for _, c := range contestants() {
		if c.call.status != http.StatusOK {
			continue
		}
		handler, err := c.make(nil)
		if err != nil {
			t.Fatal(err)
		}
		r := newReplay(c.call)
		if err := r.once(handler); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var got map[string]any
		if err := json.Unmarshal(r.recorder.last, &got); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		delete(got, "$schema") // Huma's own
		want := map[string]any{
			"event_id": "0b9d3c1e-6f0a-4a58-9a55-2f7c1d9e8b42", "status": "accepted", "received_at": "2026-11-20T12:00:07Z",
			"host": "WS-042.lab.example", "evidence": 6.0,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
