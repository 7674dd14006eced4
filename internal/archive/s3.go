package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"

	"funnelweb/framework"
)

const s3Service = "s3"

// The bounds of a call.
const (
	attemptTime   = 30 * time.Second // of one request; the SDK makes up to three of an operation (AWS_MAX_ATTEMPTS)
	operationTime = 90 * time.Second // of an operation with its repeats and the waits between them
	maxAnswer     = maxBody + 1<<20  // bytes read of one answer: the largest object, and room for an envelope
	maxPage       = 4 << 20          // bytes read of one page of a list: 1,000 keys of at most 1,024 bytes
)

// S3Config is a store in Amazon S3 or a service with the same interface and conditional writes.
type S3Config struct {
	Bucket string `yaml:"bucket"`
	Prefix string `yaml:"prefix"` // put before each key with a slash; empty for none
	Region string `yaml:"region"` // else as the AWS SDK finds it: AWS_REGION, the shared configuration
	// Endpoint is the URL of another service than Amazon's, and PathStyle puts the bucket into the path, as most need.
	Endpoint  string `yaml:"endpoint"`
	PathStyle bool   `yaml:"path_style"`
	// AccessKey and SecretKey are given together or not at all: then the SDK's chain is used (environment, shared
	// configuration, web identity, container and instance roles).
	AccessKey framework.Secret `yaml:"access_key"`
	SecretKey framework.Secret `yaml:"secret_key"`
	KMSKey    string           `yaml:"kms_key"` // id or ARN of the key to encrypt with (SSE-KMS); empty for the bucket's default
	Lock      LockConfig       `yaml:"lock"`
}

// LockConfig is S3 Object Lock, for a bucket that was made with it. Empty for the bucket's own default, if it has one.
type LockConfig struct {
	Mode string `yaml:"mode"` // governance, which whoever may bypass it can undo, or compliance, which nobody can
	Days int    `yaml:"days"` // for how long after the put nothing can remove an object; 1 to 36,500
	Hold bool   `yaml:"hold"` // legal hold: until somebody who may lifts it
}

// S3 is an archive in an S3 bucket. Objects are made by conditional puts, so that one that is there is never replaced.
// Directory buckets (S3 Express) do not list in byte order and cannot be used.
type S3 struct {
	client *s3.Client
	config S3Config
	prefix string // empty, or with a slash at the end
	now    func() time.Time

	checksums bool      // puts carry a SHA-256, which the store checks and keeps; a bucket with Object Lock asks for one
	proof     chan bool // holds one value: whether the store was seen to honour conditional puts
}

// NewS3 returns an archive in a bucket. It reads the AWS SDK's own configuration, if there is one, and calls nothing.
func NewS3(ctx context.Context, conf S3Config, now func() time.Time) (*S3, error) {
	prefix, err := checkS3Config(conf)
	if err != nil {
		return nil, err
	}
	loaded, err := config.LoadDefaultConfig(ctx, loadOptions(conf)...)
	if err != nil {
		return nil, fmt.Errorf("read the AWS SDK's configuration: %w", err)
	}
	if loaded.Region == "" && conf.Endpoint == "" {
		return nil, errors.New("s3.region: is missing: set it here or in AWS_REGION")
	}
	loaded.Credentials = namedCredentials{loaded.Credentials}
	store := &S3{client: s3.NewFromConfig(loaded, clientOptions(conf)), config: conf, prefix: prefix, now: now, proof: make(chan bool, 1)}
	store.checksums = loaded.RequestChecksumCalculation != aws.RequestChecksumCalculationWhenRequired || conf.Lock != (LockConfig{})
	store.proof <- false
	return store, nil
}

