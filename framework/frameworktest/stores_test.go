package frameworktest_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

var errPlanned = errors.New("planned by the test")

func TestLedger(t *testing.T) {
	ctx := t.Context()

	t.Run("an entry is written over only by who has seen it last", func(t *testing.T) {
		var ledger frameworktest.MemoryLedger
		if _, _, err := ledger.Get(ctx, "a"); !errors.Is(err, framework.ErrNotRecorded) {
			t.Fatalf("Get of nothing: %v", err)
		}
		first, err := ledger.Put(ctx, "a", []byte("1"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Put(ctx, "a", []byte("2"), 0); !errors.Is(err, framework.ErrConflict) {
			t.Errorf("Put as new over an entry: %v", err)
		}
		second, err := ledger.Put(ctx, "a", []byte("3"), first)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Put(ctx, "a", []byte("4"), first); !errors.Is(err, framework.ErrConflict) {
			t.Errorf("Put at an old revision: %v", err)
		}
		value, revision, err := ledger.Get(ctx, "a")
		if err != nil || string(value) != "3" || revision != second {
			t.Errorf("Get = %q at %d, %v; want 3 at %d", value, revision, err, second)
		}
	})

	t.Run("a revision of one entry is of no use for another", func(t *testing.T) {
		var ledger frameworktest.MemoryLedger
		revision, err := ledger.Put(ctx, "a", nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Put(ctx, "b", nil, revision); !errors.Is(err, framework.ErrConflict) {
			t.Errorf("Put: %v", err)
		}
	})

	t.Run("what was written does not change with the caller's slice", func(t *testing.T) {
		var ledger frameworktest.MemoryLedger
		value := []byte("old")
		if _, err := ledger.Put(ctx, "a", value, 0); err != nil {
			t.Fatal(err)
		}
		copy(value, "new")
		got, _, _ := ledger.Get(ctx, "a")
		copy(got, "xxx")
		if got, _, _ := ledger.Get(ctx, "a"); string(got) != "old" {
			t.Errorf("Get = %q", got)
		}
	})

	t.Run("keys are of the documented form", func(t *testing.T) {
		var ledger frameworktest.MemoryLedger
		for _, key := range []string{"", "a b", "ü", "a*", "a>", "a\n", strings.Repeat("a", 201)} {
			if _, err := ledger.Put(ctx, key, nil, 0); err == nil {
				t.Errorf("Put under %q worked", key)
			}
		}
		if _, err := ledger.Put(ctx, "ticket.a_b-c/d=1", nil, 0); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"ticket.a_b-c/d=1"}, ledger.Keys()); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("a call can be told to fail before and after it did its work", func(t *testing.T) {
		fail := func(string) error { return errPlanned }
		ledger := frameworktest.MemoryLedger{BeforePut: fail}
		if _, err := ledger.Put(ctx, "a", nil, 0); !errors.Is(err, errPlanned) || len(ledger.Keys()) != 0 {
			t.Errorf("BeforePut: %v, keys %q", err, ledger.Keys())
		}
		ledger = frameworktest.MemoryLedger{AfterPut: fail}
		if _, err := ledger.Put(ctx, "a", nil, 0); !errors.Is(err, errPlanned) || len(ledger.Keys()) != 1 {
			t.Errorf("AfterPut: %v, keys %q", err, ledger.Keys())
		}
		ledger = frameworktest.MemoryLedger{BeforeGet: fail}
		if _, _, err := ledger.Get(ctx, "a"); !errors.Is(err, errPlanned) {
			t.Errorf("BeforeGet: %v", err)
		}
	})

	t.Run("a caller who is gone writes nothing", func(t *testing.T) {
		var ledger frameworktest.MemoryLedger
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := ledger.Put(gone, "a", nil, 0); !errors.Is(err, context.Canceled) || len(ledger.Keys()) != 0 {
			t.Errorf("Put: %v, keys %q", err, ledger.Keys())
		}
	})
}

func TestArchive(t *testing.T) {
	ctx := t.Context()

	t.Run("an object is written once", func(t *testing.T) {
		var archive frameworktest.MemoryArchive
		body := []byte("evidence")
		for range 2 {
			if err := archive.Put(ctx, "alerts/1", body); err != nil {
				t.Fatal(err)
			}
		}
		copy(body, "XXXXXXXX")
		if err := archive.Put(ctx, "alerts/1", body); !errors.Is(err, framework.ErrDifferent) {
			t.Errorf("Put of another body: %v", err)
		}
		if got, err := archive.Get(ctx, "alerts/1"); err != nil || string(got) != "evidence" {
			t.Errorf("Get = %q, %v", got, err)
		}
		if _, err := archive.Get(ctx, "alerts/2"); !errors.Is(err, framework.ErrNoObject) {
			t.Errorf("Get of nothing: %v", err)
		}
	})

	t.Run("a range is listed in byte order, with its start and without its end", func(t *testing.T) {
		var archive frameworktest.MemoryArchive
		for _, key := range []string{"w/3", "w/1", "w/2", "w/10", "x/1"} {
			if err := archive.Put(ctx, key, nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			prefix, from, to string
			want             []string
		}{
			{"", "", "", []string{"w/1", "w/10", "w/2", "w/3", "x/1"}},
			{"w/", "", "", []string{"w/1", "w/10", "w/2", "w/3"}},
			{"w/", "w/10", "w/3", []string{"w/10", "w/2"}},
			{"w/", "w/9", "", nil},
		} {
			var got []string
			for key, err := range archive.List(ctx, c.prefix, c.from, c.to) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, key)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("List(%q, %q, %q): %s", c.prefix, c.from, c.to, diff)
			}
		}
	})

	t.Run("keys that are no paths and bodies that are too large are refused", func(t *testing.T) {
		var archive frameworktest.MemoryArchive
		for _, key := range []string{"", "/a", "a/", "a//b", "a/../b", ".", "a b", "a\\b", "é"} {
			if err := archive.Put(ctx, key, nil); err == nil {
				t.Errorf("Put under %q worked", key)
			}
			if _, err := archive.Get(ctx, key); err == nil || errors.Is(err, framework.ErrNoObject) {
				t.Errorf("Get under %q: %v", key, err)
			}
		}
		if err := archive.Put(ctx, "a", bytes.Repeat([]byte("a"), 16<<20+1)); err == nil {
			t.Error("a body of more than 16 MiB was taken")
		}
	})

	t.Run("every call can be told to fail", func(t *testing.T) {
		var asked []string
		archive := frameworktest.MemoryArchive{Fail: func(call, key string) error {
			asked = append(asked, call+" "+key)
			return errPlanned
		}}
		_, getErr := archive.Get(ctx, "a")
		var listErr error
		for _, err := range archive.List(ctx, "p", "", "") {
			listErr = err
		}
		for _, err := range []error{archive.Put(ctx, "a", nil), getErr, listErr, archive.Check(ctx)} {
			if !errors.Is(err, errPlanned) {
				t.Errorf("error = %v", err)
			}
		}
		if diff := cmp.Diff([]string{"get a", "list p", "put a", "check "}, asked); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPublisher(t *testing.T) {
	ctx := t.Context()
	event := func(key string) framework.Event {
		made, err := framework.NewEvent("splunk.alert", key, map[string]string{"key": key})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}

	t.Run("events are kept once, with time and request filled in", func(t *testing.T) {
		var clock frameworktest.Clock
		clock.Advance(time.Minute)
		publisher := frameworktest.MemoryPublisher{Now: clock.Now}
		a, b := event("a"), event("b")
		got, err := publisher.Publish(ctx, a, b, a)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]framework.Receipt{{ID: a.ID}, {ID: b.ID}, {ID: a.ID, Duplicate: true}}, got); diff != "" {
			t.Error(diff)
		}
		a.Time, a.RequestID = clock.Now(), frameworktest.RequestID
		b.Time, b.RequestID = clock.Now(), frameworktest.RequestID
		if diff := cmp.Diff([]framework.Event{a, b}, publisher.Events()); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("a failure is a 503 that asks to repeat, and keeps what came before it", func(t *testing.T) {
		a, b := event("a"), event("b")
		publisher := frameworktest.MemoryPublisher{Fail: func(e framework.Event) error {
			if e.ID == b.ID {
				return errPlanned
			}
			return nil
		}}
		_, err := publisher.Publish(ctx, a, b)
		problem, ok := errors.AsType[*framework.Problem](err)
		if !ok || problem.Status != 503 || problem.Header.Get("Retry-After") == "" || !errors.Is(err, errPlanned) {
			t.Fatalf("error = %v", err)
		}
		if stored := publisher.Events(); len(stored) != 1 || stored[0].ID != a.ID {
			t.Errorf("stored %v", stored)
		}
	})

	t.Run("what is no event is not stored", func(t *testing.T) {
		var publisher frameworktest.MemoryPublisher
		for _, wrong := range []framework.Event{{}, {ID: "a"}, {ID: "a", Type: "x.y"}, {ID: "a", Type: "x.y", Data: framework.JSON("{")}} {
			if _, err := publisher.Publish(ctx, wrong); err == nil {
				t.Errorf("stored %+v", wrong)
			}
		}
	})
}

func TestQuota(t *testing.T) {
	var quota frameworktest.MemoryQuota
	limit := framework.Limit{Count: 4, Per: time.Minute}
	wait := &framework.Wait{Until: frameworktest.Start().Add(time.Minute), Reason: "four a minute"}
	if err := quota.Take(t.Context(), "virustotal", limit); err != nil {
		t.Fatal(err)
	}
	quota.Make("virustotal", wait)
	if err := quota.Take(t.Context(), "virustotal", limit); !errors.Is(err, wait) {
		t.Errorf("told to wait: %v", err)
	}
	if err := quota.Take(t.Context(), "other"); err != nil {
		t.Errorf("another name waits: %v", err)
	}
	quota.Make("virustotal", nil)
	if err := quota.Take(t.Context(), "virustotal", limit); err != nil {
		t.Errorf("told to grant again: %v", err)
	}
	if got := quota.Taken("virustotal"); got != 2 {
		t.Errorf("Taken = %d, want 2: a wait takes nothing", got)
	}
	if diff := cmp.Diff([]framework.Limit{limit}, quota.Limits("virustotal")); diff != "" {
		t.Error(diff)
	}
}
