package framework_test

import (
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"funnelweb/framework"
)

// counting is one of the wrappers that calls go through.
type counting struct {
	http.RoundTripper

	calls *int
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	*c.calls++
	return c.RoundTripper.RoundTrip(r)
}

func (c counting) Around(change func(http.RoundTripper) http.RoundTripper) http.RoundTripper {
	return counting{change(c.RoundTripper), c.calls}
}

// sealed is one that says nothing of what it is around.
type sealed struct{ http.RoundTripper }

func secure(t *testing.T) (server *httptest.Server, authority string) {
	t.Helper()
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it tells of who did not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	authority = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return server, authority
}

func TestATrustingClientStillDoesAllThatTheOtherOneDoes(t *testing.T) {
	t.Parallel()
	server, authority := secure(t)
	calls := 0
	plain := &http.Client{Transport: counting{counting{new(http.Transport), &calls}, &calls}}
	trusting, err := framework.Trusting(plain, authority)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trusting.CloseIdleConnections)
	response, err := trusting.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if calls != 2 {
		t.Errorf("%d of 2 wrappers saw the call", calls)
	}
	if response, err := plain.Get(server.URL); err == nil {
		_ = response.Body.Close()
		t.Error("the other client trusts the authority too")
	}
}

func TestWithoutAFileNothingElseIsTrusted(t *testing.T) {
	t.Parallel()
	server, _ := secure(t)
	own, err := framework.Trusting(new(http.Client), "")
	if err != nil {
		t.Fatal(err)
	}
	if response, err := own.Get(server.URL); err == nil {
		_ = response.Body.Close()
		t.Error("an authority that nobody named is trusted")
	}
}

func TestAFileThatNamesNobodyIsAMistake(t *testing.T) {
	t.Parallel()
	_, authority := secure(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		client *http.Client
		file   string
		want   string
	}{
		"no such file":        {new(http.Client), empty + ".none", "no such file"},
		"no certificate":      {new(http.Client), empty, "holds no certificate in PEM form"},
		"a folder":            {new(http.Client), filepath.Dir(empty), "is a directory"},
		"an unknown wrapping": {&http.Client{Transport: sealed{new(http.Transport)}}, authority, "cannot be told whom to trust"},
	} {
		if _, err := framework.Trusting(test.client, test.file); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
