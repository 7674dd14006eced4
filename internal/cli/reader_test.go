package cli_test

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"

	"funnelweb/internal/cli"
)

// gone is a pipe whose reader has left.
func gone(t *testing.T) *os.File {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Close() })
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	return writer
}

// What head has read enough of ends as every Unix tool does: the shell sees 141, and nothing is said.
func TestAReaderThatLeavesEndsACommandWithoutAWord(t *testing.T) {
	event := `{"id":"splunk-a","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r","runs":[]}`
	letter := `{"id":"dl-1","event_id":"splunk-a","event_type":"splunk.alert","automation":"a","reason":"r","attempts":1,"first_try":"2026-11-20T12:00:00Z","given_up_at":"2026-11-20T13:00:00Z"}`
	for _, c := range []struct {
		answer string
		args   []string
	}{
		{`200 {"events":[` + event + `]}`, []string{"events"}},
		{`200 {"events":[` + event + `]}`, []string{"events", "--json"}},
		{`200 {"events":[]}`, []string{"events"}},
		{`200 {"event":` + event + `,"runs":[]}`, []string{"events", "splunk-a"}},
		{`200 {"changes":[],"next":"n","events":[` + event + `]}`, []string{"events", "--follow"}},
		{`200 {"events":[],"next":"","changes":[{"time":"2026-11-20T12:00:01Z","event_id":"splunk-b","type":"splunk.alert"}]}`, []string{"events", "--follow"}},
		{`200 {"deadletters":[` + letter + `]}`, []string{"deadletters"}},
		{`200 {"deadletter":` + letter + `,"event":` + event + `}`, []string{"deadletters", "show", "dl-1"}},
		{`200 {"queues":[]}`, []string{"queues"}},
		{`200 {"queues":[{"name":"a","source":"s","type":"t","configured":true,"waiting":0}]}`, []string{"queues"}},
		{`200 {"entries":[{"id":"4","time":"2026-11-20T12:03:00Z","act":"replay","request_id":"r","outcome":"done","count":1}]}`, []string{"audit"}},
		{`200 {"count":1}`, []string{"deadletters", "replay", "--all", "--yes"}},
	} {
		var errs bytes.Buffer
		code := serveScript(t, c.answer).commandTo(t, gone(t), &errs, c.args...)
		if code != 141 || errs.Len() > 0 {
			t.Errorf("%v: exit code %d, said %q", c.args, code, errs.String())
		}
	}
}

func TestCommandsWithoutAServerEndAlikeWhenTheirReaderLeaves(t *testing.T) {
	config := t.TempDir() + "/funnelweb.yaml"
	write(t, config, "data: "+t.TempDir()+"\n")
	for _, args := range [][]string{
		{"--help"}, {"queues", "--help"}, {"version"}, {"archive", "verify", "--help"}, {"archive", "seal", "--config", config},
	} {
		var errs bytes.Buffer
		if code := cli.Main(args, gone(t), &errs); code != 141 || errs.Len() > 0 {
			t.Errorf("%v: exit code %d, said %q", args, code, errs.String())
		}
	}
}

// A disk that is full is a failure, not a reader that left.
func TestOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	var errs bytes.Buffer
	code := cli.Main([]string{"version"}, writerFunc(func([]byte) (int, error) { return 0, syscall.ENOSPC }), &errs)
	if code != 1 || !strings.Contains(errs.String(), syscall.ENOSPC.Error()) {
		t.Errorf("exit code %d, said %q", code, errs.String())
	}
}

// A server that breaks the connection is not taken for a reader that left.
func TestABrokenPipeToTheServerIsAFailure(t *testing.T) {
	server := serveScript(t, `200 {"events":[]}`)
	server.Close()
	if code, _, errs := server.command(t, "events"); code != 1 || !strings.Contains(errs, "no server answers") {
		t.Errorf("exit code %d, said %q", code, errs)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(data []byte) (int, error) { return f(data) }
