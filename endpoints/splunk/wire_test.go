package splunk_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"funnelweb/endpoints/splunk"
)

// call sends a request as it is given and returns the status of the answer, and where it redirects to.
func call(t *testing.T, address, request string) (status int, location string) {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode, response.Header.Get("Location")
}

// python is a request as alert_webhook/bin/webhook.py sends it with Python's urllib.
func python(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nAccept-Encoding: identity\r\nContent-Length: %d\r\nHost: automation.example.com\r\nUser-Agent: Splunk/D7AE3F1C-0D5E-4E55-8D2B-5E0F7F6E3A10\r\n"+
		"Content-Type: application/json\r\nConnection: close\r\n\r\n%s", path, len(body), body)
}

func TestWhatSplunksActionSendsIsTakenAsItIs(t *testing.T) {
	w := serve(t, splunk.Defaults())
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	for _, path := range []string{"/api/v1/splunk/alert", "/api/v1/splunk/alert/", "/api/v1/splunk/alert?token=x", "/api/v1/splunk/alert/?token=x"} {
		if status, _ := call(t, address, python(path, stock)); status != http.StatusAccepted && status != http.StatusOK {
			t.Errorf("%s: answered %d", path, status)
		}
	}
	if got := len(w.events.Events()); got != 1 {
		t.Errorf("%d events", got)
	}
	// urllib follows a redirect with a GET, and reports its 200 as success: the alert would be gone.
	for _, path := range []string{
		"//api/v1/splunk/alert", "/api//v1/splunk/alert", "/api/../api/v1/splunk/alert", "/api/v1/splunk/alert//", "/API/v1/splunk/alert", "/api/v1/splunk", "/api/v1/splunk/alert/..", "/",
	} {
		if status, location := call(t, address, python(path, stock)); status >= 300 && status < 400 || location != "" {
			t.Errorf("%s: redirected with %d to %s", path, status, location)
		}
	}
}

// A search that alerts once per result calls once for each row, with one sid. Somebody who forwards alerts may call twice.
func TestAlertsPerResultAreNotMergedAndRetriedOnesAre(t *testing.T) {
	w := serve(t, splunk.Defaults())
	ids := map[string]bool{}
	for range 2 {
		for row := range 50 {
			status, id := w.accept(t, strings.Replace(stock, `"WS-042"`, fmt.Sprintf(`"WS-%03d"`, row), 1))
			if want := map[bool]int{true: http.StatusOK, false: http.StatusAccepted}[ids[id]]; status != want {
				t.Errorf("row %d: answered %d, want %d", row, status, want)
			}
			ids[id] = true
		}
	}
	if len(ids) != 50 || len(w.events.Events()) != 50 {
		t.Errorf("%d ids, %d events", len(ids), len(w.events.Events()))
	}
}
