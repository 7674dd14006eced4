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
func newBucket(t *testing.T, endpoint string) S3Config {
	t.Helper()
	config := s3Config(endpoint)
	config.Bucket = "evidence-" + strings.ToLower(rand.Text()[:16])
	if _, err := newS3(t, config).client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &config.Bucket}); err != nil {
		t.Fatal(err)
	}
	return config
}

// startVersityGateway returns the URL of a gateway that ends with the test.
func startVersityGateway(t *testing.T) string {
	t.Helper()
	program := findProgram(t, "versitygw")
	address := freeAddress(t)
	output, err := os.Create(filepath.Join(t.TempDir(), "versitygw.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = output.Close() }()
	command := exec.Command(program, "--port", address, "--quiet", "posix", t.TempDir())
	command.Env = []string{"ROOT_ACCESS_KEY=test-access-key", "ROOT_SECRET_KEY=test-secret-key", "HOME=" + t.TempDir()}
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // it is killed, or its output says why it ended
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
	})
	if err := untilListening(t.Context(), address, ended); err != nil {
		said, _ := os.ReadFile(output.Name())
		t.Fatalf("versitygw does not come up: %v\n%s", err, said)
	}
	return "http://" + address
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
func findProgram(t *testing.T, name string) string {
	t.Helper()
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	local, err := filepath.Abs(filepath.Join("..", "..", ".tools", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(local); err == nil {
		return local
	}
	missing := t.Skipf
	if os.Getenv("CI") == "true" {
		missing = t.Fatalf
	}
	missing("%s is neither on the PATH nor in .tools/bin: %s did not run against a real S3 server; `make test-deps` installs it", name, t.Name())
	return ""
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
