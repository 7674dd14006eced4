package evidence

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// TestALateEntryDoesNotStopAnHourThatIsSealedInPart is about a sealer that is killed between two parts of a manifest while a
// writer enters objects into the hour that it has closed: whoever goes on sees more than the first one did.
func TestALateEntryDoesNotStopAnHourThatIsSealedInPart(t *testing.T) {
	for _, late := range []string{"a/late", "many/000001x", "z/late"} { // before, within and behind what is sealed
		t.Run(late, func(t *testing.T) {
			w := newWorld()
			first := w.replica(nil)
			put(t, first, "x/first", "body")
			entries := make([]Entry, maxEntries)
			for i := range entries {
				entries[i] = Entry{Key: fmt.Sprintf("many/%06d", i), StoredAt: w.clock.Now()}
			}
			for len(entries) > 0 {
				if err := first.write(t.Context(), entries[:maxBatch]); err != nil {
					t.Fatal(err)
				}
				entries = entries[maxBatch:]
			}
			w.clock.Advance(hour)
			puts := 0
			w.onPut = func(key string) error { // the second part never comes
				if _, part, ok := parseManifestKey(key); ok && part == 2 {
					puts++
					return errKilled
				}
				return nil
			}
			if _, err := first.Seal(t.Context(), false); err == nil || puts != 1 {
				t.Fatalf("got %v after %d second parts", err, puts)
			}
			w.onPut = nil
			// The writer has not seen the mark yet. It will, and enter the object again; here it is killed before.
			w.set(journal+"2026/11/20/12/"+rand.Text(), entryLine(Entry{Key: late, SHA256: sha256.Sum256([]byte("body")), Size: 4, StoredAt: w.clock.Now()}))
			put(t, w.replica(nil), late, "body")

			w.clock.Advance(hour)
			newest := seal(t, w.replica(nil), false)
			if want := w.clock.Now().Add(-hour); !newest.Hour.Equal(want) {
				t.Errorf("sealed until the hour of %s, want %s", newest.Hour, want)
			}
			for _, finding := range w.verify(t, Options{}).Findings {
				if finding.Kind != Missing || !strings.HasPrefix(finding.Key, "many/0") { // which were never put
					t.Errorf("got %+v", finding)
				}
			}
		})
	}
}
