package archive

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Strangers yields the names of what is in the bucket below the prefix and is no object of the archive.
func (s *S3) Strangers(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		input := &s3.ListObjectsV2Input{Bucket: &s.config.Bucket, Prefix: aws.String(s.prefix)}
		for more := true; more; {
			page, err := s.page(ctx, input)
			if err != nil {
				yield("", err)
				return
			}
			for _, object := range page.Contents {
				name := strings.TrimPrefix(aws.ToString(object.Key), s.prefix)
				if name == proofKey || checkKey(name) == nil {
					continue
				}
				if !yield(name, nil) {
					return
				}
			}
			more = aws.ToBool(page.IsTruncated)
			input.ContinuationToken = page.NextContinuationToken
		}
	}
}

// Strangers yields the names of what is in the directory and is neither an object nor a folder of objects. What is in a folder of
// such a name is not told one by one.
func (d *Dir) Strangers(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		root, err := os.OpenRoot(d.path)
		if errors.Is(err, fs.ErrNotExist) {
			return // nothing was stored yet
		}
		if err != nil {
			yield("", dirError(listOp, err))
			return
		}
		defer func() { _ = root.Close() }()
		err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err == nil:
				err = ctx.Err()
			case name != ".":
				err = nil // it is unreadable, and told by List where it can hold objects
			}
			if err != nil || name == "." {
				return err
			}
			proper := checkKey(name) == nil && (entry.IsDir() || entry.Type().IsRegular())
			if !proper && name != tempFolder && !yield(name, nil) {
				return fs.SkipAll
			}
			if entry.IsDir() && !proper {
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			yield("", dirError(listOp, err))
		}
	}
}
