package archive

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"funnelweb/framework"
)

var (
	_ framework.Prober = (*Dir)(nil)
	_ framework.Prober = (*S3)(nil)
)

// Probe writes a file and removes it. A directory that is not there yet is left to the server: whoever checks may be another user.
func (d *Dir) Probe(ctx context.Context) []framework.Probed {
	return []framework.Probed{framework.Try(d.now, "write", func() (string, error) {
		_, err := os.Stat(d.path)
		if errors.Is(err, fs.ErrNotExist) {
			return "the directory is made by the first alert", nil
		}
		return "in " + d.path, d.Check(ctx)
	})}
}

// Probe puts, reads and lists. What it puts is what the server puts before its first object: one that says that the store
// refuses to replace objects. It stays.
func (s *S3) Probe(ctx context.Context) []framework.Probed {
	list := framework.Try(s.now, "list", func() (string, error) { return "bucket " + s.config.Bucket + s.below(), s.Check(ctx) })
	put := framework.Try(s.now, "put", func() (string, error) {
		return "objects are written once; " + s.prefix + proofKey + " stays as proof of it", s.proveWriteOnce(ctx)
	})
	if !put.OK {
		return []framework.Probed{list, put}
	}
	tried := []framework.Probed{list, put, framework.Try(s.now, "get", func() (string, error) {
		_, err := s.get(ctx, proofKey)
		return "what was put is read", err
	})}
	if s.config.Lock != (LockConfig{}) {
		tried = append(tried, s.probeLock(ctx))
	}
	return tried
}

func (s *S3) below() string {
	if s.prefix == "" {
		return ""
	}
	return ", below " + s.prefix
}

// probeLock reads whether the bucket can lock objects. That is a right of its own, which nothing else needs.
func (s *S3) probeLock(ctx context.Context) framework.Probed {
	return framework.Try(s.now, "object lock", func() (string, error) {
		answer, err := s.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &s.config.Bucket})
		if name := code(err); name == "AccessDenied" || name == "NotImplemented" || name == "Forbidden" {
			return "not known: that needs s3:GetBucketObjectLockConfiguration, which archiving does not", nil
		}
		if err != nil {
			return "", s3Error("read the bucket's lock", err)
		}
		if answer.ObjectLockConfiguration == nil || answer.ObjectLockConfiguration.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
			reason, _ := advice("InvalidBucketState")
			return "", &framework.ServiceError{Service: s3Service, Op: "read the bucket's lock", Reason: reason}
		}
		return "the bucket has it", nil
	})
}
