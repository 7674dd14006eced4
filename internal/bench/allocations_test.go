package main

import "testing"

// TestAllocations pins what a request may allocate in the funnel with its three plugins, the call itself included.
func TestAllocations(t *testing.T) {
	most := map[string]float64{nameFunnel: 21, nameSigned: 32, nameForged: 33}
	if raceDetector { // pools then drop a random part of what they are given; scripts/test.sh runs this without the detector too
		for name := range most {
			most[name] += 50
		}
	}
	for _, c := range contestants() {
		limit, pinned := most[c.name]
		if !pinned {
			continue
		}
		handler, err := c.make(nil)
		if err != nil {
			t.Fatal(err)
		}
		r := newReplay(c.call)
		got := testing.AllocsPerRun(500, func() {
			if err := r.once(handler); err != nil {
				t.Fatal(err)
			}
		})
		if got > limit {
			t.Errorf("%s: %.0f allocations a request, at most %.0f were agreed on", c.name, got, limit)
		}
	}
}
