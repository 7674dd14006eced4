package virustotal_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	vt "github.com/VirusTotal/vt-go"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/virustotal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "virustotal-key-0123456789"

func start(t *testing.T, change func(*virustotal.Options)) (*virustotal.Server, *frameworktest.Clock) {
	t.Helper()
	clock := &frameworktest.Clock{}
	options := virustotal.Options{Key: framework.NewSecret(key), Now: clock.Now, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&options)
	}
	s, err := virustotal.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s, clock
}

func call(t *testing.T, method, url string, keys ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	request.Header["X-Apikey"] = keys
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestItRefusesInVirusTotalsWords(t *testing.T) {
	s, _ := start(t, nil)
	file := "/files/" + virustotal.EICARMD5
	for _, c := range []struct {
		name, method, path string
		keys               []string
		status             int
		code               string
	}{
		{"no key", "GET", file, nil, 401, "AuthenticationRequiredError"},
		{"a wrong key", "GET", file, []string{"wrong"}, 401, "WrongCredentialsError"},
		{"a key given twice", "GET", file, []string{key, key}, 401, "WrongCredentialsError"},
		{"an unknown file", "GET", "/files/" + strings.Repeat("a", 32), []string{key}, 404, "NotFoundError"},
		{"a file id that is no hash", "GET", "/files/xyz", []string{key}, 400, "BadRequestError"},
		{"an address that is none", "GET", "/ip_addresses/300.1.1.1", []string{key}, 400, "BadRequestError"},
		{"a domain that is none", "GET", "/domains/localhost", []string{key}, 400, "BadRequestError"},
		{"a URL id that is none", "GET", "/urls/a%20b", []string{key}, 400, "BadRequestError"},
		{"another collection", "GET", "/users/me", []string{key}, 404, "NotFoundError"},
		{"what is no collection", "GET", "/../../robots.txt", []string{key}, 404, "NotFoundError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := call(t, c.method, s.URL()+c.path, c.keys...)
			if status != c.status || !strings.Contains(body, `"code":"`+c.code+`"`) {
				t.Errorf("%d %s, want %d %s", status, body, c.status, c.code)
			}
		})
	}
}

