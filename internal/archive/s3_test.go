package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/crc32"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// standIn is an S3 store that a test answers for, with attempts made at once.
func standIn(t *testing.T, handler http.HandlerFunc) *S3 {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	return newS3(t, s3Config(server.URL))
}

// fakeS3 is a store that keeps objects, behind a handler that may look at or answer each request first.
func fakeS3(t *testing.T, wrap func(next http.Handler) http.Handler) *S3 {
	t.Helper()
	store, _ := fakeS3With(t, wrap)
	return store
}

func fakeS3With(t *testing.T, wrap func(next http.Handler) http.Handler) (*S3, *s3mem.Backend) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("evidence"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wrap(gofakes3.New(backend).Server()))
	t.Cleanup(server.Close)
	return newS3(t, s3Config(server.URL)), backend
}

func answerError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>canary of the store</Message></Error>`, code)
}

func TestS3SaysWhatToDo(t *testing.T) {
	cases := []struct {
		code      string
		status    int
		want      string
		permanent bool
	}{
		{"NoSuchBucket", 404, "create it", false},
		{"NotFound", 404, "there is no such bucket", false}, // how an answer without a body is named
		{"AccessDenied", 403, "s3:PutObject", false},
		{"InvalidAccessKeyId", 403, "check access_key", false},
		{"SignatureDoesNotMatch", 403, "check secret_key", false},
		{"ExpiredToken", 400, "renew", false},
		{"RequestTimeTooSkewed", 403, "clock", false},
		{"PermanentRedirect", 301, "set region", false},
		{"AuthorizationHeaderMalformed", 400, "set region", false},
		{"InvalidBucketName", 400, "name of the bucket", true},
		{"ObjectLockConfigurationNotFoundError", 404, "Object Lock", false},
		{"InvalidRequest", 400, "Object Lock", false},
		{"AccountProblem", 403, "payment", false},
		{"SlowDown", 503, "slow down", false},
		{"InternalError", 500, "at this moment", false},
		{"KMS.DisabledException", 400, "kms_key", false},
		{"NotImplemented", 501, "conditional writes", false},
		{"BadDigest", 400, "when_required", false},
		{"EntityTooLarge", 400, "EntityTooLarge", true},
		{"SomethingNew", 418, "answered SomethingNew", false},
		{"canary&#10;of a name", 400, "no known name", false},
	}
	for _, c := range cases {
		t.Run(c.code, func(t *testing.T) {
			store := standIn(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				answerError(w, c.status, c.code)
			})
			for op, err := range map[string]error{
				putOp: store.Put(t.Context(), "a/b", []byte("body")), getOp: getError(t, store),
				listOp: listError(t, store), checkOp: store.Check(t.Context()),
			} {
				failure, ok := errors.AsType[*framework.ServiceError](err)
				if !ok {
					t.Fatalf("%s: got %v", op, err)
				}
				if failure.Op != op || failure.Service != "s3" || failure.Status != c.status || failure.RetryAfter != 7*time.Second {
					t.Errorf("got %+v", failure)
				}
				if !strings.Contains(failure.Reason, c.want) || strings.Contains(failure.Public(), "canary") || failure.Permanent != c.permanent {
					t.Errorf("%s: got %q, permanent %v, want %q in it", op, failure.Public(), failure.Permanent, c.want)
				}
				if want := op == putOp && c.status >= 500; failure.Ambiguous != want {
					t.Errorf("%s: ambiguous: got %v", op, failure.Ambiguous)
				}
			}
		})
	}
}

// TestEveryCodeHasItsAdvice has each code of advice, which a test of the source holds it to.
func TestEveryCodeHasItsAdvice(t *testing.T) {
	cases := []struct {
		codes, want string
		permanent   bool
	}{
		{"NoSuchBucket NotFound", "there is no such bucket: check bucket, region and endpoint, or create it", false},
		{"AccessDenied AllAccessDisabled Forbidden UnauthorizedAccess NotSignedUp CrossLocationLoggingProhibited", "access denied: allow s3:ListBucket", false},
		{"AccountProblem InvalidPayer RequestPaymentRequired", "payment", false},
		{"ObjectLockConfigurationNotFoundError InvalidBucketState", "the bucket has no Object Lock, which lock asks for", false},
		{"InvalidRetentionPeriod InvalidArgument", "check kms_key and lock", false},
		{"InvalidAccessKeyId XAdminUserNotFound", "the access key is not known", false},
		{"SignatureDoesNotMatch", "check secret_key", false},
		{"ExpiredToken InvalidToken TokenRefreshRequired", "renew them", false},
		{"RequestTimeTooSkewed RequestExpired InvalidSignatureException", "set it by NTP", false},
		{"PermanentRedirect TemporaryRedirect Redirect IncorrectEndpoint AuthorizationHeaderMalformed IllegalLocationConstraintException MovedPermanently", "set region to the bucket's", false},
		{"InvalidBucketName", "the name of the bucket is not valid", true},
		{"SlowDown ServiceUnavailable RequestLimitExceeded Throttling TooManyRequests", "asks to slow down", false},
		{"InternalError RequestTimeout IncompleteBody BadGateway GatewayTimeout ConditionalRequestConflict OperationAborted Conflict", "could not do it at this moment", false},
		{
			"KMS.DisabledException KMS.NotFoundException KMS.KMSInvalidStateException KMS.InvalidKeyUsageException KMS.KeyUnavailableException " +
				"KMS.AccessDeniedException KMS.ThrottlingException KMSKeyNotFound InvalidEncryptionAlgorithmError",
			"check kms_key and that the key is enabled", false,
		},
		{"NotImplemented", "does not know conditional writes", false},
		{"BadDigest XAmzContentChecksumMismatch XAmzContentSHA256Mismatch InvalidDigest InvalidRequest", "AWS_REQUEST_CHECKSUM_CALCULATION=when_required", false},
		{"EntityTooLarge KeyTooLongError InvalidObjectState MethodNotAllowed", "refuses such an object (", true},
		{"QuotaExceeded XMinioStorageFull BucketQuotaExceeded InsufficientStorage", "is full", false},
	}
	told := map[string]bool{}
	for _, c := range cases {
		for name := range strings.FieldsSeq(c.codes) {
			told[name] = true
			if reason, permanent := advice(name); !strings.Contains(reason, c.want) || permanent != c.permanent {
				t.Errorf("%s: got %q, permanent %v, want %q in it", name, reason, permanent, c.want)
			}
		}
	}
	source, err := parser.ParseFile(token.NewFileSet(), "s3errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	ast.Inspect(source, func(node ast.Node) bool {
		clause, ok := node.(*ast.CaseClause)
		if !ok {
			return true
		}
		for _, expression := range clause.List {
			literal, ok := expression.(*ast.BasicLit)
			if !ok {
				continue
			}
			known++
			if name, _ := strconv.Unquote(literal.Value); !told[name] {
				t.Errorf("%s is in the source and not in this test", name)
			}
		}
		return true
	})
	if known < len(told) {
		t.Errorf("the source has %d codes and this test %d", known, len(told))
	}
}

// TestS3AnswersWithoutABodyAreUnderstood is about stores and proxies that say a status and nothing else.
func TestS3AnswersWithoutABodyAreUnderstood(t *testing.T) {
	t.Run("412 is an object that is there", func(t *testing.T) {
		store := standIn(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
			_, _ = w.Write([]byte("first"))
		})
		put(t, store, "a/b", []byte("first"))
		if err := store.Put(t.Context(), "a/b", []byte("second")); !errors.Is(err, framework.ErrDifferent) || !framework.IsPermanent(err) {
			t.Errorf("got %v", err)
		}
	})
	for status, want := range map[int]string{
		http.StatusConflict: "could not do it at this moment", http.StatusForbidden: "access denied", http.StatusServiceUnavailable: "slow down",
		http.StatusInsufficientStorage: "is full",
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			store := standIn(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			if err := store.Put(t.Context(), "a/b", []byte("body")); !strings.Contains(framework.Reason(err), want) || framework.IsPermanent(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func getError(t *testing.T, store *S3) error {
	t.Helper()
	_, err := store.Get(t.Context(), "a/b")
	return err
}

func listError(t *testing.T, store *S3) error {
	t.Helper()
	for _, err := range store.List(t.Context(), "", "", "") {
		return err
	}
	return nil
}

func TestS3ThatDoesNotAnswerIsTold(t *testing.T) {
	hangUp := func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = connection.Close()
		}
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	plain.Close()
	encrypted := httptest.NewUnstartedServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it complains of us, as it should
	encrypted.StartTLS()
	defer encrypted.Close()
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	cases := []struct {
		name, want string
		store      *S3
	}{
		{"nobody listens", "refuses connections", newS3(t, s3Config(plain.URL))},
		{"a certificate that is not trusted", "AWS_CA_BUNDLE", newS3(t, s3Config(encrypted.URL))},
		{"a host that does not exist", "host of the store cannot be found", newS3(t, s3Config("http://s3.invalid"))},
		{"the connection is cut", "no usable answer", standIn(t, hangUp)},
		{"a page instead of XML", "could not do it at this moment", standIn(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte("<html>canary</html>"))
		})},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.store.Put(t.Context(), "a/b", []byte("body"))
			if reason := framework.Reason(err); !strings.Contains(reason, c.want) || strings.Contains(reason, "canary") {
				t.Errorf("got %q, want %q in it; the cause: %v", reason, c.want, err)
			}
			if !framework.MayHaveHappened(err) {
				t.Error("the put is told as one that surely did not happen")
			}
		})
	}
}

func TestS3WithoutCredentialsSaysHowToGiveThem(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	config := s3Config("http://127.0.0.1:1")
	config.AccessKey, config.SecretKey = framework.Secret{}, framework.Secret{}
	err := newS3(t, config).Check(t.Context())
	if reason := framework.Reason(err); !strings.Contains(reason, "no AWS credentials were found") {
		t.Errorf("got %q; the cause: %v", reason, err)
	}
}

func TestS3ThatHangsIsLeftAlone(t *testing.T) {
	released := make(chan struct{})
	defer close(released)
	store := standIn(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-released:
		case <-r.Context().Done():
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := store.Put(ctx, "a/b", []byte("body"))
	if reason := framework.Reason(err); !strings.Contains(reason, "within the time limit") {
		t.Errorf("got %q: %v", reason, err)
	}
}

func TestS3ThatReplacesObjectsIsRefused(t *testing.T) {
	puts := 0
	store := standIn(t, func(w http.ResponseWriter, r *http.Request) { // as rclone does: any put is taken
		if r.Method == http.MethodPut {
			puts++
			if !strings.HasSuffix(r.URL.Path, "/"+proofKey) {
				t.Errorf("evidence was put at %s", r.URL.Path)
			}
		}
		w.Header().Set("ETag", `"x"`)
	})
	for range 2 {
		err := store.Put(t.Context(), "a/b", []byte("body"))
		if reason := framework.Reason(err); !strings.Contains(reason, "replaces objects") {
			t.Errorf("got %q", reason)
		}
	}
	if puts != 4 {
		t.Errorf("got %d puts, want 2 for each try", puts)
	}
}

func TestS3IsProvenWriteOnceOnlyOnce(t *testing.T) {
	var proofs, puts atomic.Int64
	store := fakeS3(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, proofKey) {
				proofs.Add(1)
			} else if r.Method == http.MethodPut {
				puts.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	})
	for i, err := range race(16, func(i int) error { return store.Put(t.Context(), fmt.Sprintf("a/%d", i), nil) }) {
		if err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	if proofs.Load() != 2 || puts.Load() != 16 {
		t.Errorf("got %d proofs and %d puts, want 2 and 16", proofs.Load(), puts.Load())
	}
	if got := list(t, store, "", "", ""); len(got) != 16 {
		t.Errorf("the proof is listed: %q", got)
	}
}

func TestS3RepeatsAPutThatMetAnother(t *testing.T) {
	var conflicts atomic.Int64
	store := fakeS3(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/a/b") && r.Method == http.MethodPut && conflicts.Add(1) == 1 {
				_, _ = io.Copy(io.Discard, r.Body)
				answerError(w, http.StatusConflict, "ConditionalRequestConflict")
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	mustPut(t, store, "a/b", "body")
	want(t, get(t, store, "a/b"), "body")
}

func TestS3TakesItsOwnPutForSuccessWhenTheAnswerWasLost(t *testing.T) {
	var lost atomic.Int64
	store := fakeS3(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/a/b") && r.Method == http.MethodPut && lost.Add(1) == 1 {
				next.ServeHTTP(httptest.NewRecorder(), r)
				answerError(w, http.StatusInternalServerError, "InternalError")
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	mustPut(t, store, "a/b", "body")
	if lost.Load() != 2 {
		t.Errorf("got %d puts, want 2", lost.Load())
	}
	want(t, get(t, store, "a/b"), "body")
}

// putHeader returns the headers that a put of "body" has.
func putHeader(t *testing.T, key string, change func(*S3Config)) http.Header {
	t.Helper()
	var header http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header.Clone()
		answerError(w, http.StatusPreconditionFailed, "PreconditionFailed")
	}))
	t.Cleanup(server.Close)
	config := s3Config(server.URL)
	change(&config)
	if created, err := newS3(t, config).create(t.Context(), key, []byte("body")); created || err != nil {
		t.Fatalf("got %v, %v", created, err)
	}
	return header
}

func TestS3SendsConditionChecksumEncryptionAndLock(t *testing.T) {
	hash := sha256.Sum256([]byte("body"))
	always := map[string]string{"If-None-Match": "*", "X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(hash[:])}
	cases := []struct {
		name, key string
		change    func(*S3Config)
		want      map[string]string
	}{
		{"nothing is configured", "a/b", func(*S3Config) {}, nil},
		{"a key", "a/b", func(c *S3Config) { c.KMSKey = "alias/evidence" }, map[string]string{
			"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "alias/evidence",
			"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": "true",
		}},
		{"a lock", "a/b", func(c *S3Config) { c.Lock = LockConfig{Mode: "compliance", Days: 365} }, map[string]string{
			"X-Amz-Object-Lock-Mode": "COMPLIANCE", "X-Amz-Object-Lock-Retain-Until-Date": "2027-11-20T12:00:00Z",
		}},
		{"a lock of a manifest", "seals/manifests/2026/11/20/12/0001", func(c *S3Config) { c.Lock = LockConfig{Mode: "governance", Days: 1} }, map[string]string{
			"X-Amz-Object-Lock-Mode": "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date": "2026-11-21T12:00:00Z",
		}},
		{"no lock of the journal", "seals/journal/2026/11/20/12/x", func(c *S3Config) { c.Lock = LockConfig{Mode: "governance", Days: 1, Hold: true} }, nil},
		{"a legal hold", "a/b", func(c *S3Config) { c.Lock = LockConfig{Hold: true} }, map[string]string{"X-Amz-Object-Lock-Legal-Hold": "ON"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := maps.Clone(always)
			maps.Copy(want, c.want)
			got := map[string]string{}
			for name, values := range putHeader(t, c.key, c.change) {
				for _, prefix := range []string{"If-", "X-Amz-Checksum-", "X-Amz-Server-Side-", "X-Amz-Object-Lock-"} {
					if strings.HasPrefix(name, prefix) {
						got[name] = values[0]
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestS3SendsNoChecksumToStoresThatKnowNone(t *testing.T) {
	t.Setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
	if got := putHeader(t, "a/b", func(*S3Config) {}).Get("X-Amz-Checksum-Sha256"); got != "" {
		t.Errorf("got %q", got)
	}
	if got := putHeader(t, "a/b", func(c *S3Config) { c.Lock.Hold = true }).Get("X-Amz-Checksum-Sha256"); got == "" {
		t.Error("a bucket with a lock asks for one")
	}
}

// crc32Of is a checksum as S3 writes it.
func crc32Of(body string) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body))))
}

func TestS3RefusesABodyThatWasChanged(t *testing.T) {
	for damaged, want := range map[int]string{1: "body", 2: ""} {
		reads := 0
		store := standIn(t, func(w http.ResponseWriter, _ *http.Request) {
			reads++
			w.Header().Set("X-Amz-Checksum-Crc32", crc32Of("body"))
			if reads <= damaged {
				_, _ = w.Write([]byte("tampered"))
				return
			}
			_, _ = w.Write([]byte("body"))
		})
		body, err := store.Get(t.Context(), "a/b")
		if string(body) != want || (err == nil) != (want != "") {
			t.Errorf("damaged %d times: got %q, %v", damaged, body, err)
		}
		if err != nil && (!framework.IsPermanent(err) || !strings.Contains(framework.Reason(err), "changed behind the store's back")) {
			t.Errorf("got %v", err)
		}
	}
}

func TestS3BoundsWhatItReads(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 1<<20)
	endless := func(begin string, status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, begin)
			for sent := 0; sent < 4*maxAnswer && r.Context().Err() == nil; sent += len(long) {
				if _, err := w.Write(long); err != nil {
					return
				}
			}
			t.Error("all of it was read")
		}
	}
	t.Run("of an object", func(t *testing.T) {
		_, err := standIn(t, endless("", http.StatusOK)).Get(t.Context(), "a/b")
		if !framework.IsPermanent(err) || !strings.Contains(framework.Reason(err), "larger than an object") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("of a list", func(t *testing.T) {
		err := listError(t, standIn(t, endless("<ListBucketResult><Name>", http.StatusOK)))
		if !strings.Contains(framework.Reason(err), "longer than any that is right") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("of an error", func(t *testing.T) {
		if err := getError(t, standIn(t, endless("<Error><Code>", http.StatusForbidden))); err == nil {
			t.Error("no error")
		}
	})
}

func TestS3ListsPageByPage(t *testing.T) {
	var calls []string
	store, backend := fakeS3With(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if query := r.URL.Query(); query.Get("list-type") == "2" {
				calls = append(calls, query.Get("prefix")+" after "+query.Get("start-after"))
			}
			next.ServeHTTP(w, r)
		})
	})
	for i := range 2500 {
		key := fmt.Sprintf("soc/alerts/webhooks/2026/11/20/12/%02d/%04d", i%60, i)
		if _, err := backend.PutObject("evidence", key, nil, strings.NewReader(""), 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(t, store, "webhooks/", "", ""); len(got) != 2500 || len(calls) != 3 {
		t.Errorf("got %d keys in %d calls, want 2500 in 3", len(got), len(calls))
	}
	calls = nil
	got := list(t, store, "webhooks/", "webhooks/2026/11/20/12/58", "webhooks/2026/11/20/12/59")
	if len(got) != 41 || !strings.HasSuffix(got[0], "/58/0058") {
		t.Errorf("got %d keys from %q", len(got), got[:1])
	}
	want := []string{"soc/alerts/webhooks/2026/11/20/12/5 after soc/alerts/webhooks/2026/11/20/12/57~"}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestS3ListThatWouldLeaveKeysOutIsAnError(t *testing.T) {
	page := func(keys []string, more string) string {
		body := "<ListBucketResult>" + more
		for _, key := range keys {
			body += "<Contents><Key>soc/alerts/" + key + "</Key></Contents>"
		}
		return body + "</ListBucketResult>"
	}
	const truncated = "<IsTruncated>true</IsTruncated>"
	cases := []struct{ name, body, want string }{
		{"keys out of order", page([]string{"b", "a"}, ""), "not in byte order"},
		{"a key that comes again", page([]string{"a", "a"}, ""), "not in byte order"},
		{"pages without an end", page(nil, truncated+"<NextContinuationToken>same</NextContinuationToken>"), "cut off"},
		{"a page that is cut off", page([]string{"a"}, truncated), "cut off"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			store := standIn(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.body) })
			var last error
			for _, err := range store.List(t.Context(), "", "", "") {
				last = err
			}
			if reason := framework.Reason(last); !strings.Contains(reason, c.want) {
				t.Errorf("got %q, want %q in it", reason, c.want)
			}
		})
	}
}

func TestS3PassesOverKeysOfOthers(t *testing.T) {
	store := standIn(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<ListBucketResult><Contents><Key>elsewhere</Key></Contents><Contents><Key>soc/alerts/</Key></Contents>`+
			`<Contents><Key>soc/alerts/a b</Key></Contents><Contents><Key>soc/alerts/a/../b</Key></Contents><Contents><Key>soc/alerts/c</Key></Contents></ListBucketResult>`)
	})
	// "elsewhere" does not begin with the prefix: it must not be taken for a key that does.
	if diff := cmp.Diff([]string{"c"}, list(t, store, "c", "", "")); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"c"}, list(t, store, "", "", "")); diff != "" {
		t.Errorf("keys without a prefix (-want +got):\n%s", diff)
	}
}

