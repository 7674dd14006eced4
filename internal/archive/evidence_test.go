package archive

import (
	"fmt"
	"net/http"
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
	now := realNow().Add(-3 * time.Hour) // by the server's clock hours are over, too
	replica := func() *evidence.Archive {
		return evidence.New(newS3(t, config), evidence.Deps{Now: func() time.Time { return now }, Log: frameworktest.Deps(t).Log})
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
	now = now.Add(2 * time.Hour)
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

// TestARealServerTellsItsTime, by which hours are sealed.
func TestARealServerTellsItsTime(t *testing.T) {
	config := newBucket(t, startVersityGateway(t))
	got, err := newS3(t, config).Time(t.Context())
	if since := realNow().Sub(got); err != nil || since < -time.Minute || since > time.Minute {
		t.Errorf("got %s, %v", got, err)
	}
	later := func() time.Time { return realNow().Add(30 * time.Hour) }
	ahead := evidence.New(newS3(t, config), evidence.Deps{Now: later, Log: frameworktest.Deps(t).Log})
	if err := ahead.Put(t.Context(), "webhooks/a", []byte("body")); err != nil {
		t.Fatal(err)
	}
	if seal, err := ahead.Seal(t.Context(), false); seal != nil || err != nil {
		t.Errorf("a replica that is 30 hours ahead sealed %v, %v", seal, err)
	}
}

func TestTheTimeOfAStoreIsThatOfItsAnswers(t *testing.T) {
	const list = "<ListBucketResult></ListBucketResult>"
	for name, c := range map[string]struct {
		date []string
		want time.Time
	}{
		"it says so":       {[]string{"Fri, 20 Nov 2026 12:00:00 GMT"}, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)},
		"it does not":      {nil, time.Time{}},
		"it is not a time": {[]string{"noon"}, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			store := standIn(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Date"] = c.date
				_, _ = w.Write([]byte(list))
			})
			if got, err := store.Time(t.Context()); err != nil || !got.Equal(c.want) {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
	store := standIn(t, func(w http.ResponseWriter, _ *http.Request) { answerError(w, http.StatusForbidden, "AccessDenied") })
	if _, err := store.Time(t.Context()); err == nil {
		t.Error("a store that refuses tells its time")
	}
}