func TestEverySubmissionIsRefusedAndCounted(t *testing.T) {
	s, _ := start(t, nil)
	s.Faults().Add(fault.Fault{CutBefore: true})
	var want []string
	for _, c := range []struct {
		name, method, path string
		keys               []string
	}{
		{"a file", "POST", "/files", []string{key}},
		{"a file with a wrong key", "POST", "/files", []string{"wrong"}},
		{"a file without a key", "POST", "/files", nil},
		{"a URL", "POST", "/urls", []string{key}},
		{"a new analysis", "POST", "/files/" + virustotal.EICARMD5 + "/analyse", []string{key}},
		{"a comment taken back", "DELETE", "/comments/1", []string{key}},
		{"anything at the address of a lookup", "PUT", "/files/" + virustotal.EICARMD5, []string{key}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, body := call(t, c.method, s.URL()+c.path, c.keys...); status != 403 || !strings.Contains(body, "ForbiddenError") {
				t.Errorf("%d %s", status, body)
			}
		})
		want = append(want, c.method+" /api/v3"+c.path)
	}
	if diff := cmp.Diff(want, s.Submissions()); diff != "" {
		t.Errorf("submissions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string(nil), s.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestTheRealClientReadsEveryObjectOfTheStory(t *testing.T) {
	s, _ := start(t, nil)
	for path, malicious := range map[string]int64{
		"/files/" + virustotal.EICARMD5: 62, "/files/" + strings.ToUpper(virustotal.EICARSHA1): 62, "/files/" + virustotal.EICARSHA256: 62,
		"/files/" + virustotal.HarmlessSHA256: 0, "/files/" + virustotal.UndetectedSHA256: 0,
		"/ip_addresses/" + virustotal.MaliciousIP: 9, "/domains/" + virustotal.MaliciousDomain: 12,
		"/urls/aHR0cDovL21hbHdhcmUuZXhhbXBsZS5uZXQvaW52b2ljZS5wZGYuZXhl": 11,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		object, err := vt.NewClient(key).GetObject(request.URL)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got, err := object.GetInt64("last_analysis_stats.malicious"); err != nil || got != malicious {
			t.Errorf("%s: %d engines, %v; want %d", path, got, err, malicious)
		}
	}
	if got := len(s.Requests()); got != 8 {
		t.Errorf("%d requests are recorded, want 8", got)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/files/"+strings.Repeat("b", 64), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_, err = vt.NewClient(key).GetObject(request.URL)
	if told, ok := errors.AsType[vt.Error](err); !ok || told.Code != "NotFoundError" {
		t.Errorf("error %v", err)
	}
}

func TestTheQuotaIsKeptByMinuteAndDay(t *testing.T) {
	s, clock := start(t, func(o *virustotal.Options) { o.PerMinute, o.PerDay = 2, 3 })
	var got []int
	ask := func() {
		status, _ := call(t, "GET", s.URL()+"/files/"+virustotal.EICARMD5, key)
		got = append(got, status)
	}
	ask()
	ask()
	ask()
	clock.Advance(time.Minute)
	ask()
	clock.Advance(24 * time.Hour)
	ask()
	if diff := cmp.Diff([]int{200, 200, 429, 429, 200}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestItMisbehavesWhenTold(t *testing.T) {
	s, _ := start(t, nil)
	quota := `{"error":{"code":"QuotaExceededError","message":"Quota exceeded"}}`
	for _, c := range []struct {
		name  string
		fault fault.Fault
		code  string // of the error that the real client tells, or
		words string
	}{
		{"over the quota", fault.Fault{Status: 429, RetryAfter: time.Minute, Body: quota}, "QuotaExceededError", ""},
		{"a page in place of JSON", fault.Fault{HTML: true}, "", "Expecting JSON response"},
		{"unavailable, as a proxy says it", fault.Fault{Status: 503}, "", "Expecting JSON response"},
		{"JSON that says nothing", fault.Fault{Status: 500, Body: "{}"}, "", "EOF"},
		{"cut", fault.Fault{CutBefore: true}, "", "EOF"},
		{"cut after it was carried out", fault.Fault{CutAfter: true}, "", "EOF"},
		{"too slow", fault.Fault{Latency: time.Hour}, "", "Client.Timeout exceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.Faults().Add(c.fault)
			defer s.Faults().Clear()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/files/"+virustotal.EICARMD5, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			patience := 20 * time.Second
			if c.fault.Latency > 0 {
				patience = 50 * time.Millisecond
			}
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
			_, err = vt.NewClient(key, vt.WithHTTPClient(client)).GetObject(request.URL)
			told, ok := errors.AsType[vt.Error](err)
			if c.code != "" && (!ok || told.Code != c.code) || err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %s%s", err, c.code, c.words)
			}
		})
	}
	if status, _ := call(t, "GET", s.URL()+"/files/"+virustotal.EICARMD5, key); status != 200 {
		t.Errorf("%d after the faults", status)
	}
}

func TestTheKeyIsInNoLogAndNoAnswer(t *testing.T) {
	log := &frameworktest.Log{}
	s, _ := start(t, func(o *virustotal.Options) { o.Log = log.Logger() })
	_, known := call(t, "GET", s.URL()+"/files/"+virustotal.EICARMD5, key)
	_, unknown := call(t, "GET", s.URL()+"/files/"+strings.Repeat("a", 32), key)
	_, refused := call(t, "POST", s.URL()+"/files", key)
	frameworktest.LeaksNoSecret(t, key, log.String(), known, unknown, refused, strings.Join(append(s.Requests(), s.Submissions()...), " "))
}

func TestItDoesNotStartWithoutAKey(t *testing.T) {
	clock := &frameworktest.Clock{}
	if _, err := virustotal.Start(t.Context(), virustotal.Options{Now: clock.Now, Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("it started")
	}
}
