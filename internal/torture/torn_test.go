package torture

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"funnelweb/internal/sandbox/fault"
)

// tortureByDamage cuts short a file of the store, or flips bytes in it, while the server is down, with events in it that are
// done and events that are not. The server must start, or refuse and say what to do; then the file is restored. Where it starts,
// everything whose own record was not hit must still be done, and once.
func tortureByDamage(t *testing.T, random *rand.Rand, trials int) account {
	t.Helper()
	w := newWorld(t, options{})
	a := account{trials: trials}
	sent := newTally()
	for trial := range trials {
		running, _ := w.mustStart(t)
		for range 5 + random.IntN(10) {
			w.post(t.Context(), sent, sent.marker(), random.IntN(800))
		}
		if random.IntN(2) == 0 {
			w.settle(t, sent, &account{})
		}
		w.jira.Faults().Add(fault.Fault{Status: http.StatusServiceUnavailable})
		for range random.IntN(10) {
			w.post(t.Context(), sent, sent.marker(), random.IntN(800))
		}
		w.stop(t, running)
		before := filepath.Join(w.dir, "before")
		copyTree(t, w.data, before)
		hit := damage(t, filepath.Join(w.data, "events"), random)
		a.note(hit.what)
		w.jira.Faults().Clear()
		running = w.start(t)
		took, err := w.ready(t, running)
		if err != nil {
			a.note("refused to start: " + hit.what)
			running.kill()
			if said := w.logTail(); !strings.Contains(said, "restore") {
				t.Errorf("%d: %s: %v, and does not say what to do:\n%s", trial, hit, err, said)
			}
			copyTree(t, before, w.data)
			running, took = w.mustStart(t)
			hit.texts = nil
		}
		a.recovered = append(a.recovered, took)
		w.excuse(sent, hit, &a)
		lost, twice := len(a.lost), len(a.twice)
		w.settle(t, sent, &a)
		if len(a.lost) > lost || len(a.twice) > twice {
			t.Errorf("%d: %s: lost %d, twice %d\n%s", trial, hit, len(a.lost)-lost, len(a.twice)-twice, w.logTail())
		}
		w.stop(t, running)
		if len(a.lost)+len(a.twice) > 0 {
			break
		}
	}
	a.accepted = sent.count()
	return a
}

// hit is what was done to a file.
type hit struct {
	file, what string
	from, to   int64
	texts      [][]byte // of the records that were hit
}

func (h hit) String() string {
	return fmt.Sprintf("%s: %s, bytes %d to %d", h.file, h.what, h.from, h.to)
}

// damage damages one file of a store.
func damage(t *testing.T, dir string, random *rand.Rand) hit {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == "damaged" {
			return filepath.SkipDir // what was put aside before
		}
		if err == nil && entry.Type().IsRegular() && entry.Name() != "lock" {
			if info, err := entry.Info(); err == nil && info.Size() > 0 {
				files = append(files, path)
			}
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatal("no files of the store: ", err)
	}
	path := files[random.IntN(len(files))]
	if chance := random.IntN(4); chance < 2 { // half of the time a file with messages, and half of those what other events need
		var blocks, needed []string
		for _, file := range files {
			if strings.HasSuffix(file, ".blk") {
				blocks = append(blocks, file)
			}
			if strings.HasSuffix(file, ".blk") && (strings.Contains(file, "/KV_ledger/") || strings.Contains(file, "/KV_answers/")) {
				needed = append(needed, file)
			}
		}
		path = blocks[random.IntN(len(blocks))]
		if chance == 0 && len(needed) > 0 {
			path = needed[random.IntN(len(needed))]
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(len(content))
	h := hit{file: path[len(dir):], to: size}
	if random.IntN(2) == 0 {
		h.from = random.Int64N(size)
		if random.IntN(2) == 0 {
			h.from = size - 1 - random.Int64N(min(size, 64))
		}
		h.what = "cut short: " + kindOf(path)
		h.texts = records(content, h.from, h.to)
		err = os.Truncate(path, h.from)
	} else {
		h.from = random.Int64N(size)
		h.to = min(size, h.from+1+random.Int64N(8))
		h.what = "bytes flipped: " + kindOf(path)
		h.texts = records(content, h.from, h.to)
		changed := bytes.Clone(content)
		for i := h.from; i < h.to; i++ {
			changed[i] ^= byte(1 + random.IntN(255))
		}
		err = os.WriteFile(path, changed, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func kindOf(path string) string {
	stream := "store"
	if _, rest, found := strings.Cut(path, "/streams/"); found {
		stream, _, _ = strings.Cut(rest, "/")
	}
	if strings.Contains(path, "/obs/") {
		return stream + " consumer " + filepath.Base(path)
	}
	return stream + " " + filepath.Base(path)
}

// records returns those records of a message block that a range of bytes touches. A record is its length in 4 bytes, of which
// the highest bit says that it has headers, a rest of 18 bytes, subject, message and checksum (filestore.go of nats-server
// v2.15.2).
func records(content []byte, from, to int64) [][]byte {
	var touched [][]byte
	for at := int64(0); at+22 <= int64(len(content)); {
		length := int64(content[at]) | int64(content[at+1])<<8 | int64(content[at+2])<<16 | int64(content[at+3]&0x7f)<<24
		if length < 22 || at+length > int64(len(content)) {
			break
		}
		if at < to && from < at+length {
			touched = append(touched, content[at:at+length])
		}
		at += length
	}
	return touched
}

// excuse takes out of the account what was hit itself: that an event whose record is destroyed is lost is no wonder.
func (w *world) excuse(sent *tally, h hit, a *account) {
	for _, text := range h.texts {
		marker := string(markerPattern.Find(text))
		sent.mu.Lock()
		if _, found := sent.accepted[marker]; found && strings.Contains(h.what, " EV_") {
			a.note("events hit themselves")
			delete(sent.accepted, marker)
			w.excused[marker] = true // its ticket is there, or not; to enrich it takes the alert
		}
		sent.mu.Unlock()
		if id := idPattern.Find(text); id != nil && strings.Contains(h.what, " KV_runs") {
			a.note("runs hit themselves")
			w.excused[string(id)] = true // nobody knows any more what became of it; its ticket is still counted
		}
		if key := keyPattern.Find(text); key != nil && strings.Contains(h.what, " EV_jira") {
			a.note("events hit themselves")
			w.excused[string(key)] = true
		}
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, output)
	}
}
