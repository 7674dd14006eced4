package archive

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryConforms(t *testing.T) {
	conforms(t, func(*testing.T) framework.Archive { return new(frameworktest.MemoryArchive) })
}

func TestDirConforms(t *testing.T) {
	conforms(t, func(t *testing.T) framework.Archive {
		t.Helper()
		return newDir(t)
	})
}

func TestS3ConformsOnAFake(t *testing.T) {
	conforms(t, func(t *testing.T) framework.Archive {
		t.Helper()
		return fakeS3(t, func(next http.Handler) http.Handler { return next })
	})
}

func newDir(tb testing.TB) *Dir {
	tb.Helper()
	dir, err := NewDir(tb.TempDir()+"/data/archive", new(frameworktest.Clock).Now)
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

func s3Config(endpoint string) S3Config {
	return S3Config{
		Bucket: "evidence", Prefix: "soc/alerts", Region: "us-east-1", Endpoint: endpoint, PathStyle: true,
		AccessKey: framework.NewSecret("test-access-key"), SecretKey: framework.NewSecret("test-secret-key"),
	}
}

// newS3 isolates the test from this machine's own AWS configuration.
func newS3(tb testing.TB, config S3Config) *S3 {
	tb.Helper()
	none := tb.TempDir() + "/none"
	tb.Setenv("AWS_CONFIG_FILE", none)
	tb.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	tb.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	store, err := NewS3(tb.Context(), config, new(frameworktest.Clock).Now)
	if err != nil {
		tb.Fatal(err)
	}
	return store
}
