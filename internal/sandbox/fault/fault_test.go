package fault_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"funnelweb/internal/sandbox/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service counts what it carried out.
type service struct {
	*httptest.Server
	faults    fault.Faults
	committed atomic.Int32
}

func start(t *testing.T) *service {
	t.Helper()
	s := &service{}
	mux := http.NewServeMux()
	mux.Handle(fault.ControlPath, s.faults.Control())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.committed.Add(1)
		w.Header().Set("X-Done", "yes")
		_, _ = io.WriteString(w, "did "+string(body))
	})
	s.Server = httptest.NewServer(s.faults.Wrap(mux))
	t.Cleanup(s.Close)
	return s
}

func (s *service) do(t *testing.T, method, path, body string, header ...string) (int, http.Header, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(header) == 2 {
		request.Header.Set(header[0], header[1])
	}
	response, err := s.Client().Do(request)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(read), err
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name      string
		fault     fault.Fault
		status    int // 0 for a cut connection
		header    map[string]string
		body      string
		committed int32
	}{
		{
			"a status answers in place of the service",
			fault.Fault{Status: 503},
			503,
			map[string]string{"Content-Type": "text/plain; charset=utf-8", "X-Done": ""},
			"Service Unavailable\n", 0,
		},
		{
			"a wait is asked for in whole seconds",
			fault.Fault{Status: 429, RetryAfter: 1100 * time.Millisecond},
			429,
			map[string]string{"Retry-After": "2"},
			"Too Many Requests\n", 0,
		},
		{
			"a body that looks like JSON is sent as such",
			fault.Fault{Status: 500, Body: `{"a":1}`},
			500,
			map[string]string{"Content-Type": "application/json;charset=UTF-8"},
			`{"a":1}`, 0,
		},
		{
			"a log-in page comes with 200",
			fault.Fault{HTML: true, Body: "<html>"},
			200,
			map[string]string{"Content-Type": "text/html; charset=utf-8"},
			"<html>", 0,
		},
		{"a page may have another status", fault.Fault{HTML: true, Status: 502, Body: "<p>"}, 502, nil, "<p>", 0},
		{"a status that HTTP does not have becomes 500", fault.Fault{Status: 7, Body: "x"}, 500, nil, "x", 0},
		{"a cut before leaves nothing done", fault.Fault{CutBefore: true}, 0, nil, "", 0},
		{"a cut after leaves it done", fault.Fault{CutAfter: true}, 0, nil, "", 1},
		{"latency alone delays", fault.Fault{Latency: time.Millisecond}, 200, map[string]string{"X-Done": "yes"}, "did it", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t)
			s.faults.Add(test.fault)
			status, header, body, err := s.do(t, "POST", "/a", "it")
			if (err != nil) != (test.status == 0) {
				t.Fatalf("the call gave %v", err)
			}
			if status != test.status || body != test.body {
				t.Errorf("answered %d %q, want %d %q", status, body, test.status, test.body)
			}
			for name, want := range test.header {
				if got := header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if got := s.committed.Load(); got != test.committed {
				t.Errorf("carried out %d times, want %d", got, test.committed)
			}
			if s.faults.Hits() != 1 {
				t.Errorf("%d hits", s.faults.Hits())
			}
		})
	}
}

func TestNext(t *testing.T) {
	for _, test := range []struct {
		name, match, op string
		want            bool
	}{
		{"nothing matches everything", "", "GET /a", true},
		{"the beginning of a path is enough", "POST /rest/api/2/issue", "POST /rest/api/2/issue/SEC-1/comment", true},
		{"another method is not", "POST /rest", "GET /rest", false},
		{"without a method every method is", "/rest", "DELETE /rest/x", true},
		{"a whole path is", "POST /rest/api/2/issue$", "POST /rest/api/2/issue", true},
		{"but nothing beyond it", "POST /rest/api/2/issue$", "POST /rest/api/2/issue/SEC-1", false},
		{"operations have names", "search", "search", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var faults fault.Faults
			faults.Add(fault.Fault{Match: test.match, Status: 500})
			if _, got := faults.Next(test.op); got != test.want {
				t.Errorf("%q matches %q: %v", test.match, test.op, got)
			}
			if hits := faults.Hits(); (hits == 1) != test.want {
				t.Errorf("%d hits", hits)
			}
		})
	}
}

