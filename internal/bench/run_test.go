package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test's own binary be the servers that it starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-serve" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestASmallRunReportsEverybodyOnEveryWay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "benchmarks.md")
	var out bytes.Buffer
	err := run(t.Context(), []string{"-rounds", "2", "-calls", "5", "-loopback-calls", "64", "-write", file}, strings.NewReader(""), &out)
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != out.String() {
		t.Error("what is written is not what is printed")
	}
	for _, c := range contestants() {
		if rows := strings.Count(out.String(), "\n| "+c.name+" |"); rows != 4 {
			t.Errorf("%s has %d rows, want one for each way:\n%s", c.name, rows, out.String())
		}
	}
	if bars := strings.Count(out.String(), "| reached |") + strings.Count(out.String(), "| missed |"); bars != 3 {
		t.Errorf("%d bars are judged:\n%s", bars, out.String())
	}
}

func TestAnUnexpectedAnswerStopsTheRun(t *testing.T) {
	c := contestants()[0]
	c.call.status = 404
	server, err := startServer(t.Context(), c, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.stop(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := server.sample(40); err == nil || !strings.Contains(err.Error(), "status 200, want 404") {
		t.Errorf("error over loopback: %v", err)
	}
	of, err := newInProcess(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := of.sample(1); err == nil || !strings.Contains(err.Error(), "status 200, want 404") {
		t.Errorf("error in process: %v", err)
	}
}

func TestBarsAreJudgedByTheirMedian(t *testing.T) {
	for _, c := range []struct {
		got  float64
		most bool
		want bool
	}{{0.6, true, true}, {0.61, true, false}, {0.59, true, true}, {0.6, false, true}, {0.59, false, false}, {0.61, false, true}} {
		if b := (bar{got: newSpread([]float64{0, c.got, 9}), limit: 0.6, most: c.most}); b.reached() != c.want {
			t.Errorf("%v of 0.6, at most %t: reached %t", c.got, c.most, b.reached())
		}
	}
}
