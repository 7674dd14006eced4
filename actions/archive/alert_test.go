package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

const (
	alertItem   = `{"id":"589b1aa1","title":"root used","created_at":1795176059999}`
	alertDetail = `{"id": "589b1aa1",  "title": "root used", "events": [1, 2]}`
	itemAt      = "webhooks/2026/11/20/12/00/589b1aa1"
	detailAt    = "alerts/58/9b/589b1aa1"
)

// answering is a Threat Stack that gives one answer to every call.
func answering(t *testing.T, status int, body string) Config {
	t.Helper()
	return servedBy(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.Header.Get("Authorization") != canary {
			t.Errorf("got %s with Authorization of %d bytes", r.Method, len(r.Header.Get("Authorization")))
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func servedBy(t *testing.T, handler http.HandlerFunc) Config {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return Config{ThreatStack: ThreatStack{URL: server.URL + "/api/v1/", Key: framework.NewSecret(canary)}}
}

func notListening(t *testing.T) Config {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return Config{ThreatStack: ThreatStack{URL: server.URL, Key: framework.NewSecret(canary)}}
}

func TestAnAlertIsArchivedWithItsDetail(t *testing.T) {
	asked := 0
	config := servedBy(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		if diff := cmp.Diff("/api/v1/alerts/589b1aa1", r.URL.String()); diff != "" {
			t.Errorf("call (-want +got):\n%s", diff)
		}
		_, _ = w.Write([]byte(alertDetail))
	})
	action, archive := build(t, config)
	var puts []string
	archive.Fail = func(call, key string) error {
		if call == "put" {
			puts = append(puts, key)
		}
		return nil
	}
	for range 2 { // the second as if the first had not been acknowledged
		result, err := action.Do(t.Context(), job(event(t, alertType, alertItem)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("archived "+itemAt+" and "+detailAt, result.Summary); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(map[string]string{itemAt: alertItem, detailAt: alertDetail}, objects(t, archive)); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{itemAt, detailAt, itemAt, detailAt}, puts); diff != "" || asked != 2 {
		t.Errorf("asked %d times; order of puts (-want +got):\n%s", asked, diff)
	}
}

func TestTheFirstDetailIsKept(t *testing.T) {
	detail := alertDetail
	action, archive := build(t, servedBy(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(detail)) }))
	if _, err := action.Do(t.Context(), job(event(t, alertType, alertItem))); err != nil {
		t.Fatal(err)
	}
	detail = `{"id":"589b1aa1","dismissed":true}`
	result, err := action.Do(t.Context(), job(event(t, alertType, alertItem)))
	if err != nil {
		t.Fatal(err)
	}
	want := "archived " + itemAt + "; " + detailAt + " was archived before with other content, which was kept"
	if diff := cmp.Diff(want, result.Summary); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{itemAt: alertItem, detailAt: alertDetail}, objects(t, archive)); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
}

// TestADetailWhosePutBrokeOffIsEnteredAlthoughItChangedSince is about a put whose second half, the entry into the archive's
// journal, did not happen: the object is there, and nobody accounts for it until it is put again.
func TestADetailWhosePutBrokeOffIsEnteredAlthoughItChangedSince(t *testing.T) {
	detail := alertDetail
	action, archive := build(t, servedBy(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(detail)) }))
	half := &halfPut{MemoryArchive: archive, broken: detailAt}
	action.archive = half
	if _, err := action.Do(t.Context(), job(event(t, alertType, alertItem))); err == nil {
		t.Fatal("the put did not break off")
	}
	detail = `{"id":"589b1aa1","dismissed":true}` // what Threat Stack says at the second attempt
	half.broken = ""
	result, err := action.Do(t.Context(), job(event(t, alertType, alertItem)))
	if err != nil || !strings.Contains(result.Summary, "other content, which was kept") {
		t.Fatalf("got %q, %v", result.Summary, err)
	}
	if diff := cmp.Diff([]string{itemAt, itemAt, detailAt}, half.entered); diff != "" {
		t.Errorf("entered (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{itemAt: alertItem, detailAt: alertDetail}, objects(t, archive)); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
}

// TestWhatIsNoDetailIsNotEntered is about somebody who put something under the key of a detail.
func TestWhatIsNoDetailIsNotEntered(t *testing.T) {
	for name, planted := range map[string]string{"no JSON": "forged", "another alert": `{"id":"other"}`} {
		t.Run(name, func(t *testing.T) {
			action, archive := build(t, answering(t, 200, alertDetail))
			if err := archive.Put(t.Context(), detailAt, []byte(planted)); err != nil {
				t.Fatal(err)
			}
			half := &halfPut{MemoryArchive: archive}
			action.archive = half
			_, err := action.Do(t.Context(), job(event(t, alertType, alertItem)))
			if !errors.Is(err, framework.ErrDifferent) || !strings.Contains(err.Error(), "archive verify") {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff([]string{itemAt}, half.entered); diff != "" {
				t.Errorf("entered (-want +got):\n%s", diff)
			}
		})
	}
}

// halfPut is an archive whose put of one key breaks off when the object is stored.
type halfPut struct {
	*frameworktest.MemoryArchive
	broken  string
	entered []string
}

func (h *halfPut) Put(ctx context.Context, key string, body []byte) error {
	if err := h.MemoryArchive.Put(ctx, key, body); err != nil {
		return err
	}
	if key == h.broken {
		return errors.New("the journal cannot be written")
	}
	h.entered = append(h.entered, key)
	return nil
}

func TestACorrectedWebhookIsKeptBesideTheFirst(t *testing.T) {
	action, archive := build(t, answering(t, 200, alertDetail))
	corrected := strings.Replace(alertItem, "root used", "root used twice", 1)
	hash := sha256.Sum256([]byte(corrected))
	besideAt := itemAt + "." + hex.EncodeToString(hash[:8])
	for _, item := range []string{alertItem, corrected, alertItem, corrected} {
		if _, err := action.Do(t.Context(), job(event(t, alertType, item))); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{itemAt: alertItem, besideAt: corrected, detailAt: alertDetail}
	if diff := cmp.Diff(want, objects(t, archive)); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
}

func TestAnAnswerThatIsNotTheAlertIsNotArchived(t *testing.T) {
	cases := []struct {
		name, body, want string
		status           int
		permanent        bool
	}{
		{"an error page", "<html>login</html>", "not this alert", 200, false},
		{"an error as JSON", `{"error":"no"}`, "not this alert", 200, false},
		{"another alert", `{"id":"589b1aa2"}`, "not this alert", 200, false},
		{"an id of another type", `{"id":589}`, "not this alert", 200, false},
		{"a list", `[{"id":"589b1aa1"}]`, "not this alert", 200, false},
		{"the alert cut off", `{"id":"589b1aa1","events":[`, "not this alert", 200, false},
		{"two documents", `{"id":"589b1aa1"}{}`, "not this alert", 200, false},
		{"a member that is given twice", `{"id":"589b1aa2","id":"589b1aa1"}`, "not this alert", 200, false},
		{"nothing", "", "not this alert", 200, false},
		{"more than an alert can be", `{"id":"589b1aa1","x":"` + strings.Repeat("x", framework.MaxAnswer) + `"}`, "larger than", 200, true},
		{"the alert under an error", alertDetail, "cannot answer", 500, false},
		{"no such alert", alertDetail, "no such alert", 404, false},
		{"a key that is refused", alertDetail, "check threatstack.key", 401, false},
		{"a request that is refused", alertDetail, "refuses the call", 400, false},
		{"a redirect", alertDetail, "refuses the call", 307, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			action, archive := build(t, answering(t, c.status, c.body))
			_, err := action.Do(t.Context(), job(event(t, alertType, alertItem)))
			if reason := framework.Reason(err); !strings.Contains(reason, c.want) || framework.IsPermanent(err) != c.permanent {
				t.Errorf("got %q, permanent %v, want %q in it", reason, framework.IsPermanent(err), c.want)
			}
			if got := objects(t, archive); len(got) != 0 {
				t.Errorf("the archive holds %v", got)
			}
		})
	}
}

func TestAThreatStackThatAsksToWaitIsHeeded(t *testing.T) {
	cases := []struct {
		header string
		want   time.Duration
	}{{"7", 7 * time.Second}, {"999999999", 24 * time.Hour}, {"-1", 0}, {"soon", 0}, {"", 0}}
	for _, c := range cases {
		t.Run("Retry-After: "+c.header, func(t *testing.T) {
			action, _ := build(t, servedBy(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", c.header)
				w.WriteHeader(http.StatusTooManyRequests)
			}))
			_, err := action.Do(t.Context(), job(event(t, alertType, alertItem)))
			if got := framework.RetryAfter(err); err == nil || got != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestAThreatStackThatIsCutOffIsTriedAgain(t *testing.T) {
	action, archive := build(t, servedBy(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(alertDetail))
	}))
	_, err := action.Do(t.Context(), job(event(t, alertType, alertItem)))
	if err == nil || framework.IsPermanent(err) || len(objects(t, archive)) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestWithoutAKeyOnlyTheWebhookIsArchived(t *testing.T) {
	action, archive := build(t, Defaults())
	result, err := action.Do(t.Context(), job(event(t, alertType, alertItem)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(result.Summary, "no detail") {
		t.Errorf("got %q", result.Summary)
	}
	if diff := cmp.Diff(map[string]string{itemAt: alertItem}, objects(t, archive)); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
}

func TestAnAlertThatIsGivenUpLeavesItsWebhook(t *testing.T) {
	next := time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)
	cases := []struct {
		name    string
		failure framework.Failure
		kept    bool
	}{
		{"given up", framework.Failure{Attempts: 9}, true},
		{"to be tried again", framework.Failure{Attempts: 1, Next: next}, false},
		{"waiting", framework.Failure{Waiting: true}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			action, archive := build(t, answering(t, 404, ""))
			if err := action.Failed(t.Context(), job(event(t, alertType, alertItem)), c.failure); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			if c.kept {
				want[itemAt] = alertItem
			}
			if diff := cmp.Diff(want, objects(t, archive)); diff != "" {
				t.Errorf("archive (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAlertThatMakesNoKeyIsGivenUp(t *testing.T) {
	for _, data := range []string{
		`{}`, `[]`, `null`, `"text"`, `{"id":"589b1aa1"}`, `{"id":"abc","created_at":1}`, `{"id":"../../etc","created_at":1}`,
		`{"id":"589b1aa1\n","created_at":1}`, `{"id":"589b1aa1","created_at":0}`, `{"id":"589b1aa1","created_at":-1}`,
		`{"id":"589b1aa1","created_at":253402300800000}`, `{"id":"589b1aa1","created_at":1.5}`, `{"id":7,"created_at":1}`,
	} {
		t.Run(data, func(t *testing.T) {
			action, archive := build(t, answering(t, 200, alertDetail))
			if _, err := action.Do(t.Context(), job(event(t, alertType, data))); !framework.IsPermanent(err) {
				t.Errorf("got %v", err)
			}
			if got := objects(t, archive); len(got) != 0 {
				t.Errorf("the archive holds %v", got)
			}
		})
	}
}

// FuzzParseAlert: whatever an event holds, its keys are ones that an archive takes, below the places that are meant.
func FuzzParseAlert(f *testing.F) {
	f.Add([]byte(alertItem))
	f.Add([]byte(`{"id":"../../x","created_at":1}`))
	f.Add([]byte(`{"id":"a\u0000bc","created_at":253402300799999}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := parseAlert(data)
		if err != nil {
			if !framework.IsPermanent(err) {
				t.Fatalf("the error is not permanent: %v", err)
			}
			return
		}
		for key, place := range map[string]string{parsed.detailKey(): "alerts/", parsed.itemKey(): "webhooks/"} {
			if !strings.HasPrefix(key, place) || strings.Contains(key, "..") || strings.Contains(key, "//") || !prefixPattern.MatchString(key) {
				t.Fatalf("key %q", key)
			}
		}
		if _, err := time.Parse(minuteLayout, parsed.itemKey()[len("webhooks/"):][:len(minuteLayout)]); err != nil {
			t.Fatal(err)
		}
	})
}
