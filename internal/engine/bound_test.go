package engine

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// TestAStoreThatTakesMostOfItsDiskFinishesItsEventsAfterAStart fills a store on a disk with room, and starts again when
// others have left next to nothing of that: what waits is finished.
func TestAStoreThatTakesMostOfItsDiskFinishesItsEventsAfterAStart(t *testing.T) {
	dir := t.TempDir()
	left := int64(1 << 30)
	disk := func(o *Options) { o.diskFree = func(string) (int64, error) { return left, nil } }
	engine := open(t, dir, func(o *Options) { disk(o); o.MaxStore = 2 << 20 })
	first := engine.opts.MaxStore
	down := &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		return framework.Result{}, &framework.ServiceError{Service: "jira", Op: "create issue", Reason: "down"}
	}}
	if err := engine.Run([]Automation{{Name: "ticket", On: "splunk.alert", Action: down}}); err != nil {
		t.Fatal(err)
	}
	stored, err := fill(t, engine)
	if err == nil {
		t.Fatal("it is not full")
	}
	closeEngine(t, engine)

	left = 1 << 20
	engine = open(t, dir, disk)
	if engine.opts.MaxStore >= first {
		t.Fatalf("the bound is %d, as if the disk were not full", engine.opts.MaxStore)
	}
	if _, err := engine.Ledger().Put(t.Context(), "ticket.abc", []byte("intent"), 0); err != nil {
		t.Errorf("the ledger of a store above its bound: %v", err)
	}
	if _, err := engine.Publish(t.Context(), large(t, "one more")); err == nil {
		t.Error("a store above its bound takes events")
	}
	if err := engine.Run([]Automation{{Name: "ticket", On: "splunk.alert", Action: &action{}}}); err != nil {
		t.Fatal(err)
	}
	for n := range stored {
		untilState(t, engine, large(t, strconv.Itoa(n)).ID, framework.RunDone)
	}
}

func TestTheBoundOfAStoreIsTheSameAtEachStart(t *testing.T) {
	dir := t.TempDir()
	const all = 200 << 20
	disk := func(o *Options) {
		o.MaxStore = 1 << 40
		o.diskFree = func(string) (int64, error) {
			held, err := sizeOf(dir)
			return all - held, err
		}
	}
	for start := range 3 {
		engine := open(t, dir, disk)
		if got := engine.opts.MaxStore; got > all/2 || got < all/2-1<<20 {
			t.Errorf("start %d: the store may have %d of %d bytes", start, got, all)
		}
		for n := range 100 {
			publish(t, engine, large(t, strconv.Itoa(1000*start+n)))
		}
		closeEngine(t, engine)
	}
}

func TestTheAuditLogIsNotCutBecauseTheDiskIsFull(t *testing.T) {
	dir := t.TempDir()
	free := int64(16 << 30)
	disk := func(o *Options) { o.diskFree = func(string) (int64, error) { return free, nil } }
	engine := open(t, dir, disk)
	before := auditBytes(t, engine)
	closeEngine(t, engine)
	free = 400 << 20
	if after := auditBytes(t, open(t, dir, disk)); after != before {
		t.Errorf("the audit log may have %d bytes, and %d before", after, before)
	}
}

func auditBytes(t *testing.T, engine *Engine) int64 {
	t.Helper()
	stream, err := engine.js.Stream(t.Context(), engine.auditConfig().Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatal("no audit log")
	}
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().Config.MaxBytes
}

func TestAFolderThatIsNotThereHasNoSize(t *testing.T) {
	if size, err := sizeOf(t.TempDir() + "/none"); size != 0 || err != nil {
		t.Errorf("%d, %v", size, err)
	}
}
