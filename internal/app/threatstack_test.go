package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// The requests that the README of threatstack-to-s3 documents, and objects as that program left them: Python's json.dumps,
// under its keys, with its prefix.
const (
	oldDetail = `{"id": "589b1aa1e4b0c5a1f2d3e4f5", "title": "caf\u00e9 login", "severity": 1, "rule": null}`
	oldItem   = `{"source": "cloudtrail", "id": "589b1aa1e4b0c5a1f2d3e4f5", "created_at": 1498132800123, "title": "caf\u00e9 login"}`
	// Two alerts in one call, as Threat Stack sends them; of a third one the service has no detail at first.
	newWebhook = `{"alerts": [
		{"id": "aa11bb22", "title": "one", "created_at": 1795176000123, "severity": 1, "organization_id": "o", "server_or_region": "s", "source": "host"},
		{"id": "cc33dd44", "title": "two", "created_at": 1795176000456, "severity": 3, "organization_id": "o", "server_or_region": "s", "source": "host"},
		{"id": "ee55ff66", "title": "three", "created_at": 1795176060789, "severity": 3, "organization_id": "o", "server_or_region": "s", "source": "host"}]}`
)

// oldBucket is a bucket with one alert of the old program, reached by the variables of the AWS SDK alone.
func oldBucket(t *testing.T) *s3mem.Backend {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("old-bucket"); err != nil {
		t.Fatal(err)
	}
	for key, body := range map[string]string{
		"ts/alerts/58/9b/589b1aa1e4b0c5a1f2d3e4f5":              oldDetail,
		"ts/webhooks/2017/06/22/12/00/589b1aa1e4b0c5a1f2d3e4f5": oldItem,
	} {
		if _, err := backend.PutObject("old-bucket", key, nil, strings.NewReader(body), int64(len(body)), nil); err != nil {
			t.Fatal(err)
		}
	}
	store := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(store.Close)
	t.Setenv("AWS_ENDPOINT_URL_S3", store.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_DEFAULT_REGION", "us-east-1")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("TS_AWS_S3_BUCKET", "old-bucket")
	t.Setenv("TS_AWS_S3_PREFIX", "ts")
	return backend
}

// threatStack fails once for the third alert.
func threatStack(t *testing.T) {
	t.Helper()
	var failed atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "ts-key":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/api/v1/alerts":
			_, _ = io.WriteString(w, "[]")
		case path.Base(r.URL.Path) == "ee55ff66" && failed.CompareAndSwap(false, true):
			w.WriteHeader(http.StatusInternalServerError)
		default:
			_, _ = fmt.Fprintf(w, `{"id": %q, "detail": true}`, path.Base(r.URL.Path))
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("THREATSTACK_API_KEY", "ts-key")
	t.Setenv("THREATSTACK_BASE_URL", server.URL+"/api/v1")
}

// object is the body of an object in the old bucket, or "".
func object(t *testing.T, backend *s3mem.Backend, key string) string {
	t.Helper()
	found, err := backend.GetObject("old-bucket", "ts/"+key, nil)
	if err != nil {
		return ""
	}
	defer found.Contents.Close()
	body, err := io.ReadAll(found.Contents)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// wantJSON compares a good answer, in any layout.
func wantJSON(t *testing.T, what string, status int, body, want string) {
	t.Helper()
	var got, wanted any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%s: %v in %s", what, err, body)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, got); diff != "" || status != http.StatusOK {
		t.Errorf("%s: status %d (-want +got):\n%s", what, status, diff)
	}
}

func TestCallersOfThreatstackToS3AreServedAsBefore(t *testing.T) {
	t.Setenv("ARCHIVE_TOKEN", goodToken)
	for _, prefix := range []string{"", "/threatstack-to-s3"} { // the paths of its releases, and those of its last state
		t.Run("at "+prefix+"/api/v1/s3", func(t *testing.T) {
			backend := oldBucket(t)
			threatStack(t)
			with := ""
			if prefix != "" {
				with = ", with: {path_prefix: " + prefix + "}"
			}
			base, drain := start(t, fmt.Sprintf(`
listen: 127.0.0.1:0
data: %s
engine: {embedded: {retry_first: 50ms}}
endpoints: [{use: archive, before: [{token: {secrets: ["env:ARCHIVE_TOKEN"]}}]%s}]
`, t.TempDir(), with), nil)
			replay(t, base+prefix+"/api/v1/s3", backend)
			if err := drain(); err != nil {
				t.Error(err)
			}
		})
	}
}

// replay makes the documented calls and looks at what is in the bucket then.
func replay(t *testing.T, api string, backend *s3mem.Backend) {
	t.Helper()
	status, body := get(t, api+"/status", goodToken)
	wantJSON(t, "status", status, body, `{"success":true,"s3":{"success":true},"threatstack":{"success":true}}`)

	status, body = get(t, api+"/alert/589b1aa1e4b0c5a1f2d3e4f5", goodToken)
	wantJSON(t, "an alert of the old bucket", status, body, `{"success":true,"alert":`+oldDetail+`}`)
	status, body = get(t, api+"/alert?start=2017-06-22T11:59:00&end=2017-06-22T12:01:00", goodToken)
	wantJSON(t, "a time of the old bucket", status, body, `{"success":true,"alerts":[`+oldDetail+`]}`)
	status, body = get(t, api+"/alert?start=2017-06-22T13:59:00%2B02:00&end=2017-06-22T14:01:00%2B02:00", goodToken)
	wantJSON(t, "the same in another zone", status, body, `{"success":true,"alerts":[`+oldDetail+`]}`)

	status, body = send(t, http.MethodPost, api+"/alert", goodToken, newWebhook)
	wantJSON(t, "a webhook", status, body, `{"success":true}`)
	deadline := time.Now().Add(20 * time.Second)
	for object(t, backend, "alerts/ee/55/ee55ff66") == "" && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	for id, minute := range map[string]string{"aa11bb22": "00", "cc33dd44": "00", "ee55ff66": "01"} {
		detail := object(t, backend, "alerts/"+id[:2]+"/"+id[2:4]+"/"+id)
		item := object(t, backend, "webhooks/2026/11/20/12/"+minute+"/"+id)
		if detail != `{"id": "`+id+`", "detail": true}` || !strings.Contains(item, `"`+id+`"`) || strings.Contains(item, "alerts") {
			t.Errorf("%s: detail %q, item %q", id, detail, item)
		}
	}
	status, body = get(t, api+"/alert?start=2026-11-20T12:00:00&end=2026-11-20T12:02:00", goodToken)
	wantJSON(t, "the new ones", status, body,
		`{"success":true,"alerts":[{"id":"aa11bb22","detail":true},{"id":"cc33dd44","detail":true},{"id":"ee55ff66","detail":true}]}`)

	// What is different, as docs/migrate-threatstack-to-s3.md has it.
	for path, want := range map[string]int{
		"/alert/000000000000000000000000": http.StatusNotFound, "/alert?start=yesterday&end=today": http.StatusUnprocessableEntity,
		"/alert?start=2026-11-20": http.StatusUnprocessableEntity,
	} {
		if status, body := get(t, api+path, goodToken); status != want || !strings.Contains(body, `"request_id"`) {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
	for _, body := range []string{``, `{}`, `{"alerts":[]}`, `{"alerts":[{"id":"aa11bb22"}]}`, `{"alerts":[{"created_at":1}]}`} {
		if status, answer := send(t, http.MethodPost, api+"/alert", goodToken, body); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", body, status, answer)
		}
	}
	if status, _ := send(t, http.MethodPost, api+"/alert", "", newWebhook); status != http.StatusUnauthorized {
		t.Errorf("without a token: got %d", status)
	}
}
