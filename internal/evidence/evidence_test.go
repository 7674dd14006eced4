package evidence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestAnHourIsSealedWhenItIsOver(t *testing.T) {
	w := newWorld()
	a := w.replica(nil)
	put(t, a, "webhooks/2026/11/20/12/00/alert-1", "one")
	put(t, a, "webhooks/2026/11/20/12/00/alert-2", "two")
	put(t, a, "webhooks/2026/11/20/12/00/alert-1", "one")
	if got := seal(t, a, false); got != nil {
		t.Errorf("the hour is not over and was sealed: %v", got)
	}
	w.clock.Advance(hour)
	put(t, a, "webhooks/2026/11/20/11/59/late-1", "late")
	seal(t, a, false)
	w.clock.Advance(hour)
	seal(t, a, false)

	const first = `funnelweb-manifest 1
hour 2026-11-20T12:00:00Z
part 1 of 1
previous 0000000000000000000000000000000000000000000000000000000000000000
objects 2
7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed 3 2026-11-20T12:00:00.000Z webhooks/2026/11/20/12/00/alert-1
3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3 3 2026-11-20T12:00:00.000Z webhooks/2026/11/20/12/00/alert-2
`
	got := string(w.objects["seals/manifests/2026/11/20/12/0001"])
	if diff := cmp.Diff(first, withoutSeal(got)); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if second := string(w.objects["seals/manifests/2026/11/20/13/0001"]); !strings.Contains(second, "late-1") || !strings.Contains(second, "2026-11-20T13:00:00.000Z") {
		t.Errorf("what was late is not in the hour in which it came: %s", second)
	}
	report := w.verify(t, Options{})
	if diff := cmp.Diff([]string{}, told(report)); diff != "" || report.Manifests != 2 || report.Objects != 3 || report.Read != 3 {
		t.Errorf("got %+v, findings (-want +got):\n%s", report, diff)
	}
}

func withoutSeal(manifest string) string {
	text, _, _ := strings.Cut(manifest, "seal ")
	return text
}

func TestNothingIsWrittenBeforeTheFirstObject(t *testing.T) {
	w := newWorld()
	a := w.replica(nil)
	w.clock.Advance(100 * hour)
	if got := seal(t, a, true); got != nil || len(w.objects) != 0 {
		t.Errorf("got %v and %d objects", got, len(w.objects))
	}
}

func TestQuietHoursAreSealedToo(t *testing.T) {
	w := newWorld()
	a := w.replica(nil)
	put(t, a, "a/b", "body")
	w.clock.Advance(50 * hour)
	if got := seal(t, a, false); !got.Hour.Equal(frameworktest.Start().Add(49 * hour)) {
		t.Errorf("the newest seal is of %s", got.Hour)
	}
	if report := w.verify(t, Options{}); report.Manifests != 50 || len(report.Findings) != 0 {
		t.Errorf("got %+v", report)
	}
}

func TestTheAccountIsNotForOthersToWrite(t *testing.T) {
	w := newWorld()
	for _, key := range []string{"seals", "seals/first", "seals/manifests/2026/11/20/12/0001"} {
		if err := w.replica(nil).Put(t.Context(), key, nil); !framework.IsPermanent(err) || len(w.objects) != 0 {
			t.Errorf("%s: got %v and %d objects", key, err, len(w.objects))
		}
	}
}

func TestARefusedObjectIsNotEntered(t *testing.T) {
	w := newWorld()
	a := w.replica(nil)
	put(t, a, "a/b", "first")
	if err := a.Put(t.Context(), "a/b", []byte("second")); !errors.Is(err, framework.ErrDifferent) {
		t.Fatalf("got %v", err)
	}
	seal(t, a, true)
	if report := w.verify(t, Options{}); len(report.Findings) != 0 || report.Objects != 1 {
		t.Errorf("got %+v", report)
	}
}

func TestSealNowMovesWritersOn(t *testing.T) {
	w := newWorld()
	a, b := w.replica(nil), w.replica(nil)
	put(t, b, "a/1", "one")
	for i := range 3 { // the hours to write to run ahead of the clock
		put(t, a, fmt.Sprintf("b/%d", i), "body")
		seal(t, a, true)
		put(t, b, fmt.Sprintf("c/%d", i), "body")
	}
	w.clock.Advance(10 * hour)
	seal(t, b, false)
	if report := w.verify(t, Options{}); len(report.Findings) != 0 || report.Objects != 7 || report.Manifests != 10 {
		t.Errorf("got %+v", report)
	}
}

func TestAReplicaWhoseClockIsBehindLosesNothing(t *testing.T) {
	w := newWorld()
	behind := new(frameworktest.Clock)
	slow := New(w.disk, Deps{Now: behind.Now, Log: w.log.Logger()})
	w.clock.Advance(3 * hour)
	put(t, w.replica(nil), "a/1", "one") // sealing begins at 15:00
	put(t, slow, "a/2", "two")           // where it is 12:00
	w.clock.Advance(hour)
	seal(t, w.replica(nil), false)
	put(t, slow, "a/3", "three")
	if report := w.verify(t, Options{}); len(report.Findings) != 0 || report.Objects != 2 || report.Waiting != 1 {
		t.Errorf("got %+v", report)
	}
}

