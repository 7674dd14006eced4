package app

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	outboundTimeout  = 30 * time.Second
	outboundMaxBytes = 32 << 20
	outboundMaxHops  = 3
)

// newHTTPClient makes the client that parts call services with: every call ends, no answer is endless, and a redirect
// never carries a credential to another host.
func newHTTPClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented type of the standard library
	transport.MaxIdleConnsPerHost = 16
	transport.ResponseHeaderTimeout = outboundTimeout
	transport.MaxResponseHeaderBytes = 1 << 20
	return &http.Client{Timeout: outboundTimeout, Transport: boundedTransport{transport}, CheckRedirect: sameHost}
}

func sameHost(next *http.Request, before []*http.Request) error {
	if len(before) > outboundMaxHops {
		return errors.New("too many redirects")
	}
	if next.URL.Host != before[0].URL.Host || next.URL.Scheme != before[0].URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// boundedTransport cuts answers off.
type boundedTransport struct{ http.RoundTripper }

// Around implements framework.Wrapper.
func (t boundedTransport) Around(change func(http.RoundTripper) http.RoundTripper) http.RoundTripper {
	return boundedTransport{change(t.RoundTripper)}
}

// RoundTrip makes reading more than the bound an error rather than the end of the answer.
func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &boundedBody{ReadCloser: response.Body, left: outboundMaxBytes}
	return response, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

var errAnswerTooLarge = errors.New("the answer is larger than 32 MiB")

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errAnswerTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport.
func (t boundedTransport) CloseIdleConnections() {
	if closer, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}
