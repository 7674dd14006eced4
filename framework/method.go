package framework

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// ofNoPath answers calls that are about no path, whatever they name: OPTIONS * asks what the server takes at all, and
// TRACE and CONNECT are for proxies and those who look for one (RFC 9110 sections 9.3.6 to 9.3.8). It reports whether it has.
func (f *Funnel) ofNoPath(c *gin.Context) bool {
	switch method := c.Request.Method; {
	case method == http.MethodTrace, method == http.MethodConnect:
		c.Writer.Header().Del("Allow")
		f.Refuse(c.Writer, c.Request, NewProblem(http.StatusNotImplemented, "This server is no proxy: no path takes this method."))
	case method == http.MethodOptions && c.Request.RequestURI == "*":
		c.Writer.Header().Set("Allow", f.allMethods())
		f.allow(c)
	default:
		return false
	}
	return true
}

// allMethods are those that some path takes.
func (f *Funnel) allMethods() string {
	methods := []string{http.MethodOptions}
	for _, route := range f.router.Routes() {
		if !slices.Contains(methods, route.Method) {
			methods = append(methods, route.Method)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// levelOf is the level of the line of a call. What the server does not speak is asked for by the caller: no fault of ours.
func levelOf(status int) slog.Level {
	if status < http.StatusInternalServerError || status == http.StatusNotImplemented || status == http.StatusHTTPVersionNotSupported {
		return slog.LevelInfo
	}
	return slog.LevelError
}
