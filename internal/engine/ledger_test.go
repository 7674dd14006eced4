package engine

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestALedgerEntryIsWrittenOnlyAtItsRevision(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	ledger := engine.Ledger()
	ctx := t.Context()
	if _, _, err := ledger.Get(ctx, "ticket.abc"); !errors.Is(err, framework.ErrNotRecorded) {
		t.Errorf("no entry: %v", err)
	}
	if _, err := ledger.Put(ctx, "ticket.abc", []byte("x"), 7); !errors.Is(err, framework.ErrConflict) {
		t.Errorf("no entry, revision 7: %v", err)
	}
	first, err := ledger.Put(ctx, "ticket.abc", []byte("intent"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Put(ctx, "ticket.abc", []byte("intent"), 0); !errors.Is(err, framework.ErrConflict) {
		t.Errorf("entry, revision 0: %v", err)
	}
	second, err := ledger.Put(ctx, "ticket.abc", []byte("done"), first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Put(ctx, "ticket.abc", []byte("late"), first); !errors.Is(err, framework.ErrConflict) {
		t.Errorf("entry, old revision: %v", err)
	}
	closeEngine(t, engine)

	value, revision, err := open(t, dir, nil).Ledger().Get(ctx, "ticket.abc")
	if err != nil || string(value) != "done" || revision != second {
		t.Errorf("after a restart %q at %d, error %v; want done at %d", value, revision, err, second)
	}
}

func TestWhatALedgerHadWhenItWasOpenedIsAsOldAsThat(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	engine := open(t, dir, nil)
	revision, err := engine.Ledger().Put(t.Context(), "ticket.abc", []byte("intent"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if age := engine.Ledger().Age(revision); age < 0 || age > time.Since(now) || engine.Ledger().Age(revision+1) != 0 {
		t.Errorf("the last is %s old, the next %s", age, engine.Ledger().Age(revision+1))
	}
	closeEngine(t, engine)

	now = time.Now()
	again := open(t, dir, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(day) } })
	opened := time.Now()
	until(t, "the entry is known to have some age", func() bool {
		least, age, most := time.Since(opened), again.Ledger().Age(revision), time.Since(now)
		if age < least || age > most {
			t.Fatalf("%s old, want %s to %s", age, least, most)
		}
		return age > 10*time.Millisecond
	})
	if age := again.Ledger().Age(revision + 1); age != 0 {
		t.Errorf("one that is not there is %s old", age)
	}
}

func TestOfManyWritersOneWins(t *testing.T) {
	ledger := open(t, t.TempDir(), nil).Ledger()
	var won, lost atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			_, err := ledger.Put(t.Context(), "ticket.abc", []byte("intent"), 0)
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, framework.ErrConflict):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 31 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

func TestEveryDocumentedLedgerKeyIsItsOwnEntry(t *testing.T) {
	ledger := open(t, t.TempDir(), nil).Ledger()
	keys := []string{
		"a", "A", "a.b", "a=b", "a=db", "a/b", ".a", "a.", "a..b", "..", "=", "==", "=e", "=d", ".", "-", "_", "/",
		"comment.SEC-1", strings.Repeat("k", 200), strings.Repeat(".", 200),
	}
	for _, key := range keys {
		if _, err := ledger.Put(t.Context(), key, []byte(key), 0); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, key := range keys {
		value, _, err := ledger.Get(t.Context(), key)
		if diff := cmp.Diff(key, string(value)); diff != "" || err != nil {
			t.Errorf("%q: %s %v", key, diff, err)
		}
	}
	for _, key := range []string{"", "a b", "a*", "a>", "ä", "a\n", "a:b", strings.Repeat("k", 201)} {
		_, _, get := ledger.Get(t.Context(), key)
		_, put := ledger.Put(t.Context(), key, nil, 0)
		if get == nil || put == nil || errors.Is(get, framework.ErrNotRecorded) {
			t.Errorf("%q: get %v, put %v", key, get, put)
		}
	}
}

func TestALedgerValueHasAtMostOneMebibyte(t *testing.T) {
	ledger := open(t, t.TempDir(), nil).Ledger()
	if _, err := ledger.Put(t.Context(), "large", make([]byte, maxLedgerValue), 0); err != nil {
		t.Error(err)
	}
	if _, err := ledger.Put(t.Context(), "larger", make([]byte, maxLedgerValue+1), 0); err == nil {
		t.Error("a larger value was taken")
	}
}

func FuzzBucketKey(f *testing.F) {
	for _, key := range []string{"ticket.abc", "a..b", "=", "=d", ".", "a b", strings.Repeat("k", 201)} {
		f.Add(key, "a=db")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		encodedA, errA := bucketKey(a)
		encodedB, errB := bucketKey(b)
		if errA != nil || errB != nil {
			return
		}
		if (a == b) != (encodedA == encodedB) {
			t.Errorf("%q and %q become %q and %q", a, b, encodedA, encodedB)
		}
		if strings.ContainsAny(encodedA, ".*> ") || encodedA == "" {
			t.Errorf("%q becomes %q", a, encodedA)
		}
	})
}

func TestALedgerEntryOutlivesEveryEventAndExpiresInTheEnd(t *testing.T) {
	if ledgerRetention < runRetention || runRetention < retention {
		t.Errorf("entries are kept for %s, runs for %s, events for %s", ledgerRetention, runRetention, retention)
	}
	dir := t.TempDir()
	engine := open(t, dir, nil)
	// A store from before had no limit.
	if _, err := engine.openBucket(t.Context(), "ledger", 0); err != nil {
		t.Fatal(err)
	}
	revision, err := engine.Ledger().Put(t.Context(), "ticket.abc", []byte("intent"), 0)
	if err != nil {
		t.Fatal(err)
	}
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	info, err := engine.ledger.bucket.stream.Info(t.Context())
	if err != nil || info.Config.MaxAge != 400*day {
		t.Errorf("entries are kept for %s, error %v", info.Config.MaxAge, err)
	}
	before, err := last(t.Context(), engine.ledger.bucket.stream, "$KV.ledger.ticket=dabc")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Ledger().Put(t.Context(), "ticket.abc", []byte("done"), revision); err != nil {
		t.Fatal(err)
	}
	after, err := last(t.Context(), engine.ledger.bucket.stream, "$KV.ledger.ticket=dabc")
	if err != nil || !after.Time.After(before.Time) {
		t.Errorf("a write does not begin the time anew: %s, then %s, error %v", before.Time, after.Time, err)
	}
}
