package cli_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"funnelweb/framework"
	"funnelweb/internal/cli"
)

type exploding struct{}

func (exploding) Kinds() []framework.Kind { return nil }

func (exploding) Enrich(context.Context, framework.Indicator) (framework.Finding, error) {
	return framework.Finding{}, nil
}

func TestAPanicIsNoSuccess(t *testing.T) {
	file := t.TempDir() + "/funnelweb.yaml"
	write(t, file, "enrichers: {exploding: {}}\n")
	explode := func(r *framework.Registry) {
		framework.AddEnricher(r, "exploding", func() struct{} { return struct{}{} }, func(struct{}, framework.Deps) (exploding, error) { panic("boom") })
	}
	defer func() {
		if recover() != "boom" {
			t.Error("the panic was swallowed")
		}
	}()
	code := cli.Main([]string{"check", "--config", file}, &bytes.Buffer{}, &bytes.Buffer{}, explode)
	t.Errorf("it ended with %d", code)
}

func TestExitCodesAndWhereThingsAreWritten(t *testing.T) {
	bad := t.TempDir() + "/bad.yaml"
	write(t, bad, "lisen: x\n")
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		out, err string
	}{
		{"nothing asked", nil, 0, "Usage: funnelweb", ""},
		{"help", []string{"--help"}, 0, "serve", ""},
		{"the exit codes", nil, 0, "Exit code: 0 done, 1 not done, 2 called wrongly", ""},
		{"a state that there is not", []string{"events", "--state", "lost"}, 2, "", "--state must be one of waiting, running, retrying, done, skipped, dead"},
		{"help of a command", []string{"serve", "--help"}, 0, "Examples:", ""},
		{"version", []string{"version"}, 0, "funnelweb ", ""},
		{"an unknown command", []string{"srve"}, 2, "", "funnelweb --help"},
		{"an unknown flag", []string{"serve", "--nonsense"}, 2, "", "unknown flag"},
		{"a configuration with mistakes", []string{"check", "--config", bad}, 2, "", "unknown key lisen"},
		{"serving one", []string{"serve", "--config", bad}, 2, "", "unknown key lisen"},
		{"no such file", []string{"check", "--config", "/nonexistent.yaml"}, 2, "", "no such file"},
		{"no server", []string{"events", "--url", "http://127.0.0.1:1", "--token-file", bad}, 1, "", "no server answers"},
		{"no token", []string{"events", "--url", "http://127.0.0.1:1", "--token-file", "/nonexistent"}, 1, "", "--token-file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, err bytes.Buffer
			if code := cli.Main(c.args, &out, &err); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String(), c.out) || !strings.Contains(err.String(), c.err) {
				t.Errorf("stdout:\n%s\nstderr:\n%s", out.String(), err.String())
			}
			if c.code != 0 && out.Len() > 0 || c.code == 0 && err.Len() > 0 {
				t.Errorf("stdout has %d bytes, stderr %d, exit code %d", out.Len(), err.Len(), c.code)
			}
		})
	}
}