func TestS3TellsNoSecret(t *testing.T) {
	const canary = "s3-canary-2c26b46b68ffc68f"
	var seen strings.Builder
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.Header.Write(&seen)
		seen.WriteString(r.URL.String())
		answerError(w, http.StatusForbidden, "SignatureDoesNotMatch")
	}))
	t.Cleanup(server.Close)
	config := s3Config(server.URL)
	config.SecretKey = framework.NewSecret(canary)
	store := newS3(t, config)
	err := store.Put(t.Context(), "a/b", []byte("body"))
	if err == nil || seen.Len() == 0 {
		t.Fatalf("got %v after %d bytes", err, seen.Len())
	}
	frameworktest.LeaksNoSecret(t, canary, err.Error(), framework.Reason(err), seen.String(), fmt.Sprintf("%+v %#v", config, store.config))
}

func TestConfigurationIsChecked(t *testing.T) {
	key := framework.NewSecret("key")
	valid := S3Config{Bucket: "evidence", Region: "eu-central-1"}
	cases := []struct {
		name, want string
		change     func(*S3Config)
	}{
		{"bucket and region are enough", "", func(*S3Config) {}},
		{"another service needs no region", "", func(c *S3Config) { c.Region, c.Endpoint = "", "https://s3.lab.example:9000" }},
		{"a prefix with slashes around it", "", func(c *S3Config) { c.Prefix = "/soc/alerts/" }},
		{"no bucket", "bucket", func(c *S3Config) { c.Bucket = "" }},
		{"a bucket with a path", "bucket", func(c *S3Config) { c.Bucket = "evidence/soc" }},
		{"no region", "s3.region: is missing", func(c *S3Config) { c.Region = "" }},
		{"an access key alone", "together", func(c *S3Config) { c.AccessKey = key }},
		{"a secret key alone", "together", func(c *S3Config) { c.SecretKey = key }},
		{"an endpoint without a scheme", "endpoint", func(c *S3Config) { c.Endpoint = "s3.lab.example" }},
		{"an endpoint with a password", "endpoint", func(c *S3Config) { c.Endpoint = "https://a:b@s3.lab.example" }},
		{"a lock", "", func(c *S3Config) { c.Lock = LockConfig{Mode: "governance", Days: 30, Hold: true} }},
		{"a lock of no mode", "lock.mode", func(c *S3Config) { c.Lock.Days = 30 }},
		{"a lock of another mode", "lock.mode", func(c *S3Config) { c.Lock = LockConfig{Mode: "forever", Days: 30} }},
		{"a lock without days", "lock.days", func(c *S3Config) { c.Lock.Mode = "compliance" }},
		{"a lock of more than 100 years", "lock.days", func(c *S3Config) { c.Lock = LockConfig{Mode: "compliance", Days: maxLockDays + 1} }},
		{"a prefix that climbs", "prefix", func(c *S3Config) { c.Prefix = "../other" }},
		{"a prefix that is too long", "prefix", func(c *S3Config) { c.Prefix = strings.Repeat("p", maxPrefix+1) }},
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_REGION", "")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := valid
			c.change(&config)
			_, err := NewS3(t.Context(), config, new(frameworktest.Clock).Now)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}
