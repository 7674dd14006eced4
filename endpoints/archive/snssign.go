package archive

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what SignatureVersion 1 is made with; topics are set to 2 at their owner
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"funnelweb/framework"
)

// What is signed is names and values, each on a line, in the order of their names (Amazon SNS Developer Guide, "Verifying the
// signatures of Amazon SNS messages", read 2026-11).

func (n Notification) signed() string {
	lines := []string{"Message", n.Message, "MessageId", n.MessageID}
	if n.Subject != nil {
		lines = append(lines, "Subject", *n.Subject)
	}
	lines = append(lines, "Timestamp", n.Timestamp, "TopicArn", n.TopicArn, "Type", "Notification")
	return strings.Join(lines, "\n") + "\n"
}

func (c Confirmation) signed(kind string) string {
	return strings.Join([]string{
		"Message", c.Message, "MessageId", c.MessageID, "SubscribeURL", c.SubscribeURL,
		"Timestamp", c.Timestamp, "Token", c.Token, "TopicArn", c.TopicArn, "Type", kind,
	}, "\n") + "\n"
}

// The bounds of certificates.
const (
	maxCertificates = 16             // that are kept: a region has one, and another while it changes
	certificateAge  = 24 * time.Hour // after which one is fetched again
	minKeyBits      = 2048
)

// certificates are those that SNS signs with.
type certificates struct {
	deps     framework.Deps
	fetching chan struct{} // holds one token: one is fetched at a time, however many calls name new ones
	mu       sync.Mutex
	known    map[string]certificate
}

type certificate struct {
	*x509.Certificate
	fetched time.Time
}

func newCertificates(deps framework.Deps) *certificates {
	c := &certificates{deps: deps, fetching: make(chan struct{}, 1), known: map[string]certificate{}}
	c.fetching <- struct{}{}
	return c
}

var certificatePath = regexp.MustCompile(`^/SimpleNotificationService-[0-9a-f]{32}\.pem$`)

// at returns the certificate at an address, which must be one of SNS on a host. Its errors are Problems.
func (c *certificates) at(ctx context.Context, address, host string) (certificate, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.String() != "https://"+host+parsed.Path || !certificatePath.MatchString(parsed.Path) {
		return certificate{}, framework.NewProblem(http.StatusForbidden, "SigningCertURL is no address of a certificate of Amazon SNS in the topic's region.")
	}
	if found, ok := c.kept(address); ok {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	select {
	case <-c.fetching:
		defer func() { c.fetching <- struct{}{} }()
	case <-ctx.Done():
		return certificate{}, noCertificate(ctx.Err())
	}
	if found, ok := c.kept(address); ok { // somebody else has fetched it meanwhile
		return found, nil
	}
	found, err := c.fetch(ctx, address)
	if err != nil {
		return certificate{}, noCertificate(err)
	}
	c.keep(address, found)
	return found, nil
}

// noCertificate asks SNS to send the message again.
func noCertificate(cause error) error {
	return framework.Unavailable("The certificate of Amazon SNS cannot be had at the moment.", retryAfter, cause)
}

func (c *certificates) kept(address string) (certificate, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.known[address]
	now := c.deps.Now()
	return found, ok && now.Sub(found.fetched) < certificateAge && now.Before(found.NotAfter)
}

func (c *certificates) keep(address string, found certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxCertificates {
		clear(c.known)
	}
	c.known[address] = found
}

func (c *certificates) fetch(ctx context.Context, address string) (certificate, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return certificate{}, err
	}
	body, err := framework.Fetch(c.deps, "sns", "get certificate", request)
	if err != nil {
		return certificate{}, err
	}
	block, _ := pem.Decode(body)
	if block == nil || block.Type != "CERTIFICATE" {
		return certificate{}, errors.New("the certificate of Amazon SNS is not PEM")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return certificate{}, err
	}
	now := c.deps.Now()
	if now.Before(parsed.NotBefore) || now.After(parsed.NotAfter) {
		return certificate{}, errors.New("the certificate of Amazon SNS is not valid at this time")
	}
	return certificate{parsed, now}, nil
}

// verify checks a signature.
func (c certificate) verify(e Envelope, signed string) error {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minKeyBits {
		return errors.New("the certificate has no RSA key of 2048 bits")
	}
	signature, err := base64.StdEncoding.DecodeString(e.Signature)
	if err != nil {
		return errors.New("the signature is not base64")
	}
	if e.SignatureVersion == "1" {
		hash := sha1.Sum([]byte(signed)) //nolint:gosec // see the import
		return rsa.VerifyPKCS1v15(key, crypto.SHA1, hash[:], signature)
	}
	hash := sha256.Sum256([]byte(signed))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, hash[:], signature)
}
