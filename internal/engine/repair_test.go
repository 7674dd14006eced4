package engine

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"funnelweb/framework"
)

// inventory is what a store holds, as its readers see it.
type inventory struct {
	events  map[string]framework.Event
	ledger  map[string]string
	letters []string
	audit   int
}

// richStore makes a closed store with something in every stream, and returns what that is.
func richStore(t *testing.T, dir string) inventory {
	t.Helper()
	held := inventory{events: map[string]framework.Event{}, ledger: map[string]string{}}
	engine := open(t, dir, killOptions)
	refuse := &action{do: func(_ context.Context, job framework.Job) (framework.Result, error) {
		if bytes.Contains(job.Event.Data, []byte("bad")) {
			return framework.Result{}, &framework.ServiceError{Service: "jira", Op: "create", Reason: "no such project", Permanent: true}
		}
		return framework.Result{Summary: "created SEC-1"}, nil
	}}
	run(t, engine, onAlert("ticket", refuse))
	for n := range 6 {
		event := alert(t, strconv.Itoa(n))
		if n%3 == 0 {
			event.Data = []byte(`{"search_name":"bad"}`)
		}
		publish(t, engine, event)
		held.events[event.ID] = event
		until(t, "it is finished", func() bool {
			state := runsOf(t, engine, event.ID)[0].State
			return state == framework.RunDone || state == framework.RunDead
		})
	}
	letters, _, err := engine.DeadLetters(t.Context(), framework.LetterFilter{}, framework.Page{Limit: 10})
	if err != nil || len(letters) != 2 {
		t.Fatal(letters, err)
	}
	if err := engine.Drop(t.Context(), framework.Act{Caller: "ann"}, letters[0].ID); err != nil {
		t.Fatal(err)
	}
	held.letters, held.audit = []string{letters[1].ID}, 2
	for n := range 6 {
		key, value := fmt.Sprintf("ticket.%d", n), fmt.Sprintf("SEC-%d", n)
		revision, err := engine.Ledger().Put(t.Context(), key, []byte("intent"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Ledger().Put(t.Context(), key, []byte(value), revision); err != nil {
			t.Fatal(err)
		}
		held.ledger[key] = value
		ask(t, engine.Answers(), key, (&provider{now: time.Now, fresh: time.Hour, value: value}).answer)
		if err := engine.Quota().Take(t.Context(), "virustotal", perDay(1000)); err != nil {
			t.Fatal(err)
		}
		if err := engine.breakers.fail(t.Context(), "jira "+strconv.Itoa(n), outage{queue: "ticket", job: key, reason: "503"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := engine.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeEngine(t, engine)
	return held
}

// blocksOf reads all blocks of a store.
func blocksOf(t *testing.T, dir string) (blocks []*block) {
	t.Helper()
	streams, err := folders(streamsIn(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range streams {
		folder := filepath.Join(streamsIn(dir), stream, "msgs")
		numbers, err := blockNumbers(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, number := range numbers {
			content, err := os.ReadFile(filepath.Join(folder, strconv.Itoa(number)+".blk"))
			if err != nil {
				t.Fatal(err)
			}
			read, err := newBlock(folder, stream, number, content)
			if err != nil {
				t.Fatal(err)
			}
			blocks = append(blocks, read)
		}
	}
	return blocks
}

// without is a block's content without the records that touch a range.
func (b *block) without(t *testing.T, from, to int) (rest []byte) {
	t.Helper()
	for at := 0; at < len(b.content); {
		size := b.record(at)
		if size == 0 {
			t.Fatalf("%s has no whole record at %d", b.path, at)
		}
		if at+size <= from || to <= at {
			rest = append(rest, b.content[at:at+size]...)
		}
		at += size
	}
	return rest
}

// flip changes a byte in the last record of a block that holds a text.
func flip(t *testing.T, path, text string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(content, []byte(text))
	if at < 0 {
		t.Fatalf("%s does not hold %q", path, text)
	}
	content[at+len(text)/2] ^= 0x2a
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func blockOf(dir, stream string) string {
	return filepath.Join(streamsIn(dir), stream, "msgs", "1.blk")
}

// TestDamageThatIsMetAtWorkIsRepaired has a server start on files that are damaged, as if they had become so while it ran.
func TestDamageThatIsMetAtWorkIsRepaired(t *testing.T) {
	log := &lockedBuffer{}
	dir := t.TempDir()
	engine := open(t, dir, func(o *Options) {
		o.mendEvery = 10 * time.Millisecond
		o.Log = slog.New(slog.NewJSONHandler(log, nil))
	})
	engine.answers.timeout = time.Second
	asked := func(question string) *provider {
		return &provider{now: time.Now, fresh: time.Hour, value: question + " is malicious"}
	}
	for _, question := range []string{"first", "second", "third"} {
		ask(t, engine.Answers(), question, asked(question).answer)
	}
	engine.embedded.mu.Lock()
	stopEmbedded(engine.embedded.server)
	flip(t, blockOf(dir, "KV_answers"), base64.StdEncoding.EncodeToString([]byte("second is malicious")))
	var err error
	engine.embedded.server, err = engine.embedded.newServer()
	engine.embedded.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is connected again", func() bool {
		_, err := engine.answers.read(t.Context(), "nothing")
		return err == nil
	})
	for _, question := range []string{"second", "third", "first"} {
		if answer := ask(t, engine.Answers(), question, asked(question).answer); string(answer.Value) != question+" is malicious" {
			t.Errorf("the answer to %s is %q", question, answer.Value)
		}
	}
	until(t, "it is repaired", func() bool {
		return strings.Count(log.String(), "records of the store are damaged; they are left out") == 1
	})
	until(t, "answers are kept again", func() bool {
		_, err := engine.answers.write(t.Context(), "again", storedAnswer{}, 0, time.Minute)
		return err == nil
	})
}

func TestDamageToABlockCostsTheRecordsThatItHit(t *testing.T) {
	dir := t.TempDir()
	richStore(t, dir)
	records := 0
	for _, whole := range blocksOf(t, dir) {
		if kept, damaged, _ := whole.sift(); damaged != nil || !bytes.Equal(kept, whole.content) {
			t.Errorf("%s: records are taken for damaged: %v", whole.path, damaged)
		}
		for at := range whole.content {
			hit := *whole
			for _, bits := range []byte{0x01, 0x80, 0xff} {
				hit.content = bytes.Clone(whole.content)
				hit.content[at] ^= bits
				kept, damaged, _ := hit.sift()
				if !bytes.Equal(kept, whole.without(t, at, at+1)) || len(damaged) != 1 {
					t.Errorf("%s: with the byte at %d changed by %#x %d of %d bytes are kept, damaged %v", whole.path, at, bits, len(kept), len(whole.content), damaged)
				}
			}
			hit.content = whole.content[:at]
			if kept, _, _ := hit.sift(); !bytes.Equal(kept, whole.without(t, at, len(whole.content))) {
				t.Errorf("%s: cut at %d %d bytes are kept", whole.path, at, len(kept))
			}
			records++
		}
	}
	if records < 10_000 {
		t.Errorf("only %d places were tried", records)
	}
}

// damage changes the content of a file, and says which bytes it hit.
type damage struct {
	name string
	do   func(content []byte, at int) (damaged []byte, to int)
}

func damages() []damage {
	return []damage{
		{"flipped", func(content []byte, at int) ([]byte, int) {
			damaged, to := bytes.Clone(content), min(at+3, len(content))
			for i := at; i < to; i++ {
				damaged[i] ^= 0x91
			}
			return damaged, to
		}},
		{"cut", func(content []byte, at int) ([]byte, int) { return content[:at], len(content) }},
	}
}

var places = flag.Int("places", 1, "at how many places of each file of a store it is damaged")

// TestAStoreWithADamagedFileServesWhatWasNotHit damages each file of a store, one at a time.
func TestAStoreWithADamagedFileServesWhatWasNotHit(t *testing.T) {
	pattern := t.TempDir()
	held := richStore(t, pattern)
	blocks := map[string]*block{}
	for _, block := range blocksOf(t, pattern) {
		blocks[block.path] = block
	}
	err := filepath.WalkDir(pattern, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == "lock" {
			return err
		}
		content, err := os.ReadFile(path)
		for _, damage := range damages() {
			for place := range *places {
				at := len(content) * (2*place + 1) / (2 * *places)
				damaged, to := damage.do(content, at)
				hit := blocks[path].touched(at, to)
				t.Run(fmt.Sprint(damage.name, path[len(pattern):], at), func(t *testing.T) {
					t.Parallel()
					dir := t.TempDir()
					if err := os.CopyFS(dir, os.DirFS(pattern)); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(dir, path[len(pattern):]), damaged, 0o600); err != nil {
						t.Fatal(err)
					}
					held.served(t, dir, hit)
				})
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// touched is the text of the records that touch a range.
func (b *block) touched(from, to int) (text string) {
	for at := 0; b != nil && at < len(b.content); at += b.record(at) {
		if at < to && from < at+b.record(at) {
			text += string(b.content[at : at+b.record(at)])
		}
	}
	return text
}

// served opens a store of which the records with a text are damaged, and checks that all others are there, and that
// everything that can be asked of it is answered.
func (i inventory) served(t *testing.T, dir, hit string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	engine := open(t, dir, killOptions)
	run(t, engine, onAlert("ticket", &action{}))
	for id := range i.events {
		status, err := engine.Event(ctx, id)
		switch {
		case errors.Is(err, framework.ErrNoEvent) && strings.Contains(hit, "ev.splunk.alert."+id):
		case err != nil:
			t.Errorf("event %s: %v", id, err)
		case len(status.Runs) != 1 || status.Runs[0].State == framework.RunRunning && !strings.Contains(hit, id):
			t.Errorf("event %s has the runs %v", id, status.Runs)
		}
	}
	for key, want := range i.ledger {
		value, _, err := engine.Ledger().Get(ctx, key)
		subject, _ := bucketKey(key)
		switch lost := strings.Contains(hit, "$KV.ledger."+subject); {
		case lost && (errors.Is(err, framework.ErrNotRecorded) || err == nil):
		case err != nil || string(value) != want:
			t.Errorf("ledger entry %s is %q, %v", key, value, err)
		}
		vt := &provider{now: time.Now, fresh: time.Hour, value: want}
		if answer := ask(t, engine.Answers(), key, vt.answer); string(answer.Value) != want {
			t.Errorf("the answer to %s is %q", key, answer.Value)
		}
		if lost := strings.Contains(hit, "$KV.answers."); !lost && vt.calls.Load() != 0 {
			t.Errorf("the answer to %s was not kept", key)
		}
	}
	if forgets, lost := engine.ledger.Forgets(), strings.Contains(hit, "$KV.ledger."); forgets != lost {
		t.Errorf("the ledger forgets: %v, and lost records: %v", forgets, lost)
	}
	letters, _, err := engine.DeadLetters(ctx, framework.LetterFilter{}, framework.Page{Limit: 10})
	if err != nil || !strings.Contains(hit, "dlq.") && len(letters) != 1 {
		t.Errorf("%d dead letters, %v", len(letters), err)
	}
	if entries, _, err := engine.Audit(ctx, framework.Page{Limit: 10}); err != nil || len(entries) == 0 && !strings.Contains(hit, "audit.") {
		t.Errorf("%d entries of the audit log, %v", len(entries), err)
	}
	i.works(t, engine)
	untilState(t, engine, alert(t, "new").ID, framework.RunDone)
}

// works checks that a store takes all that can be written into it.
func (inventory) works(t *testing.T, engine *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if err := engine.Quota().Take(ctx, "virustotal", perDay(1000)); err != nil {
		t.Errorf("quota: %v", err)
	}
	for n := range 6 {
		if err := engine.breakers.fail(ctx, "jira "+strconv.Itoa(n), outage{queue: "ticket", job: "new", reason: "503"}); err != nil {
			t.Errorf("breaker: %v", err)
		}
		key := fmt.Sprintf("ticket.%d", n)
		_, revision, err := engine.Ledger().Get(ctx, key)
		if err != nil && !errors.Is(err, framework.ErrNotRecorded) {
			t.Error(err)
		}
		if _, err := engine.Ledger().Put(ctx, key, []byte("new"), revision); err != nil {
			t.Errorf("ledger entry %s: %v", key, err)
		}
	}
	event := alert(t, "new")
	publish(t, engine, event)
	if _, err := engine.Event(ctx, event.ID); err != nil {
		t.Error(err)
	}
	if err := engine.Ready(ctx); err != nil {
		t.Error(err)
	}
}
