package main

import "testing"

func BenchmarkInProcess(b *testing.B) {
	for _, c := range contestants() {
		b.Run(c.name, func(b *testing.B) {
			h, err := c.make(nil)
			if err != nil {
				b.Fatal(err)
			}
			r := newReplay(c.call)
			b.ReportAllocs()
			for b.Loop() {
				if err := r.once(h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
