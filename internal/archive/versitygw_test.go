package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"funnelweb/framework"
)

// TestS3ConformsOnVersityGateway runs the suite on a real S3 server: one that checks signatures and checksums.
func TestS3ConformsOnVersityGateway(t *testing.T) {
	endpoint := startVersityGateway(t)
	conforms(t, func(t *testing.T) framework.Archive {
		t.Helper()
		return newS3(t, newBucket(t, endpoint))
	})
}

func TestVersityGatewayRefusesWrongCredentials(t *testing.T) {
	config := newBucket(t, startVersityGateway(t))
	cases := []struct {
		name, reason string
		change       func(*S3Config)
	}{
		{"an access key that it does not know", "access key is not known", func(c *S3Config) { c.AccessKey = framework.NewSecret("other") }},
		{"a secret key that is wrong", "signature does not match", func(c *S3Config) { c.SecretKey = framework.NewSecret("other") }},
		{"a bucket that is not there", "no such bucket", func(c *S3Config) { c.Bucket = "elsewhere" }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			changed := config
			c.change(&changed)
			store := newS3(t, changed)
			for op, err := range map[string]error{
				"check": store.Check(t.Context()),
				"put":   store.Put(t.Context(), "a/b", []byte("body")),
			} {
				if reason := framework.Reason(err); !strings.Contains(reason, c.reason) {
					t.Errorf("%s: got %q, want %q in it", op, reason, c.reason)
				}
			}
		})
	}
}

// newBucket makes an empty bucket and returns the configuration for it.
func newBucket(tb testing.TB, endpoint string) S3Config {
	tb.Helper()
	config := s3Config(endpoint)
	config.Bucket = "evidence-" + strings.ToLower(rand.Text()[:16])
	if _, err := newS3(tb, config).client.CreateBucket(tb.Context(), &s3.CreateBucketInput{Bucket: &config.Bucket}); err != nil {
		tb.Fatal(err)
	}
	return config
}

// startVersityGateway returns the URL of a gateway that ends with the test.
func startVersityGateway(t *testing.T) string {
	t.Helper()
	return startVersityGatewayIn(t, t.TempDir()).url
}

// gateway is a running one, with the folder that has a folder for each bucket.
type gateway struct{ url, folder string }

func startVersityGatewayIn(tb testing.TB, folder string, options ...string) gateway {
	tb.Helper()
	program := findProgram(tb, "versitygw")
	address := freeAddress(tb)
	output, err := os.Create(filepath.Join(tb.TempDir(), "versitygw.log"))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = output.Close() }()
	command := exec.Command(program, "--port", address, "--quiet", "posix")
	command.Args = append(append(command.Args, options...), folder)
	command.Env = []string{"ROOT_ACCESS_KEY=test-access-key", "ROOT_SECRET_KEY=test-secret-key", "HOME=" + tb.TempDir()}
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // it is killed, or its output says why it ended
	}()
	tb.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
	})
	if err := untilListening(tb.Context(), address, ended); err != nil {
		said, _ := os.ReadFile(output.Name())
		tb.Fatalf("versitygw does not come up: %v\n%s", err, said)
	}
	return gateway{"http://" + address, folder}
}

func untilListening(ctx context.Context, address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-tick.C:
		case <-ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// findProgram looks on the PATH and in .tools/bin of the repository. Without the program the test is skipped, except
// where CI=true: there it must run.
func findProgram(tb testing.TB, name string) string {
	tb.Helper()
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	local, err := filepath.Abs(filepath.Join("..", "..", ".tools", "bin", name))
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(local); err == nil {
		return local
	}
	missing := tb.Skipf
	if os.Getenv("CI") == "true" {
		missing = tb.Fatalf
	}
	missing("%s is neither on the PATH nor in .tools/bin: %s did not run against a real S3 server; `make test-deps` installs it", name, tb.Name())
	return ""
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// realNow is the clock that a server goes by.
func realNow() time.Time { return time.Now() }
