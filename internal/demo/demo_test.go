package demo

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"funnelweb/actions"
	"funnelweb/configs"
	"funnelweb/endpoints"
	"funnelweb/enrichers"
	"funnelweb/framework"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/plugins"
)

var golden = flag.Bool("golden", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is written by the demo and read by the test.
type output struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String()
}

func options(out *output) Options {
	registry := framework.NewRegistry()
	plugins.Register(registry)
	enrichers.Register(registry)
	endpoints.Register(registry)
	actions.Register(registry)
	return Options{Once: true, Out: out, Registry: registry, Version: "test", Now: time.Now}
}

// telling is the story without what differs from run to run.
func telling(text string) string {
	for _, change := range [][2]string{
		{`(?m)^ *[0-9]+\.[0-9]{2}s`, "  0.00s"},
		{`[a-z]+-[a-z2-7]{26}`, "ID"},
		{`127\.0\.0\.1:[0-9]+`, "ADDRESS"},
		{`202 in [0-9]+ ms`, "202 in N ms"},
		{`[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{5,8} UTC`, "TIME"},
		{`webhooks/[0-9/]+/`, "webhooks/YYYY/MM/DD/HH/MM/"},
	} {
		text = regexp.MustCompile(change[0]).ReplaceAllString(text, change[1])
	}
	return text
}

func TestTheDemoTellsTheWholeLoop(t *testing.T) {
	var out output
	if err := Run(t.Context(), options(&out)); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	got, file := telling(out.String()), filepath.Join("testdata", "story.golden")
	if *golden {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAStepThatFailsEndsTheStoryAndSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*stage)
		step  string
		why   string
	}{
		{"Jira refuses every ticket", func(s *stage) {
			s.sandbox.Jira.Faults().Add(fault.Fault{Match: "POST /rest/api/2/issue", Status: http.StatusForbidden})
		}, "Jira ticket created", "there is no ticket in Jira"},
		{"VirusTotal is down", func(s *stage) {
			s.sandbox.VirusTotal.Faults().Add(fault.Fault{Status: http.StatusServiceUnavailable})
		}, "VirusTotal asked", "virustotal is retrying"},
		{"Jira's webhook goes elsewhere", func(s *stage) {
			s.sandbox.Jira.SetWebhook("", framework.Secret{})
		}, "Jira's signed webhook received", "no jira.issue_created event"},
		{"Threat Stack has no details", func(s *stage) {
			s.sandbox.ThreatStack.Faults().Add(fault.Fault{Status: http.StatusNotFound})
		}, "Alerts archived as evidence", "the archive holds 0 objects"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out output
			stage, err := setStage(t.Context(), options(&out))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := stage.close(); err != nil {
					t.Error(err)
				}
			}()
			c.spoil(stage)
			s := &story{stage: stage, narrator: &narrator{out: &out, now: time.Now}}
			s.patience = func(title string) time.Duration { // only what must fail is not waited for
				if title == c.step {
					return 3 * time.Second
				}
				return enough
			}
			s.narrator.title("A story that fails")
			err = s.play(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), c.step) || !strings.Contains(err.Error(), c.why) {
				t.Errorf("error %v, want step %q and %q", err, c.step, c.why)
			}
			if !strings.Contains(out.String(), "✘ "+c.step) {
				t.Errorf("the story does not show the failed step:\n%s", out.String())
			}
		})
	}
}

func TestWithoutOnceTheDemoStaysUpUntilItIsInterrupted(t *testing.T) {
	var out output
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	staying := options(&out)
	staying.Once = false
	go func() { ended <- Run(ctx, staying) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(out.String(), "press Ctrl-C") {
		select {
		case err := <-ended:
			t.Fatalf("%v\n%s", err, out.String())
		case <-tick.C:
		}
	}
	status := regexp.MustCompile(`http://127\.0\.0\.1:\d+/status`).FindString(out.String())
	response, err := http.Get(status)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	interrupt()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(status); err == nil {
		t.Error("it still serves")
	}
}

func TestAnInterruptedStorySaysSo(t *testing.T) {
	var out output
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if err := Run(ctx, options(&out)); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestEveryAddressOfTheDemosConfigurationIsReplaced(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1:8080", "./funnelweb-data", "funnelweb-sandbox/", "http://127.0.0.1:8081",
		"http://127.0.0.1:8082/api/v3", "http://127.0.0.1:8083/api/v1", "ldaps://127.0.0.1:8636",
	} {
		if !bytes.Contains(configs.Demo, []byte(address)) {
			t.Errorf("configs/demo.yaml does not hold %s any more", address)
		}
	}
}