func TestAFaultEndsAfterItsTimes(t *testing.T) {
	var faults fault.Faults
	faults.Add(fault.Fault{Times: 2, Status: 500})
	faults.Add(fault.Fault{Status: 503})
	var got []int
	for range 4 {
		one, _ := faults.Next("GET /")
		got = append(got, one.Status)
	}
	if diff := cmp.Diff([]int{500, 500, 503, 503}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	faults.Clear()
	if one, ok := faults.Next("GET /"); ok {
		t.Errorf("after Clear there is %+v", one)
	}
	if faults.Hits() != 4 {
		t.Errorf("%d hits", faults.Hits())
	}
}

func TestLatencyIsWaitedOutOrGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if err := fault.Wait(t.Context(), time.Minute); err != nil || time.Since(begun) != time.Minute {
			t.Errorf("waited %v, %v", time.Since(begun), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := fault.Wait(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 61*time.Second {
			t.Errorf("waited %v, %v", time.Since(begun), err)
		}
	})
}

// The server must not wait out an hour for a caller that is gone.
func TestACallerMayGoAway(t *testing.T) {
	s := start(t)
	s.faults.Add(fault.Fault{Latency: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/a", strings.NewReader("it"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		response, err := s.Client().Do(request)
		if err == nil {
			_ = response.Body.Close()
		}
		ended <- err
	}()
	for deadline := time.Now().Add(30 * time.Second); s.faults.Hits() == 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the request never arrived")
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the call gave %v", err)
	}
	s.Close() // returns when the handler has
	if s.committed.Load() != 0 {
		t.Error("it was carried out")
	}
}

func TestControl(t *testing.T) {
	s := start(t)
	status, _, body, err := s.do(t, "POST", fault.ControlPath,
		`{"match":"POST /x","times":3,"latency":"1ms","status":429,"retry_after":"1m30s","body":"slow"}`, "Content-Type", "application/json")
	if err != nil || status != http.StatusNoContent {
		t.Fatalf("added: %d %s %v", status, body, err)
	}
	if status, header, _, _ := s.do(t, "POST", "/x", ""); status != 429 || header.Get("Retry-After") != "90" {
		t.Errorf("answered %d with Retry-After %q", status, header.Get("Retry-After"))
	}
	_, _, body, _ = s.do(t, "GET", fault.ControlPath, "")
	want := `[{"match":"POST /x","times":3,"latency":"1ms","status":429,"retry_after":"1m30s","body":"slow","hits":1}]`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	if status, _, _, _ := s.do(t, "DELETE", fault.ControlPath, ""); status != http.StatusNoContent {
		t.Errorf("cleared with %d", status)
	}
	if status, _, _, _ := s.do(t, "POST", "/x", ""); status != 200 {
		t.Errorf("answered %d after the faults were cleared", status)
	}
}

// A fault for everything must not lock out the one that takes it back.
func TestControlMeetsNoFault(t *testing.T) {
	s := start(t)
	s.faults.Add(fault.Fault{Status: 500})
	if status, _, body, err := s.do(t, "GET", fault.ControlPath, ""); err != nil || status != 200 || !strings.Contains(body, `"status":500`) {
		t.Errorf("answered %d %s %v", status, body, err)
	}
}

func TestControlRefuses(t *testing.T) {
	for _, test := range []struct {
		name, method, kind, body string
		status                   int
		says                     string
	}{
		{"what is not said to be JSON", "POST", "text/plain", `{}`, 415, "application/json"},
		{"unknown members", "POST", "application/json", `{"code":1}`, 400, "code"},
		{"what is no JSON", "POST", "application/json", `{`, 400, "decode fault"},
		{"durations without a unit", "POST", "application/json", `{"latency":"5"}`, 400, "latency must be a duration"},
		{"negative durations", "POST", "application/json", `{"retry_after":"-1s"}`, 400, "retry_after must be a duration"},
		{"statuses that do not exist", "POST", "application/json", `{"status":99}`, 400, "200 to 599"},
		{"negative times", "POST", "application/json", `{"times":-1}`, 400, "times"},
		{"faults that do nothing", "POST", "application/json", `{"match":"GET /","times":2,"retry_after":"1s","body":"x"}`, 400, "it needs latency, status, html, cut_before or cut_after"},
		{"bodies without end", "POST", "application/json", `{"body":"` + strings.Repeat("x", 70<<10) + `"}`, 400, "too large"},
		{"other methods", "PUT", "application/json", `{}`, 405, "DELETE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t)
			status, _, body, err := s.do(t, test.method, fault.ControlPath, test.body, "Content-Type", test.kind)
			if err != nil || status != test.status || !strings.Contains(body, test.says) {
				t.Errorf("answered %d %q %v, want %d and %q", status, body, err, test.status, test.says)
			}
			if left := s.faults.List(); len(left) != 0 {
				t.Errorf("it was added all the same: %+v", left)
			}
		})
	}
}
