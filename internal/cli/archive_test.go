package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTimesOnTheCommandLine(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	cases := map[string]time.Time{
		"2026-11-20T12:00:00Z": noon, "2026-11-20T13:00:00+01:00": noon, "2026-11-20T13:00+01:00": noon,
		"2026-11-20T12:00:00": noon, "2026-11-20T12:00": noon, "2026-11-20T12": noon, "2026-11-20": noon.Add(-12 * time.Hour),
		"2026-11-20T12:00:00.5Z": noon.Add(500 * time.Millisecond),
		// What the API takes beside these.
		"20261120T120000Z": noon, "2026-11-20 13+01": noon, "2026-11-20T12:00:00,0z": noon, "2026-11": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	}
	for text, want := range cases {
		var got instant
		if err := got.UnmarshalText([]byte(text)); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "now", "2026-13-01", "2026-11-20T25:00", "12:00", "1795176000", "9999-12-31T23:00-02:00", "0000-01-01T00:00+01:00"} {
		if err := new(instant).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for a time", text)
		}
	}
}

func TestATimeIsARangeOfKeys(t *testing.T) {
	at := func(text string) (i instant) {
		if err := i.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return i
	}
	cases := []struct {
		name string
		ls   archiveLs
		want [3]string
	}{
		{"no time", archiveLs{Prefix: "al"}, [3]string{"al", "", ""}},
		{"a time is one of webhooks", archiveLs{rangeFlags: rangeFlags{Start: at("2026-11-20T12:00")}}, [3]string{"webhooks/", "webhooks/2026/11/20/12/00", ""}},
		{"a minute that the end cuts is in it", archiveLs{Prefix: "splunk/", rangeFlags: rangeFlags{Start: at("2026-11-20T12:00:30"), End: at("2026-11-20T12:01:30")}}, [3]string{"splunk/", "splunk/2026/11/20/12/00", "splunk/2026/11/20/12/02"}},
		{"an end at a minute leaves it out", archiveLs{Prefix: "splunk", rangeFlags: rangeFlags{End: at("2026-11-20T12:01")}}, [3]string{"splunk/", "", "splunk/2026/11/20/12/01"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got [3]string
			got[0], got[1], got[2] = c.ls.bounds()
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("bounds (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATerminalIsNotSteeredByEvidence(t *testing.T) {
	got := string(harmless([]byte("a\x1b[2J\tb\nc\r\u202ed\x00\xff\u009b31mé")))
	if diff := cmp.Diff("a\ufffd[2J\tb\nc\ufffd\ufffdd\ufffd\ufffd\ufffd31mé", got); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

func TestAFileIsWrittenWholeOrNotAtAll(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := writeNew(name, func(file *os.File) error { _, _ = file.WriteString("half"); return os.ErrInvalid }); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("the half of it was left")
	}
	if err := writeNew(name, func(file *os.File) error { _, err := file.WriteString("whole"); return err }); err != nil {
		t.Fatal(err)
	}
	if err := writeNew(name, func(*os.File) error { return nil }); err == nil {
		t.Error("a file that was there was written over")
	}
	if body, _ := os.ReadFile(name); string(body) != "whole" {
		t.Errorf("the file holds %q", body)
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	if got := (painter{}).red("x") + (painter{}).green("x"); got != "xx" {
		t.Errorf("got %q", got)
	}
	if got := (painter{true}).red("x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("got %q", got)
	}
}

func TestProgressIsToldInPercents(t *testing.T) {
	var told []string
	tell := inPercents(func(format string, values ...any) { told = append(told, fmt.Sprintf(format, values...)) }, "%d of %d")
	for done := range 100_000 {
		tell(done+1, 100_000)
	}
	if len(told) != 101 || told[0] != "1 of 100000" || told[100] != "100000 of 100000" {
		t.Errorf("told %d times: %q", len(told), told)
	}
	told = nil
	inPercents(func(format string, values ...any) { told = append(told, fmt.Sprintf(format, values...)) }, "%d of %d")(0, 0)
	if diff := cmp.Diff([]string{"0 of 0"}, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEveryArchiveCommandHasExamplesAndExitCodes of its own.
func TestEveryArchiveCommandHasExamplesAndExitCodes(t *testing.T) {
	for _, name := range []string{"", "verify", "ls", "get", "export", "seal", "adopt"} {
		t.Run("archive "+name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := append([]string{"archive"}, strings.Fields(name)...)
			if code := Main(append(args, "--help"), &stdout, &stderr); code != exitOK {
				t.Fatalf("exit code %d: %s", code, &stderr)
			}
			help := stdout.String()
			_, examples, found := strings.Cut(help, "Example")
			if !found || !strings.Contains(examples, "funnelweb archive "+name) {
				t.Errorf("it has no example of its own:\n%s", help)
			}
			if !strings.Contains(help, "Exit code: 0") {
				t.Errorf("it does not tell its exit codes:\n%s", help)
			}
		})
	}
}
