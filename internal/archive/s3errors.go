package archive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"funnelweb/framework"
)

// code is the store's name for an error, or "".
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// s3Error tells what a person can do about an error of the SDK; nil stays nil. Most causes can be put right while
// a job waits for its next try, so few are permanent.
func s3Error(op string, err error) error {
	if err == nil {
		return nil
	}
	failure := &framework.ServiceError{Service: s3Service, Op: op, Ambiguous: op == putOp, Err: err}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() != 0 {
		failure.Status = answer.HTTPStatusCode()
		failure.RetryAfter = retryAfter(answer.Response.Header)
		failure.Ambiguous = failure.Ambiguous && failure.Status >= http.StatusInternalServerError
	}
	if name := code(err); name != "" {
		failure.Reason, failure.Permanent = advice(name)
	} else {
		failure.Reason = noAnswer(err)
	}
	return failure
}

// retryAfter reads the wait in whole seconds that a store asks for, at most an hour.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(min(seconds, 3600))*time.Second, time.Hour)
}

var codePattern = regexp.MustCompile(`^[A-Za-z0-9.]{1,64}$`)

// advice puts the error codes of the S3 API reference (section "List of error codes", read 2026-11) into words.
func advice(name string) (reason string, permanent bool) {
	switch name {
	case "NoSuchBucket", "NotFound": // the second is the SDK's name for a 404 without a body
		return "there is no such bucket: check bucket, region and endpoint, or create it", false
	case "AccessDenied", "AllAccessDisabled", "Forbidden", "UnauthorizedAccess", "NotSignedUp", "CrossLocationLoggingProhibited":
		return "access denied: allow s3:ListBucket on the bucket and s3:GetObject and s3:PutObject on its objects " +
			"(with kms_key also kms:GenerateDataKey and kms:Decrypt on the key, with lock s3:PutObjectRetention, with lock.hold s3:PutObjectLegalHold)", false
	case "AccountProblem", "InvalidPayer", "RequestPaymentRequired":
		return "the account of the bucket has a problem with payment, or the requester is to pay: ask who owns the bucket", false
	case "ObjectLockConfigurationNotFoundError", "InvalidBucketState":
		return "the bucket has no Object Lock, which lock asks for: make one with Object Lock and versioning, or remove lock", false
	case "InvalidRetentionPeriod", "InvalidArgument":
		return "the store refuses a setting: check kms_key and lock", false
	case "InvalidAccessKeyId", "XAdminUserNotFound": // the second is versitygw's
		return "the access key is not known: check access_key, or the AWS credentials in the environment", false
	case "SignatureDoesNotMatch":
		return "the signature does not match: check secret_key, and that no proxy changes requests", false
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
		return "the credentials have expired or are not valid: renew them", false
	case "RequestTimeTooSkewed", "RequestExpired", "InvalidSignatureException":
		return "this machine's clock differs too much from the store's: set it by NTP", false
	case "PermanentRedirect", "TemporaryRedirect", "Redirect", "IncorrectEndpoint", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "MovedPermanently":
		return "the bucket is in another region: set region to the bucket's", false
	case "InvalidBucketName":
		return "the name of the bucket is not valid", true
	case "SlowDown", "ServiceUnavailable", "RequestLimitExceeded", "Throttling", "TooManyRequests":
		return "the store asks to slow down", false
	case "InternalError", "RequestTimeout", "IncompleteBody", "BadGateway", "GatewayTimeout", "ConditionalRequestConflict", "OperationAborted",
		"Conflict": // the last is the SDK's name for a 409 without a body
		return "the store could not do it at this moment", false
	case "KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException", "KMS.InvalidKeyUsageException",
		"KMS.KeyUnavailableException", "KMS.AccessDeniedException", "KMS.ThrottlingException", "KMSKeyNotFound", "InvalidEncryptionAlgorithmError":
		return "the key for encryption cannot be used: check kms_key and that the key is enabled", false
	case "NotImplemented":
		return "the store does not know conditional writes, which keep evidence from being replaced: use another", false
	case "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "InvalidDigest", "InvalidRequest":
		return "the store refused the request or its checksum: with lock, check that the bucket has Object Lock; for stores that do not know the newer checksums " +
			"set AWS_REQUEST_CHECKSUM_CALCULATION=when_required", false
	case "QuotaExceeded", "BucketQuotaExceeded", "XMinioStorageFull", "InsufficientStorage": // of Ceph, MinIO and others
		return "the bucket or the store is full: make room, or raise its quota", false
	case "EntityTooLarge", "KeyTooLongError", "InvalidObjectState", "MethodNotAllowed":
		return "the store refuses such an object (" + name + ")", true
	}
	if codePattern.MatchString(name) {
		return "the store answered " + name, false
	}
	return "the store answered with an error of no known name", false
}

// isDamaged recognises what the SDK says of a body that is not of its checksum; it gives that no type of its own.
func isDamaged(err error) bool {
	return err != nil && strings.Contains(err.Error(), "checksum did not match")
}

var errNoCredentials = errors.New("no AWS credentials")

// namedCredentials makes a failure to find credentials recognisable: the SDK gives it no type of its own.
type namedCredentials struct{ aws.CredentialsProvider }

// Retrieve returns the credentials.
func (c namedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return found, fmt.Errorf("%w: %w", errNoCredentials, err)
	}
	return found, nil
}

// noAnswer says why there was none, or none that could be understood.
func noAnswer(err error) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var tooLong *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "the call was broken off"
	case errors.As(err, &tooLong):
		return "the answer is longer than any that is right"
	case errors.Is(err, errNoCredentials):
		return "no AWS credentials were found: set access_key and secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role"
	case errors.As(err, &dns):
		return "the host of the store cannot be found: check endpoint and region"
	case errors.As(err, &certificate):
		return "the store's certificate is not trusted: set AWS_CA_BUNDLE to a file with its authority"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the store refuses connections: check endpoint and that it runs"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer within the time limit"
	default:
		return "no usable answer from the store; the log has the cause"
	}
}