func checkS3Config(conf S3Config) (prefix string, err error) {
	var mistakes []error
	if conf.Bucket == "" || strings.ContainsAny(conf.Bucket, "/ ") {
		mistakes = append(mistakes, errors.New("s3.bucket: must be the name of a bucket"))
	}
	if conf.AccessKey.IsZero() != conf.SecretKey.IsZero() {
		mistakes = append(mistakes, errors.New("s3: access_key and secret_key are given together or not at all"))
	}
	if conf.Endpoint != "" {
		parsed, err := url.Parse(conf.Endpoint)
		if err != nil || parsed.Host == "" || parsed.User != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") {
			mistakes = append(mistakes, errors.New("s3.endpoint: must be an http or https URL without user and password"))
		}
	}
	if trimmed := strings.Trim(conf.Prefix, "/"); trimmed != "" {
		if err := checkKey(trimmed); err != nil || len(trimmed) > maxPrefix {
			mistakes = append(mistakes, fmt.Errorf("s3.prefix: must be like a key, of at most %d bytes", maxPrefix))
		}
		prefix = trimmed + "/"
	}
	return prefix, errors.Join(append(mistakes, conf.Lock.check())...)
}

// maxLockDays is what S3 allows: 100 years.
const maxLockDays = 36_500

func (l LockConfig) check() error {
	switch {
	case l.Mode == "" && l.Days == 0:
		return nil
	case l.Mode != "governance" && l.Mode != "compliance":
		return errors.New("s3.lock.mode: must be governance or compliance, beside days")
	case l.Days < 1 || l.Days > maxLockDays:
		return fmt.Errorf("s3.lock.days: must be 1 to %d", maxLockDays)
	}
	return nil
}

func loadOptions(conf S3Config) []func(*config.LoadOptions) error {
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTime)),
		config.WithLogger(logging.Nop{}), // the SDK would write to standard error
	}
	if conf.Region != "" {
		options = append(options, config.WithRegion(conf.Region))
	}
	if !conf.AccessKey.IsZero() {
		fixed := credentials.NewStaticCredentialsProvider(conf.AccessKey.Reveal(), conf.SecretKey.Reveal(), "")
		options = append(options, config.WithCredentialsProvider(fixed))
	}
	return options
}

func clientOptions(conf S3Config) func(*s3.Options) {
	return func(options *s3.Options) {
		options.UsePathStyle = conf.PathStyle
		options.HTTPClient = boundedClient{options.HTTPClient, maxAnswer}
		options.DisableLogOutputChecksumValidationSkipped = true
		// Two conditional puts at the same moment: S3 answers one of them 409 and wants it repeated.
		options.Retryer = retry.AddWithErrorCodes(options.Retryer, "ConditionalRequestConflict", "OperationAborted")
		if conf.Endpoint != "" {
			options.BaseEndpoint = aws.String(conf.Endpoint)
		}
		if options.Region == "" {
			options.Region = "us-east-1" // what services other than Amazon's take for granted
		}
	}
}

// boundedClient bounds answers: the SDK reads an error or a listing to its end, however long it is.
type boundedClient struct {
	next  s3.HTTPClient
	bytes int64
}

// Do does a request.
func (c boundedClient) Do(r *http.Request) (*http.Response, error) {
	response, err := c.next.Do(r)
	if err != nil {
		return nil, err
	}
	response.Body = http.MaxBytesReader(nil, response.Body, c.bytes)
	return response, nil
}

// Put stores a body under a key, or does nothing when the same body is there.
func (s *S3) Put(ctx context.Context, key string, body []byte) error {
	if err := check(s3Service, key, body); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, operationTime)
	defer cancel()
	if err := s.proveWriteOnce(ctx); err != nil {
		return err
	}
	created, err := s.create(ctx, key, body)
	if err != nil || created {
		return err
	}
	stored, err := s.get(ctx, key)
	if err != nil {
		return fmt.Errorf("compare with what is stored: %w", err)
	}
	if !bytes.Equal(stored, body) {
		return different(s3Service, key)
	}
	return nil
}

