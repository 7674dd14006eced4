package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// TestAWholeRangeHasNoBound is about one that does not fit into what is held of it: more alerts than are looked for in one go.
func TestAWholeRangeHasNoBound(t *testing.T) {
	s := serve(t, Defaults())
	want := make([]string, 2*chunk+10)
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for i := range want {
		want[i] = fmt.Sprintf("alert-%05d", i)
		s.keep(t, want[i], at.Add(time.Duration(i)*time.Second).Format(time.RFC3339))
	}
	if diff := cmp.Diff(want, s.listed(t, "2026-11-20", "2026-11-21")); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	lines := s.call(t, http.MethodGet, "/api/v1/s3/alert?start=2026-11-20&end=2026-11-21&format=ndjson", "").Body.String()
	if n := strings.Count(lines, "\n"); n != len(want) {
		t.Errorf("%d lines", n)
	}
}

// TestAPageIsFullWhileThereIsMore is about alerts of the first and last minute that are not in the range: they take nobody's place.
func TestAPageIsFullWhileThereIsMore(t *testing.T) {
	s := serve(t, Defaults())
	var want []string
	for i := range 60 {
		for _, minute := range []int{0, 1} {
			id := fmt.Sprintf("m%d-alert-%02d", minute, i)
			s.keep(t, id, time.Date(2026, 11, 20, 12, minute, (i*7)%60, 0, time.UTC).Format(time.RFC3339))
		}
	}
	for _, minute := range []int{0, 1} {
		for i := range 60 {
			if second := (i * 7) % 60; minute == 0 && second >= 30 || minute == 1 && second < 30 {
				want = append(want, fmt.Sprintf("m%d-alert-%02d", minute, i))
			}
		}
	}
	for _, c := range []struct {
		limit int
		sizes []int
	}{
		{1, slicesOf(1, 60)},
		{7, append(slicesOf(7, 8), 4)},
		{20, []int{20, 20, 20}},
		{60, []int{60}},
		{1000, []int{60}},
	} {
		ids, sizes := s.pages(t, fmt.Sprintf("/api/v1/s3/alert?start=2026-11-20T12:00:30Z&end=2026-11-20T12:01:30Z&limit=%d", c.limit))
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("limit %d: ids (-want +got):\n%s", c.limit, diff)
		}
		if diff := cmp.Diff(c.sizes, sizes); diff != "" {
			t.Errorf("limit %d: sizes (-want +got):\n%s", c.limit, diff)
		}
	}
}

// TestALongWayThroughAMinuteGoesOnInTheNextPage bounds what one page costs, whatever a minute holds.
func TestALongWayThroughAMinuteGoesOnInTheNextPage(t *testing.T) {
	s := serve(t, Defaults())
	early := time.Date(2026, 11, 20, 12, 0, 1, 0, time.UTC).UnixMilli()
	for i := range maxLooked + 2*lookAhead {
		s.put(t, fmt.Sprintf("webhooks/2026/11/20/12/00/early-%05d", i), fmt.Sprintf(`{"created_at":%d}`, early))
	}
	s.keep(t, "the-one", "2026-11-20T12:00:59Z")
	ids, sizes := s.pages(t, "/api/v1/s3/alert?start=2026-11-20T12:00:59Z&end=2026-11-20T12:01Z&limit=5")
	if diff := cmp.Diff([]string{"the-one"}, ids); diff != "" || len(sizes) != 2 {
		t.Errorf("in %d pages (-want +got):\n%s", len(sizes), diff)
	}
}

