package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestOnlyAYesIsOne(t *testing.T) {
	for answer, want := range map[string]string{
		"y\n": "", "yes\n": "", " YES \r\n": "", "y": "",
		"\n": "nothing was done", "n\n": "nothing was done", "no\ny\n": "nothing was done", "yy\n": "nothing was done",
		"yes, but first\n": "nothing was done", strings.Repeat("y", 1<<20): "nothing was done",
		"": "nobody answered: repeat the command with --yes",
	} {
		p := &program{ctx: t.Context(), stdin: strings.NewReader(answer)}
		got := ""
		if err := p.hear(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.20q: got %q, want %q", answer, got, want)
		}
	}
}

func TestAQuestionEndsWithASignal(t *testing.T) {
	nobody, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var said bytes.Buffer
	p := &program{ctx: ctx, stdin: nobody, stderr: &said}
	if err := p.hear(); !errors.Is(err, errNothingDone) || said.String() != "\n" {
		t.Errorf("got %v, said %q", err, said.String())
	}
}

func TestWithoutATerminalNobodyIsAsked(t *testing.T) {
	var said bytes.Buffer
	p := &program{ctx: t.Context(), stdin: strings.NewReader("y\n"), stderr: &said}
	err := p.confirm("drop 2 events?", false)
	if _, wrong := errors.AsType[usageError](err); !wrong || said.Len() > 0 {
		t.Errorf("got %v, said %q", err, said.String())
	}
	if err := p.confirm("drop 2 events?", true); err != nil {
		t.Error(err)
	}
}
