package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"funnelweb/framework/frameworktest"
	"funnelweb/internal/evidence"
)

// TestABucketOnARealServerIsSealedByTwoReplicasAndVerified seals on a real S3 server, and changes its files behind its back.
func TestABucketOnARealServerIsSealedByTwoReplicasAndVerified(t *testing.T) {
	gateway := startVersityGatewayIn(t, t.TempDir())
	config := newBucket(t, gateway.url)
	clock := new(frameworktest.Clock)
	replica := func() *evidence.Archive {
		return evidence.New(newS3(t, config), evidence.Deps{Now: clock.Now, Log: frameworktest.Deps(t).Log})
	}
	a, b := replica(), replica()
	var group sync.WaitGroup
	for i := range 20 {
		for _, to := range []*evidence.Archive{a, b} { // both put the same
			group.Go(func() {
				if err := to.Put(t.Context(), fmt.Sprintf("webhooks/2026/11/20/12/00/alert-%02d", i), []byte("body")); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	clock.Advance(2 * time.Hour)
	for _, by := range []*evidence.Archive{a, b} {
		group.Go(func() {
			if _, err := by.Seal(t.Context(), false); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	verify := func(findings int) *evidence.Report {
		t.Helper()
		report, err := evidence.Verify(t.Context(), newS3(t, config), evidence.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if report.Manifests != 2 || report.Objects != 20 || len(report.Findings) != findings {
			t.Errorf("got %+v", report)
		}
		return report
	}
	verify(0)
	file := filepath.Join(gateway.folder, config.Bucket, config.Prefix, "webhooks/2026/11/20/12/00/alert-07")
	if err := os.WriteFile(file, []byte("BODY"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(file), "alert-08")); err != nil {
		t.Fatal(err)
	}
	report := verify(2)
	if report.Findings[0].Kind != evidence.Changed || report.Findings[1].Kind != evidence.Missing {
		t.Errorf("got %+v", report.Findings)
	}
}