// TestListsAreBoundedInNumber holds all that there may be at their first object, and asks for one more.
func TestListsAreBoundedInNumber(t *testing.T) {
	s := serve(t, Defaults())
	s.keep(t, "an-alert", "2026-11-20T12:00:00Z")
	reading, goOn := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	held.Store(true)
	s.archive.Fail = func(call, _ string) error {
		if call == "list" && held.Load() {
			reading <- struct{}{}
			<-goOn
		}
		return nil
	}
	ended := make(chan int, maxLists)
	for range maxLists {
		go func() { ended <- s.call(t, http.MethodGet, hour, "").Code }()
		<-reading
	}
	held.Store(false)
	answer := s.call(t, http.MethodGet, hour, "")
	wantProblem(t, answer, http.StatusServiceUnavailable)
	if answer.Header().Get("Retry-After") != "10" {
		t.Errorf("headers: %v", answer.Header())
	}
	close(goOn)
	for range maxLists {
		if status := <-ended; status != http.StatusOK {
			t.Errorf("a list that was under way: %d", status)
		}
	}
	if answer := s.call(t, http.MethodGet, hour, ""); answer.Code != http.StatusOK {
		t.Errorf("after they have ended: %d %s", answer.Code, answer.Body)
	}
}

// TestWhatListsHoldIsBounded: an object may have any size until it is read, so that only so many are read at a time, by all lists.
func TestWhatListsHoldIsBounded(t *testing.T) {
	s := serve(t, Defaults())
	s.keepMany(t, 60)
	var now, most atomic.Int64
	s.archive.Fail = func(call, key string) error {
		if call == "get" && strings.HasPrefix(key, "alerts/") {
			running := now.Add(1)
			defer now.Add(-1)
			for seen := most.Load(); running > seen && !most.CompareAndSwap(seen, running); seen = most.Load() {
			}
		}
		return nil
	}
	ended := make(chan int)
	for range 8 {
		go func() { ended <- s.call(t, http.MethodGet, hour, "").Code }()
	}
	for range 8 {
		if status := <-ended; status != http.StatusOK {
			t.Errorf("got %d", status)
		}
	}
	if most.Load() > maxBodies/largest {
		t.Errorf("%d objects were read at a time", most.Load())
	}
}

func TestRoomIsGivenBackWhateverHappens(t *testing.T) {
	v := newViewer(framework.Deps{})
	for _, n := range []int{1, readers} {
		release, err := v.hold(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			release()
			continue
		}
		v.letGo(n, []framework.JSON{make([]byte, 1000), nil, make([]byte, largest)})()
	}
	if !v.bodies.TryAcquire(maxBodies) {
		t.Fatal("some of it was not")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.hold(gone, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who is gone waits on: %v", err)
	}
}

// TestAListThatFailsOnTheWayIsCutOff is about an archive that fails when a part of the answer has left.
func TestAListThatFailsOnTheWayIsCutOff(t *testing.T) {
	s := serve(t, Defaults())
	s.keepMany(t, 60)
	s.archive.Fail = func(call, key string) error {
		if call == "get" && strings.HasSuffix(key, "alert-0050") {
			return errors.New("canary of an inner error")
		}
		return nil
	}
	answer := httptest.NewRecorder()
	func() {
		defer func() {
			if aborted, _ := recover().(error); !errors.Is(aborted, http.ErrAbortHandler) {
				t.Error("the connection is not cut off")
			}
		}()
		s.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, hour+"&format=ndjson", nil))
	}()
	lines := strings.Split(strings.TrimSuffix(answer.Body.String(), "\n"), "\n")
	var last struct{ Problem framework.Problem }
	into(t, []byte(lines[len(lines)-1]), &last)
	if last.Problem.Status != http.StatusServiceUnavailable || len(lines) != 49 || strings.Contains(answer.Body.String(), "canary") {
		t.Errorf("%d lines: %s", len(lines), lines[len(lines)-1])
	}
}

func TestAlertsWithoutADetailAreToldUpToABound(t *testing.T) {
	out := &output{}
	for i := range maxMissing {
		if err := out.miss(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.miss("one more"); err == nil || len(out.missing) != maxMissing {
		t.Errorf("%d ids, %v", len(out.missing), err)
	}
	lines := &output{lines: true}
	for range maxMissing + 1 {
		if err := lines.miss("id"); err != nil {
			t.Fatal(err)
		}
	}
	if lines.absent != maxMissing+1 || lines.missing != nil {
		t.Errorf("lines: %d, %d ids", lines.absent, len(lines.missing))
	}
}
