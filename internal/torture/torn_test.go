package torture

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/engine"
	"funnelweb/internal/sandbox/fault"
)

// tortureByDamage damages the files of the store while the server is down, with events in it that are done and events that are
// not. The server must start, or refuse and say what to do; then the store is restored. Where it starts it must say which
// streams lost records, everything whose own record was not destroyed must still be done, and nothing twice.
func tortureByDamage(t *testing.T, random *rand.Rand, trials int) account {
	t.Helper()
	w := newWorld(t, options{})
	a := account{trials: trials}
	sent := newTally()
	if random.IntN(2) == 0 {
		w.fillFiles(t, sent)
		a.note("in worlds with several files of messages in a stream")
	}
	for trial := range trials {
		w.work(t, random, sent)
		before := filepath.Join(w.dir, "before")
		copyTree(t, w.data, before)
		hit := damage(t, filepath.Join(w.data, "events"), random)
		a.note(hit.what)
		w.jira.Faults().Clear()
		said := w.logSize(t)
		running := w.start(t)
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
		lost, twice := len(a.lost), len(a.twice)
		w.excuse(sent, hit, admits(w.logSince(t, said), hit.stream), &a)
		w.settle(t, sent, &a)
		if len(a.lost) > lost || len(a.twice) > twice {
			t.Errorf("%d: %s: lost %d, twice %d; since the start:\n%s", trial, hit, len(a.lost)-lost, len(a.twice)-twice, w.logSince(t, said))
		}
		w.stop(t, running)
		if len(a.lost)+len(a.twice) > 0 {
			break
		}
	}
	a.accepted = sent.count() + sent.destroyed
	return a
}

// work has a server do some alerts, leave others undone because of Jira, and end.
func (w *world) work(t *testing.T, random *rand.Rand, sent *tally) {
	t.Helper()
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
}

// fillFiles puts between the first alerts and all that follows so much into the events and the ledger that the server begins
// new files (of 8 MiB, defaultLargeBlockSize in nats-server/v2 v2.15.2): what no automation is for, and nobody asks for.
func (w *world) fillFiles(t *testing.T, sent *tally) {
	t.Helper()
	running, _ := w.mustStart(t)
	for range 3 {
		w.post(t.Context(), sent, sent.marker(), 0)
	}
	w.settle(t, sent, &account{})
	w.stop(t, running)
	opened, err := engine.Open(t.Context(), engine.Options{Dir: filepath.Join(w.data, "events"), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := opened.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	filling := strings.Repeat("x", 900_000)
	for n := range 10 {
		var events []framework.Event
		for _, source := range []string{"splunk", "jira"} {
			event, err := framework.NewEvent(source+".filling", fmt.Sprint(n), map[string]string{"note": filling})
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, event)
		}
		if _, err := opened.Publish(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
		if _, err := opened.Ledger().Put(t.Context(), fmt.Sprint("filling.", n), []byte(`{"note":"`+filling+`"}`), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// excuse takes out of the account what was destroyed itself: an event whose record is no more cannot be done. That is only
// counted apart where the server has said so.
func (w *world) excuse(sent *tally, h hit, said bool, a *account) {
	sent.mu.Lock()
	defer sent.mu.Unlock()
	for _, text := range h.texts {
		marker, key, id := string(markerPattern.Find(text)), string(keyPattern.Find(text)), string(idPattern.Find(text))
		_, accepted := sent.accepted[marker]
		switch {
		case h.stream == "EV_splunk" && accepted:
			delete(sent.accepted, marker)
			sent.destroyed++
			w.excused[marker] = true // its ticket is there, or not; to enrich it takes the alert
		case h.stream == "EV_jira" && key != "" && strings.Contains(subjectOf(text), ".issue_created.") && !w.excused[key]:
			w.excused[key] = true
		case h.stream == "KV_runs" && id != "":
			a.note("runs destroyed")
			w.excused[id] = true // nobody knows any more what became of it; its ticket is still counted
			continue
		default:
			continue
		}
		if said {
			a.destroyed++
		} else {
			a.lost = append(a.lost, fmt.Sprintf("%s %s: its record is gone, and nobody is told", marker, key))
		}
	}
	if len(h.texts) > 0 && !said && !expendable(h.stream) {
		a.lost = append(a.lost, fmt.Sprintf("%d records of %s are gone, and nobody is told", len(h.texts), h.stream))
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
