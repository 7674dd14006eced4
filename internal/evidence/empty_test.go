package evidence

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAnEmptyArchiveIsAsItWasPut, unless something is known of it that is gone.
func TestAnEmptyArchiveIsAsItWasPut(t *testing.T) {
	hash := Hash{1}
	for _, c := range []struct {
		name    string
		fill    func(w world)
		options Options
		want    []string
	}{
		{"nothing was ever put", func(world) {}, Options{}, []string{}},
		{"nothing but what no manifest knows", func(w world) { w.set("webhooks/a", "one") }, Options{}, []string{"added webhooks/a", "unsealed seals/first"}},
		{"a manifest is left", func(w world) { w.set("seals/manifests/2026/11/20/12/0001", "") }, Options{}, []string{"broken seals/manifests/2026/11/20/12/0001", "unsealed seals/first"}},
		{"a mark is left", func(w world) { w.set("seals/closed/2026/11/20/12", "closed\n") }, Options{}, []string{"unsealed seals/first", "unsealed seals/manifests/2026/11/20/12/0001"}},
		{"a hash was noted elsewhere", func(world) {}, Options{Contains: &hash}, []string{"missing manifest " + hash.String(), "unsealed seals/first"}},
		{"this machine has noted a chain", func(world) {}, Options{Noted: &Noted{in12, hash}}, []string{"missing " + in12, "unsealed seals/first"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			c.fill(w)
			report := w.verify(t, c.options)
			if diff := cmp.Diff(c.want, told(report)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if report.Empty != (len(c.want) == 0) {
				t.Errorf("empty: %v", report.Empty)
			}
		})
	}
}
