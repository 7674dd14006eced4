package torture

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
)

// tally is what senders were told.
type tally struct {
	next atomic.Int64

	mu        sync.Mutex
	accepted  map[string]string // event ids by marker: answered with 2xx
	refused   map[int]int       // answers by status; 0 for none
	hasty     int               // 503 without Retry-After
	destroyed int               // accepted, and no more in the store: nothing is expected of them
	slow      time.Duration     // the longest that an answer took
}

func newTally() *tally { return &tally{accepted: map[string]string{}, refused: map[int]int{}} }

// marker is in an alert and so in its ticket: m and six digits.
func (t *tally) marker() string { return fmt.Sprintf("m%06d", t.next.Add(1)) }

// alertBody is an alert of the story's search, about 700 bytes with padding of its own.
func alertBody(marker string, padding int) string {
	return `{"sid":"scheduler__admin__search__` + marker + `","search_name":"Malware found on host","app":"search","owner":"admin",` +
		`"results_link":"https://splunk.lab.example:8000/app/search/@go?sid=` + marker + `","result":{"user":"jdoe","dest":"WS-042",` +
		`"file_name":"invoice.pdf.exe","md5":"44d88612fea8a8f36de82e1278abb02f","note":"` + strings.Repeat("x", padding) + `"}}`
}

// post sends an alert once and notes the answer; it reports whether it was accepted.
func (w *world) post(ctx context.Context, t *tally, marker string, padding int) bool {
	began := time.Now()
	path := w.url + "/api/v1/splunk/alert?token=" + w.secrets["splunk-token"].Reveal()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(alertBody(marker, padding)))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := w.http.Do(request)
	if err != nil {
		t.note(0, false, time.Since(began))
		return false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	var answer struct {
		EventID string `json:"event_id"`
	}
	if response.StatusCode/100 != 2 || err != nil || json.Unmarshal(body, &answer) != nil {
		t.note(response.StatusCode, response.Header.Get("Retry-After") == "", time.Since(began))
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accepted[marker] = answer.EventID
	t.slow = max(t.slow, time.Since(began))
	return true
}

func (t *tally) note(status int, withoutRetryAfter bool, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused[status]++
	t.slow = max(t.slow, took)
	if status == http.StatusServiceUnavailable && withoutRetryAfter {
		t.hasty++
	}
}

// count returns how many were accepted so far.
func (t *tally) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.accepted)
}

func (t *tally) statuses() map[int]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.refused)
}

// send posts alerts from several hands until the context ends. Of those that were not accepted, or whose answer was lost,
// half are sent again, the others never: as senders do. Alerts have up to padding bytes beside their own 600.
func (w *world) send(ctx context.Context, t *tally, random *rand.Rand, hands, padding int, pause time.Duration) *sync.WaitGroup {
	var all sync.WaitGroup
	for range hands {
		own := rand.New(rand.NewPCG(random.Uint64(), 0))
		all.Go(func() {
			for ctx.Err() == nil {
				marker, size := t.marker(), own.IntN(padding) // another size would be another alert
				for !w.post(ctx, t, marker, size) && ctx.Err() == nil && own.IntN(2) == 0 {
					rest(ctx, 10*time.Millisecond)
				}
				rest(ctx, time.Duration(own.Int64N(int64(2*pause)+1)))
			}
		})
	}
	return &all
}

// rest paces a sender.
func rest(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
