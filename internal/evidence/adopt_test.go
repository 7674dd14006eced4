package evidence

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// TestOneObjectThatCannotBeReadIsNoEndOfAdopting is about an old bucket with something in it that is larger than an object may be.
func TestOneObjectThatCannotBeReadIsNoEndOfAdopting(t *testing.T) {
	w := newWorld()
	for _, key := range []string{"alerts/a", "alerts/huge", "webhooks/b", "webhooks/gone"} {
		w.set(key, "of the old program")
	}
	w.onGet = func(key string) error {
		switch key {
		case "alerts/huge":
			return &framework.ServiceError{Service: "s3", Op: "read object", Permanent: true, Reason: "it is larger than an object may be"}
		case "webhooks/gone":
			return framework.ErrNoObject
		}
		return nil
	}
	told := []int{}
	adopted, err := w.replica(nil).Adopt(t.Context(), func(done int) { told = append(told, done) })
	if err != nil {
		t.Fatal(err)
	}
	want := &Adopted{Objects: 2, Refused: []Finding{{Added, "alerts/huge", "it cannot be taken in: s3: read object: it is larger than an object may be"}}}
	if diff := cmp.Diff(want, adopted); diff != "" {
		t.Errorf("adopted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{2}, told); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	w.onGet = nil
	w.remove("webhooks/gone")
	seal(t, w.replica(nil), true)
	if report := w.verify(t, Options{}); report.Objects != 2 || len(report.Findings) != 1 || report.Findings[0].Key != "alerts/huge" {
		t.Errorf("got %+v", report)
	}
}
