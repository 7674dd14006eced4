package archive

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func probed(t *testing.T, prober framework.Prober) []string {
	t.Helper()
	var lines []string
	for _, one := range prober.Probe(t.Context()) {
		lines = append(lines, strings.TrimSuffix(fmt.Sprintf("%s %t: %s -> %s", one.Name, one.OK, one.Detail, one.Advice), " -> "))
	}
	frameworktest.LeaksNoSecret(t, "test-secret-key", strings.Join(lines, "\n"))
	return lines
}

func TestADirectoryIsTriedWithoutATrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "archive")
	store, err := NewDir(path, realNow)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"write true: the directory is made by the first alert"}, probed(t, store)); diff != "" {
		t.Errorf("one that is not there (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("looking made the directory: whoever checks may not be who serves")
	}
	mustPut(t, store, "a/b", "body")
	if diff := cmp.Diff([]string{"write true: in " + path}, probed(t, store)); diff != "" {
		t.Errorf("one that is there (-want +got):\n%s", diff)
	}
	var keys []string
	for key, err := range store.List(t.Context(), "", "", "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	if diff := cmp.Diff([]string{"a/b"}, keys); diff != "" {
		t.Errorf("what is in it (-want +got):\n%s", diff)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if lines := probed(t, store); !strings.HasPrefix(lines[0], "write false: archive: check archive: ") {
		t.Errorf("a file in its place: %q", lines)
	}
}

func TestABucketIsTriedByListPutAndGet(t *testing.T) {
	const stays = "~write-once stays as proof of it"
	unchanged := func(next http.Handler) http.Handler { return next }
	refusing := func(method, code string, status int) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if isList := r.URL.Query().Has("list-type"); r.Method == method && !isList || method == "LIST" && isList {
					answerError(w, status, code)
					return
				}
				next.ServeHTTP(w, r)
			})
		}
	}
	const denied = "access denied: allow s3:ListBucket on the bucket and s3:GetObject and s3:PutObject on its objects (with kms_key also kms:GenerateDataKey and kms:Decrypt on the key, " +
		"with lock s3:PutObjectRetention, with lock.hold s3:PutObjectLegalHold) (status 403)"
	const put = "put true: objects are written once; "
	cases := []struct {
		name string
		wrap func(http.Handler) http.Handler
		want []string
	}{
		{"all is well", unchanged, []string{"list true: bucket evidence", put + stays, "get true: what was put is read"}},
		{"no right to list", refusing("LIST", "AccessDenied", 403), []string{"list false: s3: check archive: " + denied, put + stays, "get true: what was put is read"}},
		{"no right to put", refusing(http.MethodPut, "AccessDenied", 403), []string{"list true: bucket evidence", "put false: s3: store object: " + denied}},
		{"no right to get", refusing(http.MethodGet, "AccessDenied", 403), []string{"list true: bucket evidence", put + stays, "get false: s3: read object: " + denied}},
		{"a clock that is off", refusing(http.MethodPut, "RequestTimeTooSkewed", 403), []string{"list true: bucket evidence", "put false: s3: store object: this machine's clock differs too much from the store's: set it by NTP (status 403)"}},
		{"an expired token", refusing(http.MethodPut, "ExpiredToken", 400), []string{"list true: bucket evidence", "put false: s3: store object: the credentials have expired or are not valid: renew them (status 400)"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("AWS_MAX_ATTEMPTS", "1")
			store := fakeS3(t, c.wrap)
			got := probed(t, store)
			for i := range got {
				got[i] = strings.ReplaceAll(strings.ReplaceAll(got[i], ", below "+store.prefix, ""), store.prefix+proofKey, proofKey)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAStoreThatReplacesObjectsIsSaidToBeNone(t *testing.T) {
	store := fakeS3(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-None-Match")
			next.ServeHTTP(w, r)
		})
	})
	got := probed(t, store)
	if want := "put false: s3: store object: the store replaces objects in spite of If-None-Match"; len(got) != 2 || !strings.HasPrefix(got[1], want) {
		t.Errorf("got %q", got)
	}
}

func TestABucketOnARealServerLeavesTheProofAlone(t *testing.T) {
	gateway := startVersityGatewayIn(t, t.TempDir(), "--versioning-dir", t.TempDir())
	for _, lock := range []bool{true, false} {
		config := s3Config(gateway.url)
		config.Bucket = fmt.Sprintf("locked-%t", lock)
		config.Lock = LockConfig{Mode: "governance", Days: 1}
		store := newS3(t, config)
		if _, err := store.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &config.Bucket, ObjectLockEnabledForBucket: &lock}); err != nil {
			t.Fatal(err)
		}
		got := probed(t, store)
		if locked := strings.HasPrefix(got[len(got)-1], fmt.Sprintf("object lock %t: ", lock)); len(got) != 4 || !locked {
			t.Errorf("lock %t: %q", lock, got)
		}
		if left := objects(t, store); !cmp.Equal([]string{store.prefix + proofKey}, left) {
			t.Errorf("it left %q", left)
		}
	}
}

// objects are all keys of the bucket.
func objects(t *testing.T, store *S3) []string {
	t.Helper()
	page, err := store.client.ListObjectsV2(context.WithoutCancel(t.Context()), &s3.ListObjectsV2Input{Bucket: &store.config.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, object := range page.Contents {
		keys = append(keys, *object.Key)
	}
	return keys
}
