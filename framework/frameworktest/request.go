package frameworktest

import (
	"net/http"
	"net/http/httptest"
	"strings"

	"funnelweb/framework"
)

// Request makes a request as plugins get it: its body is read and only to be had from Raw, its id is RequestID. The
// params are names and values of path parameters in turn. A method or target that is not HTTP panics.
func Request(method, target, body string, header http.Header, params ...string) *framework.Request {
	request := httptest.NewRequest(method, target, strings.NewReader(body)) //nolint:noctx // the test's context goes to the plugin, not the request
	request.Body = http.NoBody
	for name, values := range header {
		request.Header[http.CanonicalHeaderKey(name)] = append([]string(nil), values...)
	}
	return framework.NewRequest(request, RequestID, []byte(body), func(name string) string {
		for i := 0; i+1 < len(params); i += 2 {
			if params[i] == name {
				return params[i+1]
			}
		}
		return ""
	})
}
