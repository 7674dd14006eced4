package sandbox_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox"
	"funnelweb/internal/sandbox/splunk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options() sandbox.Options {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	return sandbox.Options{Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
}

// started is a running sandbox with its secrets in a directory.
func started(t *testing.T, options sandbox.Options) (s *sandbox.Sandbox, access string) {
	t.Helper()
	s, err := sandbox.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	access = filepath.Join(t.TempDir(), "access")
	if err := s.WriteAccess(access); err != nil {
		t.Fatal(err)
	}
	return s, access
}

func secret(t *testing.T, access, name string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(access, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func get(t *testing.T, url string, authorize func(*http.Request)) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	authorize(request)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// Each stand-in must let in who holds what WriteAccess wrote, and nobody else, and have the story's data.
func TestTheSecretsOpenTheStandIns(t *testing.T) {
	s, access := started(t, options())
	var webhook struct {
		Alerts []struct {
			ID string `json:"id"`
		} `json:"alerts"`
	}
	if err := json.Unmarshal(s.ThreatStack.Webhook(), &webhook); err != nil || len(webhook.Alerts) != 2 {
		t.Fatalf("the webhook announces %+v, %v", webhook, err)
	}
	s.Splunk.Add(splunk.Job{SID: "mine"})
	for _, test := range []struct {
		name, url, secret, says string
		authorize               func(r *http.Request, secret string)
	}{
		{
			"Jira has the project", s.Jira.URL() + "/rest/api/2/project/SEC", "jira-token", `"key":"SEC"`,
			func(r *http.Request, secret string) { r.SetBasicAuth(sandbox.JiraUser, secret) },
		},
		{
			"VirusTotal knows the file", s.VirusTotal.URL() + "/files/44d88612fea8a8f36de82e1278abb02f", "vt-key",
			"275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
			func(r *http.Request, secret string) { r.Header.Set("X-Apikey", secret) },
		},
		{
			"Threat Stack has the alerts that its webhook announces", s.ThreatStack.URL() + "/alerts/" + webhook.Alerts[1].ID,
			"threatstack-key", webhook.Alerts[1].ID,
			func(r *http.Request, secret string) { r.Header.Set("Authorization", secret) },
		},
		{
			"Splunk's REST interface", s.Splunk.URL() + "/services/search/v2/jobs/mine?output_mode=json", "splunk-rest-token", `"sid":"mine"`,
			func(r *http.Request, secret string) { r.Header.Set("Authorization", "Bearer "+secret) },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			right := secret(t, access, test.secret)
			status, body := get(t, test.url, func(r *http.Request) { test.authorize(r, right) })
			if status != http.StatusOK || !strings.Contains(body, test.says) {
				t.Errorf("answered %d %s", status, body)
			}
			if status, body := get(t, test.url, func(r *http.Request) { test.authorize(r, "x"+right) }); status != http.StatusUnauthorized {
				t.Errorf("a wrong secret is answered %d %s", status, body)
			}
		})
	}
}

func TestTheDirectoryIsReachedWithItsCertificate(t *testing.T) {
	s, access := started(t, options())
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(secret(t, access, "ad-ca.pem"))) {
		t.Fatal("ad-ca.pem holds no certificate")
	}
	// The certificate is of the sandbox's time.
	config := &tls.Config{RootCAs: roots, Time: options().Now, MinVersion: tls.VersionTLS12}
	conn, err := ldap.DialURL(s.Directory.URL(), ldap.DialWithTLSConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(s.Directory.BindDN(), secret(t, access, "ad-password")); err != nil {
		t.Fatal(err)
	}
	found, err := conn.Search(&ldap.SearchRequest{
		BaseDN: s.Directory.BaseDN(), Scope: ldap.ScopeWholeSubtree, Filter: "(sAMAccountName=jdoe)", Attributes: []string{"mail"},
	})
	if err != nil || len(found.Entries) != 1 || found.Entries[0].GetAttributeValue("mail") != "jdoe@lab.example" {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestSecretsAreMadeAnewAndKeptFromOthers(t *testing.T) {
	s, access := started(t, options())
	_, other := started(t, options())
	names := []string{}
	entries, err := os.ReadDir(access)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
		if entry.Name() != "ad-ca.pem" && len(secret(t, access, entry.Name())) < 26 {
			t.Errorf("%s is short", entry.Name())
		}
		if secret(t, access, entry.Name()) == secret(t, other, entry.Name()) {
			t.Errorf("%s is the same in two sandboxes", entry.Name())
		}
	}
	want := []string{
		"ad-ca.pem", "ad-password", "archive-token", "jira-token", "jira-webhook-secret", "splunk-rest-token", "splunk-token", "threatstack-key", "vt-key",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	token := filepath.Join(access, "jira-token")
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteAccess(access); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(token); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("written again, the file has mode %v, %v", info.Mode(), err)
	}
	for _, name := range want[1:] {
		frameworktest.LeaksNoSecret(t, secret(t, access, name), fmt.Sprintf("%v %+v", s, s))
	}
}

func TestWriteAccessSaysWhatIsInTheWay(t *testing.T) {
	s, _ := started(t, options())
	inTheWay := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteAccess(inTheWay); err == nil || !strings.Contains(err.Error(), "make the directory for the sandbox's secrets") {
		t.Errorf("WriteAccess gave %v", err)
	}
}

// What was started before the one that cannot be must not stay behind: goleak in TestMain would find it.
func TestStartIsAllOrNothing(t *testing.T) {
	running, _ := started(t, options())
	taken := strings.TrimPrefix(running.Jira.URL(), "http://")
	for name, change := range map[string]func(*sandbox.Options){
		"Jira":         func(o *sandbox.Options) { o.JiraAddr = taken },
		"Directory":    func(o *sandbox.Options) { o.DirectoryAddr = taken },
		"VirusTotal":   func(o *sandbox.Options) { o.VirusTotalAddr = taken },
		"Threat Stack": func(o *sandbox.Options) { o.ThreatStackAddr = taken },
	} {
		options := options()
		change(&options)
		if s, err := sandbox.Start(t.Context(), options); err == nil || s != nil || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("%s: Start gave %v, %v", name, s, err)
		}
	}
}
