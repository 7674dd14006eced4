package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEachCallIsAnAlertOfItsOwnWithItsSignature(t *testing.T) {
	a := &acceptor{path: "/alert", address: "127.0.0.1:1"}
	seen := map[string]bool{}
	for number := range int64(3) {
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(a.request(number))))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := request.Header.Get(signatureIn); got != sign(body) {
			t.Errorf("signature %s of a body whose own is %s", got, sign(body))
		}
		if len(body) < 1900 || len(body) > 2100 || seen[string(body)] {
			t.Errorf("a body of %d bytes, seen before: %t", len(body), seen[string(body)])
		}
		seen[string(body)] = true
	}
}

// TestFunnelwebTakesTheLoad makes a short sample against the program, which counts only calls that were accepted.
func TestFunnelwebTakesTheLoad(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the durable accept is measured on Linux only")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if output, err := exec.Command("go", "build", "-o", program, "funnelweb/cmd/funnelweb").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	a := acceptors(program)[0]
	if err := a.start(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	got, err := acceptOnce(t.Context(), acceptOptions{sample: 200 * time.Millisecond}, dir, []*acceptor{a}, 4, 0)
	if err != nil {
		t.Error(err)
	}
	if figures := got.contender[nameFunnelweb]; got.syncs <= 0 || figures.rate <= 0 || figures.p99 < figures.p50 || figures.p50 <= 0 {
		t.Errorf("%+v", got)
	}
	if a.next.Load() < 4 {
		t.Errorf("only %d calls", a.next.Load())
	}
	if state, err := processState(a.command.Process.Pid); err != nil || state != "T" {
		t.Errorf("after its turn it is not held, but %q, %v", state, err)
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}

// processState is the third field of stat in proc(5).
func processState(pid int) (string, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, behind, _ := strings.Cut(string(text), ") ")
	state, _, _ := strings.Cut(behind, " ")
	return state, err
}

func TestThePeersAreArrangedInADirectoryOfTheirOwn(t *testing.T) {
	for _, a := range acceptors("funnelweb")[1:] {
		t.Run(a.name, func(t *testing.T) {
			dir := t.TempDir()
			line, err := a.arrange(dir, "127.0.0.1:8099")
			if err != nil {
				t.Fatal(err)
			}
			written, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(line, " ")
			for _, file := range written {
				content, err := os.ReadFile(filepath.Join(dir, file.Name()))
				if err != nil {
					t.Fatal(err)
				}
				text += string(content)
			}
			if !strings.Contains(text, "8099") || a.needs != "" && (!strings.Contains(text, dir) || !strings.Contains(text, "alert")) {
				t.Errorf("it does not know its address, its directory or what to serve:\n%s", text)
			}
		})
	}
}

func TestWhoStoresNothingChecksTheSignature(t *testing.T) {
	body := acceptBody(7)
	for name, c := range map[string]struct {
		body      []byte
		signature string
		want      int
	}{
		"signed":       {body, sign(body), http.StatusAccepted},
		"not signed":   {body, "", http.StatusUnauthorized},
		"another body": {body[1:], sign(body), http.StatusUnauthorized},
		"too large":    {make([]byte, 2<<20), "", http.StatusBadRequest},
	} {
		request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(c.body))
		request.Header.Set(signatureIn, c.signature)
		answer := httptest.NewRecorder()
		discard(answer, request)
		if answer.Code != c.want {
			t.Errorf("%s: %d, want %d", name, answer.Code, c.want)
		}
	}
}

func TestWhoStoresNothingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serveDiscard(ctx, "127.0.0.1:0") }()
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTheSectionReportsRatiosRoundByRound(t *testing.T) {
	rounds := func(syncs, rate float64, p50 time.Duration) []acceptRound {
		return []acceptRound{
			{syncs, map[string]acceptFigures{
				nameFunnelweb: {rate: rate, p50: p50, p99: 20 * time.Millisecond}, nameWebhook: {rate: rate / 8}, nameN8N: {rate: rate / 100},
			}},
			{syncs * 2, map[string]acceptFigures{
				nameFunnelweb: {rate: rate * 2, p50: p50 / 2, p99: 20 * time.Millisecond}, nameWebhook: {rate: rate / 4}, nameN8N: {rate: rate / 10},
			}},
		}
	}
	result := acceptResult{missing: []string{"FastAPI (apt-get install …)"}, rounds: map[int][]acceptRound{
		1: rounds(1000, 900, 1200*time.Microsecond), 32: rounds(1000, 8000, time.Millisecond), 256: rounds(1000, 9000, time.Millisecond),
	}}
	text := result.markdown()
	for _, want := range []string{
		"fdatasync rate | ≥ 10.0 | 8.00 (8.00–8.00) | missed |", "ms | ≤ 25.0 | 20.00 (20.00–20.00) | reached |",
		"of one fdatasync | ≤ 1.3 | 1.20 (1.20–1.20) | reached |", "| 32 | webhook | 2000 | 1.00 (1.00–1.00) |", "| 8.00 (8.00–8.00) |",
		"not installed: FastAPI (apt-get install …)", "of n8n's | ≥ 50.0 | 100.00 (20.00–100.00) | reached |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, unwanted := range []string{"| 32 | FastAPI |", "of Bento's"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("%q, which nobody measured", unwanted)
		}
	}
}

func TestTheSectionTakesItsOwnPlaceInThePage(t *testing.T) {
	for _, c := range []struct{ name, page, want string }{
		{"at the end", "# Page\n\ntext\n", "# Page\n\ntext\n\n" + acceptHeading + "\n\nnew\n"},
		{"in place of the last one", "# Page\n\n" + acceptHeading + "\n\nold\n", "# Page\n\n" + acceptHeading + "\n\nnew\n"},
		{"before what follows", "# Page\n\n" + acceptHeading + "\n\nold\n\n## Next\n\ntext\n", "# Page\n\n" + acceptHeading + "\n\nnew\n\n## Next\n\ntext\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := filepath.Join(t.TempDir(), "page.md")
			if err := os.WriteFile(page, []byte(c.page), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := putSection(page, acceptHeading, acceptHeading+"\n\nnew\n"); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheCPUTimeOfAProcessIsRead(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /proc")
	}
	before, err := processTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		after, err := processTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after > before {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not grow")
		}
	}
}
