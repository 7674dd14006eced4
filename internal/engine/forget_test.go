package engine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// ledgerOf is a closed store whose ledger has entries.
func ledgerOf(t *testing.T, change func(*Options)) (dir string) {
	t.Helper()
	dir = t.TempDir()
	engine := open(t, dir, change)
	run(t, engine)
	for n := range 4 {
		if _, err := engine.Ledger().Put(t.Context(), "ticket."+strconv.Itoa(n), []byte("SEC-"+strconv.Itoa(n)), 0); err != nil {
			t.Fatal(err)
		}
	}
	if forgets(engine) {
		t.Error("a new ledger forgets")
	}
	closeEngine(t, engine)
	return dir
}

func forgets(engine *Engine) bool {
	forgetful, ok := engine.Ledger().(framework.Forgetful)
	return ok && forgetful.Forgets()
}

func TestALedgerThatLostRecordsSaysSoForAsLongAsTheyWouldHaveBeenKept(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(dir string) error
	}{
		{"a record is damaged", func(dir string) error {
			path := blockOf(dir, "KV_ledger")
			content, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, bytes.Replace(content, []byte("SEC-1"), []byte("SEC-7"), 1), 0o600))
		}},
		{"its end is cut off, within a record", func(dir string) error { return os.Truncate(blockOf(dir, "KV_ledger"), endOfRecord(dir, 3)-5) }},
		{"its end is cut off, between two records", func(dir string) error { return os.Truncate(blockOf(dir, "KV_ledger"), endOfRecord(dir, 3)) }},
		{"all of it is cut off", func(dir string) error { return os.Truncate(blockOf(dir, "KV_ledger"), 0) }},
		{"somebody moved it away", func(dir string) error { return os.RemoveAll(filepath.Join(streamsIn(dir), "KV_ledger")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clock := &frameworktest.Clock{}
			options := func(o *Options) { o.Now = clock.Now }
			dir := ledgerOf(t, options)
			closeEngine(t, open(t, dir, options))
			if err := c.damage(dir); err != nil {
				t.Fatal(err)
			}
			for n, step := range []func(){
				func() {},
				func() {},
				func() { // whoever needs the room on the disk
					if err := os.RemoveAll(filepath.Join(dir, damagedDir)); err != nil {
						t.Fatal(err)
					}
				},
				func() { clock.Advance(ledgerRetention) },
			} {
				step()
				engine := open(t, dir, options)
				if !forgets(engine) {
					t.Errorf("start %d: it does not say that it lost records", n+1)
				}
				closeEngine(t, engine)
			}
			clock.Advance(time.Minute)
			engine := open(t, dir, options)
			if forgets(engine) {
				t.Error("it forgets for ever")
			}
		})
	}
}

// endOfRecord is where a record of the ledger ends, counted from one.
func endOfRecord(dir string, number int) int64 {
	path := blockOf(dir, "KV_ledger")
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	read, err := newBlock(filepath.Dir(path), "KV_ledger", 1, content)
	if err != nil {
		return 0
	}
	at := 0
	for range number {
		at += read.record(at)
	}
	return int64(at)
}

func TestAnEffectThatTheLedgerLostIsFoundAndNotRepeated(t *testing.T) {
	dir := t.TempDir()
	tickets := map[string]string{}
	effect := func(hash string) framework.Effect {
		return framework.Effect{
			Limit: 2 * time.Second, // it has the first look wait for as long
			Find:  func(context.Context) (string, error) { return tickets[hash], nil },
			Do: func(context.Context) (string, error) {
				if tickets[hash] != "" {
					t.Errorf("%s is done twice", hash)
				}
				tickets[hash] = "SEC-" + strconv.Itoa(len(tickets)+1)
				return tickets[hash], nil
			},
		}
	}
	once := func(engine *Engine, hash string) {
		t.Helper()
		until(t, "it is known whether it was done", func() bool {
			key, err := framework.Once(t.Context(), engine.Ledger(), time.Now, "ticket."+hash, effect(hash))
			if _, waits := errors.AsType[*framework.Wait](err); waits {
				return false
			}
			if err != nil || key != tickets[hash] {
				t.Errorf("%s gave %q, %v", hash, key, err)
			}
			return true
		})
	}
	engine := open(t, dir, nil)
	for n := range 5 {
		once(engine, strconv.Itoa(n))
	}
	closeEngine(t, engine)
	if err := os.Truncate(blockOf(dir, "KV_ledger"), 100); err != nil {
		t.Fatal(err)
	}
	engine = open(t, dir, nil)
	for n := range 6 {
		once(engine, strconv.Itoa(n))
	}
	if len(tickets) != 6 {
		t.Errorf("%d tickets", len(tickets))
	}
}

func TestWhatCanBeMadeAnewIsPutAsideWhenItIsBeyondRepair(t *testing.T) {
	for _, stream := range []string{"KV_answers", "KV_quota", "KV_breakers", "PROBE"} {
		t.Run(stream, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			engine := open(t, dir, nil)
			run(t, engine)
			closeEngine(t, engine)
			for _, description := range []string{filepath.Join(streamsIn(dir), stream), filepath.Join(dir, copiesDir, stream)} {
				if err := os.Truncate(filepath.Join(description, "meta.inf"), 3); err != nil {
					t.Fatal(err)
				}
			}
			engine = open(t, dir, nil)
			inventory{}.works(t, engine)
			put, err := lastPutAside(dir, stream)
			if err != nil || put.IsZero() {
				t.Errorf("put aside at %s, %v", put, err)
			}
		})
	}
}
