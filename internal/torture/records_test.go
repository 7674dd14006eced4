package torture

import (
	"bytes"
	encoding "encoding/binary"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// A file of messages is one record after the other. A record is its length in 4 bytes, of which the highest bit says that it
// has headers, its sequence in 8 and its time in 8, the length of its subject in 2, subject, message and checksum (filestore.go
// of nats-server v2.15.2).
const (
	recordHeader = 22
	erased       = 1 << 63 // in the sequence: the message was overwritten
	removed      = 1 << 62 // in the sequence: the message is removed, and the record says no more
)

func recordsOf(content []byte) iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		for at := int64(0); at+recordHeader <= int64(len(content)); {
			length := int64(encoding.LittleEndian.Uint32(content[at:]) &^ (1 << 31))
			if length < recordHeader || at+length > int64(len(content)) || !yield(at, content[at:at+length]) {
				return
			}
			at += length
		}
	}
}

func sequenceOf(record []byte) uint64 { return encoding.LittleEndian.Uint64(record[4:]) }

func subjectOf(record []byte) string {
	end := recordHeader + int(encoding.LittleEndian.Uint16(record[20:]))
	return string(record[recordHeader:min(end, len(record))])
}

// destroyed are the records in use that a range of bytes of a file touches.
func destroyed(content []byte, from, to int64, used map[uint64]bool) (touched [][]byte) {
	for at, record := range recordsOf(content) {
		if at < to && from < at+int64(len(record)) && used[sequenceOf(record)] {
			touched = append(touched, record)
		}
	}
	return touched
}

// inUse are the sequences of the messages that the stream in a folder has: those that are not removed, and of a bucket the
// latest of each key.
func inUse(t *testing.T, folder string) map[uint64]bool {
	t.Helper()
	used, latest := map[uint64]bool{}, map[string]uint64{}
	var gone []uint64
	for _, path := range glob(t, filepath.Join(folder, "msgs", "*.blk")) {
		for _, record := range recordsOf(read(t, path)) {
			sequence, key := sequenceOf(record), subjectOf(record)
			switch {
			case sequence&removed != 0:
				gone = append(gone, sequence&^removed)
				continue
			case sequence&erased != 0:
				continue
			case strings.HasPrefix(filepath.Base(folder), "KV_"):
				if sequence < latest[key] {
					continue
				}
				delete(used, latest[key])
				latest[key] = sequence
			}
			used[sequence] = true
		}
	}
	for _, sequence := range gone {
		delete(used, sequence)
	}
	return used
}

// lossPattern is in what the server says about records that are no more.
var lossPattern = regexp.MustCompile(`damaged|gone|lost`)

// admits reports whether a server has said in its log that something of a stream is damaged or gone.
func admits(log []byte, stream string) bool {
	for line := range bytes.Lines(log) {
		var entry struct {
			Level   string `json:"level"`
			Message string `json:"msg"`
			Stream  string `json:"stream"`
		}
		if json.Unmarshal(line, &entry) != nil || entry.Level != "WARN" && entry.Level != "ERROR" || !lossPattern.MatchString(entry.Message) {
			continue
		}
		if entry.Stream == stream || stream == "KV_ledger" && strings.HasPrefix(entry.Message, "the ledger has lost records") {
			return true
		}
	}
	return false
}

func (w *world) logSize(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(w.logFile())
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func (w *world) logSince(t *testing.T, from int64) []byte {
	t.Helper()
	return read(t, w.logFile())[from:]
}

// message is a record as the server writes it, but for its checksum.
func message(sequence uint64, subject, text string) []byte {
	record := make([]byte, recordHeader, 256)
	encoding.LittleEndian.PutUint64(record[4:], sequence)
	encoding.LittleEndian.PutUint16(record[20:], uint16(len(subject)))
	record = append(record, subject+text+"checksum"...)
	encoding.LittleEndian.PutUint32(record, uint32(len(record)))
	return record
}

func TestOnlyWhatABucketStillHasCountsAsDestroyed(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "KV_runs")
	if err := os.MkdirAll(filepath.Join(folder, "msgs"), 0o700); err != nil {
		t.Fatal(err)
	}
	content := bytes.Join([][]byte{
		message(1, "one", "overwritten"), message(2|erased, "", "erased"), message(3, "two", "removed"), message(4, "one", "latest"), message(3|removed, "", ""),
		message(5, "three", "not touched"),
	}, nil)
	if err := os.WriteFile(filepath.Join(folder, "msgs", "1.blk"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[uint64]bool{4: true, 5: true}, inUse(t, folder)); diff != "" {
		t.Error(diff)
	}
	var subjects []string
	for _, record := range destroyed(content, 0, int64(len(content)-46), inUse(t, folder)) {
		subjects = append(subjects, subjectOf(record))
	}
	if diff := cmp.Diff([]string{"one"}, subjects); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyWhatTheServerSaysOfAStreamIsATold(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`{"level":"WARN","msg":"records of the store are damaged; they are left out","stream":"EV_splunk"}`: true,
		`{"level":"WARN","msg":"records of the store are damaged; they are left out","stream":"EV_jira"}`:   false,
		`{"level":"INFO","msg":"events of the store are gone","stream":"EV_splunk"}`:                        false,
		`{"level":"WARN","msg":"how far the store has come is not noted","stream":"EV_splunk"}`:             false,
		`records of the store are damaged EV_splunk`:                                                        false,
	} {
		if got := admits([]byte("{}\n"+line+"\n"), "EV_splunk"); got != want {
			t.Errorf("%s: %t", line, got)
		}
	}
	if !admits([]byte(`{"level":"WARN","msg":"the ledger has lost records; what it does not know is looked for"}`), "KV_ledger") {
		t.Error("what the ledger says of itself is not heard")
	}
}

func TestWhatIsGoneInSilenceIsLost(t *testing.T) {
	t.Parallel()
	for said, want := range map[bool]string{true: "destroyed 1, lost 0", false: "destroyed 0, lost 2"} {
		w, sent := &world{excused: map[string]bool{}}, newTally()
		sent.accepted["m000001"] = "splunk-a"
		a := account{}
		h := hit{stream: "EV_splunk", texts: [][]byte{message(1, "ev.splunk.alert.a", "m000001"), message(2, "ev.splunk.alert.b", "m000002")}}
		w.excuse(sent, h, said, &a)
		if got := fmt.Sprintf("destroyed %d, lost %d", a.destroyed, len(a.lost)); got != want {
			t.Errorf("said %t: %s, want %s", said, got, want)
		}
	}
}