// create puts an object if there is none. When there is one, which may be our own from an attempt whose answer was
// lost, created is false.
func (s *S3) create(ctx context.Context, key string, body []byte) (created bool, err error) {
	input := &s3.PutObjectInput{
		Bucket: &s.config.Bucket, Key: aws.String(s.prefix + key),
		Body: bytes.NewReader(body), IfNoneMatch: aws.String("*"),
	}
	if s.checksums {
		hash := sha256.Sum256(body)
		input.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(hash[:]))
	}
	s.lock(input, key)
	if s.config.KMSKey != "" {
		input.ServerSideEncryption = types.ServerSideEncryptionAwsKms
		input.SSEKMSKeyId = &s.config.KMSKey
		input.BucketKeyEnabled = aws.Bool(true)
	}
	_, err = s.client.PutObject(ctx, input)
	if code(err) == "PreconditionFailed" {
		return false, nil
	}
	return err == nil, s3Error(putOp, err)
}

// locks reports whether an object is locked by its put. The journal is not: what is in it is in a manifest an hour later, and a
// rule of the bucket may remove it then.
func (s *S3) locks(key string) bool {
	return s.config.Lock != (LockConfig{}) && key != proofKey && !strings.HasPrefix(key, "seals/journal/")
}

func (s *S3) lock(input *s3.PutObjectInput, key string) {
	if !s.locks(key) {
		return
	}
	lock := s.config.Lock
	if lock.Days > 0 {
		input.ObjectLockMode = types.ObjectLockMode(strings.ToUpper(lock.Mode))
		input.ObjectLockRetainUntilDate = aws.Time(s.now().Add(time.Duration(lock.Days) * 24 * time.Hour).UTC())
	}
	if lock.Hold {
		input.ObjectLockLegalHoldStatus = types.ObjectLockLegalHoldStatusOn
	}
}

// proofKey is an object of a constant body beside the archive's. No key can name it: ~ is not allowed in one.
const proofKey = "~write-once"

// proveWriteOnce makes sure, once in the life of the process, that the store refuses a conditional put of an object
// that is there. Some answer 200 and replace the object: no evidence may be kept in them.
func (s *S3) proveWriteOnce(ctx context.Context) error {
	var proven bool
	select {
	case proven = <-s.proof:
	case <-ctx.Done():
		return s3Error(putOp, ctx.Err())
	}
	defer func() { s.proof <- proven }()
	for range 2 { // the first makes the object, unless an earlier process has
		if proven {
			return nil
		}
		created, err := s.create(ctx, proofKey, []byte("objects of this archive are written once\n"))
		if err != nil {
			return err
		}
		proven = !created
	}
	if !proven {
		reason := "the store replaces objects in spite of If-None-Match: evidence would not be safe in it; use one with conditional writes"
		return &framework.ServiceError{Service: s3Service, Op: putOp, Reason: reason}
	}
	return nil
}

// Get returns the body of an object.
func (s *S3) Get(ctx context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, badKey(s3Service, getOp, err)
	}
	ctx, cancel := context.WithTimeout(ctx, operationTime)
	defer cancel()
	return s.get(ctx, key)
}

// get reads an object, and once more where it is not what its checksum says: it may have been damaged on the way.
func (s *S3) get(ctx context.Context, key string) (body []byte, err error) {
	for range 2 {
		if body, err = s.read(ctx, key); !isDamaged(err) {
			return body, err
		}
	}
	return nil, &framework.ServiceError{
		Service: s3Service, Op: getOp, Permanent: true, Err: err,
		Reason: "what the store has under this key is not what its own checksum says: it was changed behind the store's back, or is damaged",
	}
}

func (s *S3) read(ctx context.Context, key string) ([]byte, error) {
	output, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.config.Bucket, Key: aws.String(s.prefix + key)})
	if code(err) == "NoSuchKey" {
		return nil, noObject(key, err)
	}
	if err != nil {
		return nil, s3Error(getOp, err)
	}
	defer func() { _ = output.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(output.Body, maxBody+1)) // the SDK checks the checksum at the end
	if err != nil {
		return nil, s3Error(getOp, err)
	}
	if len(body) > maxBody {
		reason := "the bucket holds something under this key that is larger than an object may be"
		return nil, &framework.ServiceError{Service: s3Service, Op: getOp, Permanent: true, Reason: reason}
	}
	return body, nil
}

var _ framework.Archive = (*S3)(nil)
