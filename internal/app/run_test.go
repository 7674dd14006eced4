package app_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"funnelweb/framework/frameworktest"
	"funnelweb/internal/app"
	"funnelweb/internal/engine"
)

// small serves Splunk and archives its alerts.
func small(data string) string {
	return `listen: 127.0.0.1:0
data: ` + data + `
endpoints:
  - use: splunk
    before: [{token: {secrets: ["env:SMALL_TOKEN"]}}]
automations:
  - name: archive-splunk
    on: splunk.alert
    do: {archive: {}}
`
}

const smallAlert = `{"sid":"s1","search_name":"Test","app":"search","owner":"admin","result":{"user":"jdoe"}}`

func TestAnAlertIsStoredAnsweredArchivedAndStillThereAfterARestart(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	data := t.TempDir()
	base, drain := start(t, small(data), nil)
	status, body := send(t, http.MethodPost, base+"/api/v1/splunk/alert", goodToken, smallAlert)
	if status != http.StatusAccepted {
		t.Fatalf("status %d: %s", status, body)
	}
	id := strings.Split(body, `"`)[3]
	eventually(t, func() bool {
		_, body := get(t, base+"/api/v1/events/"+id, goodToken)
		return strings.Contains(body, `"state":"done"`)
	})
	if err := drain(); err != nil {
		t.Fatal(err)
	}

	base, _ = start(t, small(data), nil)
	status, body = send(t, http.MethodPost, base+"/api/v1/splunk/alert/", goodToken, smallAlert)
	if status != http.StatusOK || !strings.Contains(body, id) {
		t.Errorf("the repeat after a restart gives %d %s, want 200 with %s", status, body, id)
	}
	_, body = get(t, base+"/api/v1/events/"+id, goodToken)
	if !strings.Contains(body, `"state":"done"`) || !strings.Contains(body, `"request_id":"`) {
		t.Errorf("the event after a restart: %s", body)
	}
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	limit, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-limit.Done():
			t.Fatal("it did not come about within 20 s")
		case <-tick.C:
		}
	}
}

func TestASecondServerOnTheSameDataIsRefused(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	data := t.TempDir()
	start(t, small(data), nil)
	config, err := app.ParseConfig([]byte(small(data)))
	if err != nil {
		t.Fatal(err)
	}
	second, err := app.Build(t.Context(), config, parts(), options(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	err = second.Run(t.Context(), func(string) { t.Error("the second server serves") })
	if !errors.Is(err, engine.ErrLocked) || !strings.Contains(err.Error(), data) {
		t.Errorf("error %v", err)
	}
}

func TestAnAddressThatIsTakenIsAnErrorAndLetsTheStoreGo(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	data := t.TempDir()
	config, err := app.ParseConfig([]byte(strings.Replace(small(data), "127.0.0.1:0", taken.Listener.Addr().String(), 1)))
	if err != nil {
		t.Fatal(err)
	}
	server, err := app.Build(t.Context(), config, parts(), options(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Run(t.Context(), func(string) {}); err == nil || !strings.Contains(err.Error(), "listen") {
		t.Errorf("error %v", err)
	}
	start(t, small(data), nil) // the lock was let go
}

func TestDrainingAnswersTheCallThatIsUnderWay(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	base, drain := start(t, small(t.TempDir()), nil)
	reader, writer := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v1/splunk/alert", reader)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+goodToken)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Expect", "100-continue") // the body is not sent before the server asks for it
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute, DisableKeepAlives: true}}
	answered := make(chan int, 1)
	go func() {
		response, err := client.Do(request)
		if err != nil {
			t.Log(err)
			answered <- 0
			return
		}
		defer response.Body.Close()
		answered <- response.StatusCode
	}()
	if _, err := io.WriteString(writer, smallAlert[:10]); err != nil { // returns when the server reads it
		t.Fatal(err)
	}
	drained := make(chan error, 1)
	go func() { drained <- drain() }()
	eventually(t, func() bool { // it takes no new calls
		other, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(other)
		if err != nil {
			return true
		}
		response.Body.Close()
		return false
	})
	if _, err := io.WriteString(writer, smallAlert[10:]); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	if status := <-answered; status != http.StatusAccepted {
		t.Errorf("the call under way got %d, want 202", status)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

func TestOperatorsRoutesAndMetricsNeedTheAccessToken(t *testing.T) {
	base, _ := start(t, "listen: 127.0.0.1:0\ndata: "+t.TempDir()+"\n", nil)
	for _, path := range []string{"/api/v1/events", "/api/v1/deadletters", "/metrics"} {
		if status, _ := get(t, base+path, ""); status != http.StatusUnauthorized {
			t.Errorf("%s without a token gives %d", path, status)
		}
		if status, body := get(t, base+path, goodToken); status != http.StatusOK {
			t.Errorf("%s gives %d: %s", path, status, body)
		}
	}
	for _, path := range []string{"/status", "/ready", "/openapi.json", "/docs/"} {
		if status, body := get(t, base+path, ""); status != http.StatusOK {
			t.Errorf("%s gives %d: %s", path, status, body)
		}
	}
}

func TestNoSecretReachesLogAnswersOrFiles(t *testing.T) {
	const canary = "canary-5e1f0a9b7c3d2468"
	t.Setenv("SMALL_TOKEN", canary)
	data := t.TempDir()
	var log frameworktest.Log
	base, drain := start(t, strings.Replace(small(data), `"env:SMALL_TOKEN"]`, `"env:SMALL_TOKEN"], in: query`, 1), &log)
	var answers []string
	for _, body := range []string{smallAlert, `{"sid":1}`, `nonsense`} {
		_, answer := send(t, http.MethodPost, base+"/api/v1/splunk/alert?token="+canary, "", body)
		answers = append(answers, answer)
	}
	for _, path := range []string{"/openapi.json", "/api/v1/events", "/metrics", "/nowhere?token=" + canary} {
		_, answer := get(t, base+path, goodToken)
		answers = append(answers, answer)
	}
	if err := drain(); err != nil {
		t.Fatal(err)
	}
	frameworktest.LeaksNoSecret(t, canary, append(answers, log.String())...)
	err := filepath.WalkDir(data, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		frameworktest.LeaksNoSecret(t, canary, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
