package archive

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestALockedObjectStaysOnARealServer puts into a bucket with Object Lock, on a server that enforces it.
func TestALockedObjectStaysOnARealServer(t *testing.T) {
	gateway := startVersityGatewayIn(t, t.TempDir(), "--versioning-dir", t.TempDir())
	config := s3Config(gateway.url)
	config.Bucket = "locked"
	config.Lock = LockConfig{Mode: "compliance", Days: 2, Hold: true}
	store := newS3(t, config)
	store.now = realNow
	if _, err := store.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &config.Bucket, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		mustPut(t, store, "a/b", "body")
	}
	head, err := store.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &config.Bucket, Key: aws.String(store.prefix + "a/b")})
	if err != nil {
		t.Fatal(err)
	}
	if head.ObjectLockMode != types.ObjectLockModeCompliance || head.ObjectLockLegalHoldStatus != types.ObjectLockLegalHoldStatusOn || head.VersionId == nil {
		t.Errorf("got mode %q, hold %q, version %v", head.ObjectLockMode, head.ObjectLockLegalHoldStatus, head.VersionId)
	}
	_, err = store.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &config.Bucket, Key: aws.String(store.prefix + "a/b"), VersionId: head.VersionId})
	if code(err) != "AccessDenied" {
		t.Errorf("the object could be removed: %v", err)
	}
	want(t, get(t, store, "a/b"), "body")
}
