package framework

import (
	"errors"
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

// levelOfCall is levelOf, but a warning where a known sender's event was not taken: that sender may never send it again.
func levelOfCall(r *Request, status int) slog.Level {
	if r.brings && status >= http.StatusBadRequest && status < http.StatusInternalServerError && status != http.StatusUnauthorized {
		return slog.LevelWarn
	}
	return levelOf(status)
}

// loggedRules is how many of the places that break a rule are in the line of a call.
const loggedRules = 5

// rulesOf tells which rules were broken where, never by what.
func rulesOf(cause error) string {
	problem, ok := errors.AsType[*Problem](cause)
	if !ok {
		return ""
	}
	var rules []string
	for _, field := range problem.Errors[:min(len(problem.Errors), loggedRules)] {
		rules = append(rules, strings.Join([]string{field.In, field.Pointer, field.Rule}, " "))
	}
	return strings.Join(rules, ", ")
}

// levelOf is the level of the line of a call. What the server does not speak is asked for by the caller: no fault of ours.
func levelOf(status int) slog.Level {
	if status < http.StatusInternalServerError || status == http.StatusNotImplemented || status == http.StatusHTTPVersionNotSupported {
		return slog.LevelInfo
	}
	return slog.LevelError
}
