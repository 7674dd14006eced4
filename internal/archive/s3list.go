package archive

import (
	"context"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"funnelweb/framework"
)

// List yields the keys of a range in byte order. It asks for pages of 1,000 keys that begin where the range does, and
// for none after its end.
func (s *S3) List(ctx context.Context, prefix, from, to string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		asked, err := newSpan(prefix, from, to)
		if err != nil {
			yield("", badKey(s3Service, listOp, err))
			return
		}
		if asked.empty {
			return
		}
		input := &s3.ListObjectsV2Input{Bucket: &s.config.Bucket, Prefix: aws.String(s.prefix + asked.prefix)}
		if from != "" {
			input.StartAfter = aws.String(s.prefix + justBefore(from))
		}
		last := ""
		for more := true; more; {
			page, err := s.page(ctx, input)
			if err != nil {
				yield("", err)
				return
			}
			for _, object := range page.Contents {
				key, ours := strings.CutPrefix(aws.ToString(object.Key), s.prefix)
				switch {
				case ours && asked.after(key):
					return
				case !ours || !asked.has(key) || checkKey(key) != nil:
					continue // put there by other means
				case key <= last:
					yield("", badListing("not in byte order; directory buckets do not: use a general purpose bucket"))
					return
				}
				if last = key; !yield(key, nil) {
					return
				}
			}
			more = aws.ToBool(page.IsTruncated)
			input.ContinuationToken = page.NextContinuationToken
		}
	}
}

// page asks for a page and makes sure that the one after it is another.
func (s *S3) page(ctx context.Context, input *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTime)
	defer cancel()
	input.EncodingType = types.EncodingTypeUrl // XML has no control characters: one key with such would hide all others
	page, err := s.client.ListObjectsV2(ctx, input, func(o *s3.Options) { o.HTTPClient = boundedClient{o.HTTPClient, maxPage} })
	if err != nil {
		return nil, s3Error(listOp, err)
	}
	if err := decodeKeys(page); err != nil {
		return nil, err
	}
	next := aws.ToString(page.NextContinuationToken)
	if aws.ToBool(page.IsTruncated) && (next == "" || next == aws.ToString(input.ContinuationToken)) {
		return nil, badListing("cut off with no way to go on")
	}
	return page, nil
}

// decodeKeys takes keys out of the form of URLs, where a store has understood that they are to have it.
func decodeKeys(page *s3.ListObjectsV2Output) error {
	if page.EncodingType != types.EncodingTypeUrl {
		return nil
	}
	for i := range page.Contents {
		key, err := url.QueryUnescape(aws.ToString(page.Contents[i].Key))
		if err != nil {
			return badListing("not in the form of URLs that it says")
		}
		page.Contents[i].Key = &key
	}
	return nil
}

// badListing stops a List that would silently leave keys out.
func badListing(how string) error {
	return &framework.ServiceError{Service: s3Service, Op: listOp, Reason: "the store's list is " + how}
}

// justBefore returns a string that is less than a bound and, as no key has a byte as great as '~', greater than every
// key that is: S3 lists what comes after it, and the bound itself belongs to the range.
func justBefore(bound string) string {
	end := len(bound) - 1
	return bound[:end] + string(rune(bound[end]-1)) + "~"
}

// Check lists at most one object: that the bucket is there and may be listed. It does not write.
func (s *S3) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	_, err := s.listOne(ctx)
	return s3Error(checkOp, err)
}

// Time is what the store says that it is, to the second; zero when it does not say so.
func (s *S3) Time(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	answer, err := s.listOne(ctx)
	if err != nil {
		return time.Time{}, s3Error(checkOp, err)
	}
	at, _ := awsmiddleware.GetServerTime(answer.ResultMetadata)
	return at, nil
}

func (s *S3) listOne(ctx context.Context) (*s3.ListObjectsV2Output, error) {
	return s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.config.Bucket, Prefix: &s.prefix, MaxKeys: aws.Int32(1)})
}
