// Package archive keeps evidence in a local directory or in S3. Both stores are write-once: an object that is there
// is never changed and never removed, and a Put has happened only when it is safe against power loss (of the
// directory's disk; S3 promises the same for its own).
package archive

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"funnelweb/framework"
)

// maxBody bounds an object in bytes, as framework.Archive says.
const maxBody = 16 << 20

// Config chooses the store; exactly one may be given, and none means a directory in the server's data.
type Config struct {
	Dir *DirConfig `yaml:"dir"`
	S3  *S3Config  `yaml:"s3"`
	// Seal is about the manifests that prove what the archive holds. Every hour is sealed with or without it.
	Seal SealConfig `yaml:"seal"`
}

// SealConfig is about manifests.
type SealConfig struct {
	Key framework.Secret `yaml:"key"` // Ed25519 private key in PEM to sign with; none to leave manifests unsigned
}

// DirConfig is a store in a local directory.
type DirConfig struct {
	// Path is the directory; "archive" in the server's data directory when empty. It is made when needed.
	Path string `yaml:"path"`
}

// Deps is what a store needs of the server.
type Deps struct {
	DataDir string // the server's data directory
	Now     func() time.Time
}

// Open makes the store that the configuration names. It reads and writes nothing in the store yet, so that a
// configuration can be checked where the store cannot be reached.
func Open(ctx context.Context, config Config, deps Deps) (framework.Archive, error) {
	switch {
	case config.Dir != nil && config.S3 != nil:
		return nil, errors.New("s3: is given beside dir: the archive has one place")
	case config.S3 != nil:
		return NewS3(ctx, *config.S3, deps.Now)
	default:
		return NewDir(config.dirPath(deps.DataDir), deps.Now)
	}
}

// Place names where the store of a configuration is: two that have the same place are the same archive.
func (c Config) Place(dataDir string) string {
	if c.S3 != nil {
		return fmt.Sprintf("s3 %s/%s/%s", c.S3.Endpoint, c.S3.Bucket, strings.Trim(c.S3.Prefix, "/"))
	}
	path := c.dirPath(dataDir)
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return "dir " + path
}

// dirPath is where the directory is.
func (c Config) dirPath(dataDir string) string {
	if c.Dir != nil && c.Dir.Path != "" {
		return c.Dir.Path
	}
	return filepath.Join(dataDir, "archive")
}

// check refuses what no store takes.
func check(service, key string, body []byte) error {
	if err := checkKey(key); err != nil {
		return badKey(service, putOp, err)
	}
	if len(body) > maxBody {
		reason := fmt.Sprintf("the object is larger than %d bytes", maxBody)
		return &framework.ServiceError{Service: service, Op: putOp, Permanent: true, Reason: reason}
	}
	return nil
}

// The operations as errors name them.
const (
	putOp   = "store object"
	getOp   = "read object"
	listOp  = "list objects"
	checkOp = "check archive"
	clearOp = "clear the journal"
)

func badKey(service, op string, err error) error {
	return &framework.ServiceError{Service: service, Op: op, Permanent: true, Reason: err.Error()}
}

func noObject(key string, cause error) error {
	return fmt.Errorf("read %s from the archive: %w (%w)", key, framework.ErrNoObject, cause)
}

func different(service, key string) error {
	return &framework.ServiceError{
		Service: service, Op: putOp, Permanent: true,
		Reason: "the archive already holds a different body under this key, which was kept",
		Err:    fmt.Errorf("%w: %s", framework.ErrDifferent, key),
	}
}
