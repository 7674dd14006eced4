package framework

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
)

// headerName is a token (RFC 9110 section 5.6.2).
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// CheckHeader returns why a before plugin could never find a header in a request: its name is none, or the header is taken
// out, by net/http when it is Host or about the length of the body, by proxies when it is about the connection (RFC 9110
// section 7.6.1).
func CheckHeader(name string) error {
	if !headerName.MatchString(name) {
		return errors.New("not the name of a header")
	}
	switch name = http.CanonicalHeaderKey(name); name {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Keep-Alive", "Te", "Upgrade", "Proxy-Connection":
		return fmt.Errorf("%s is about the connection; it never gets here", name)
	}
	return nil
}