func TestManyEntriesAreSeveralParts(t *testing.T) {
	w := newWorld()
	a := w.replica(nil)
	put(t, a, "x/first", "body")
	entries := make([]Entry, 2*maxEntries)
	for i := range entries {
		entries[i] = Entry{Key: fmt.Sprintf("many/%06d", i), StoredAt: w.clock.Now()}
	}
	for len(entries) > 0 {
		if err := a.write(t.Context(), entries[:maxBatch]); err != nil {
			t.Fatal(err)
		}
		entries = entries[maxBatch:]
	}
	seal(t, a, true)
	put(t, a, "x/second", "body")
	w.clock.Advance(2 * hour)
	seal(t, w.replica(nil), false)
	want := []string{
		"seals/manifests/2026/11/20/12/0001", "seals/manifests/2026/11/20/12/0002", "seals/manifests/2026/11/20/12/0003",
		"seals/manifests/2026/11/20/13/0001",
	}
	if diff := cmp.Diff(want, w.keysBelow(manifests)); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
	report := w.verify(t, Options{})
	if len(report.Findings) != 2*maxEntries || report.Objects != 2*maxEntries+2 { // the many were never put
		t.Errorf("got %d findings of %d objects", len(report.Findings), report.Objects)
	}
	for _, finding := range report.Findings[:3] {
		if finding.Kind != Missing || !strings.HasPrefix(finding.Key, "many/") {
			t.Errorf("got %+v", finding)
		}
	}
}

func TestWritersAndSealersAtOnceLoseNothing(t *testing.T) {
	const writers, objects = 8, 40
	w := newWorld()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sealing, writing sync.WaitGroup
	for range 3 {
		a := w.replica(nil)
		sealing.Go(func() {
			for ctx.Err() == nil {
				if _, err := a.Seal(ctx, true); err != nil && ctx.Err() == nil && !errors.Is(err, errOther) {
					t.Errorf("seal: %v", err)
				}
			}
		})
	}
	for i := range writers {
		a := w.replica(nil)
		writing.Go(func() {
			for n := range objects {
				key := fmt.Sprintf("a/%d/%d", i, n)
				for { // hours may be closed as fast as they are written to: the job is tried again
					if err := a.Put(ctx, key, []byte(key)); err == nil {
						break
					} else if _, moved := errors.AsType[*framework.ServiceError](err); !moved {
						t.Errorf("put: %v", err)
						break
					}
				}
			}
		})
	}
	writing.Wait()
	stop()
	sealing.Wait()
	seal(t, w.replica(nil), true)
	if report := w.verify(t, Options{}); len(report.Findings) != 0 || report.Objects != writers*objects || report.Waiting != 0 {
		t.Errorf("got %d objects, %d waiting, findings %v", report.Objects, report.Waiting, report.Findings)
	}
}

func TestPutsAtTheSameTimeShareTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a := w.replica(nil)
		<-a.writing // as if a segment were being written
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() { put(t, a, fmt.Sprintf("a/%d", i), "body") })
		}
		synctest.Wait()
		a.writing <- struct{}{}
		group.Wait()
		if got := len(w.keysBelow(journal)); got != 1 {
			t.Errorf("50 objects were entered in %d segments", got)
		}
	})
}

func TestOneCallerThatLeavesDoesNotTakeTheOthersAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a := w.replica(nil)
		<-a.writing
		leaving, leave := context.WithCancel(t.Context())
		var left, stayed error
		var group sync.WaitGroup
		group.Go(func() { left = a.enter(leaving, Entry{Key: "a/1"}) }) // leads the batch
		synctest.Wait()
		group.Go(func() { stayed = a.enter(t.Context(), Entry{Key: "a/2"}) })
		synctest.Wait()
		leave()
		synctest.Wait()
		a.writing <- struct{}{}
		group.Wait()
		entries, err := readJournal(t.Context(), w.disk, frameworktest.Start())
		if stayed != nil || err != nil || len(entries) != 2 {
			t.Errorf("who left got %v, who stayed %v; entered %v, %v", left, stayed, entries, err)
		}
	})
}

func TestRunSealsHourAfterHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(frameworktest.Log)
		store := newDisk()
		a := New(store, Deps{Now: time.Now, Log: log.Logger()})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		put(t, a, "a/1", "one")
		go func() { defer close(ended); a.Run(ctx) }()
		time.Sleep(2*time.Hour + time.Minute)
		store.mu.Lock()
		store.fail = func(int) (bool, bool) { return true, false }
		store.mu.Unlock()
		time.Sleep(time.Hour)
		store.mu.Lock()
		store.fail = nil
		store.mu.Unlock()
		time.Sleep(2 * time.Minute)
		stop()
		<-ended
		if got := len(store.keysBelow(manifests)); got != 3 {
			t.Errorf("%d manifests after three hours", got)
		}
		if !strings.Contains(log.String(), "archive cannot be sealed") {
			t.Errorf("the failure was not told: %s", log)
		}
	})
}
