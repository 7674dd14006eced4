package app

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"

	"funnelweb/framework"
)

// refused says what is wrong with a call that is refused before it reaches the funnel.
func refused(status, maxHeaderBytes int) *framework.Problem {
	return framework.NewProblem(status, refusedDetail(status, maxHeaderBytes))
}

func refusedDetail(status, maxHeaderBytes int) string {
	switch status {
	case http.StatusBadRequest:
		return "This is not proper HTTP: the request line, Host or another header is missing or malformed."
	case http.StatusRequestTimeout:
		return "The headers did not arrive within the time limit."
	case http.StatusExpectationFailed:
		return "The only expectation that can be met is 100-continue."
	case http.StatusRequestHeaderFieldsTooLarge:
		return fmt.Sprintf("The request line and the headers are together larger than %d bytes.", maxHeaderBytes)
	case http.StatusNotImplemented:
		return "The only transfer encoding that is understood is chunked."
	case http.StatusHTTPVersionNotSupported:
		return "Speak HTTP/1.1, or HTTP/2 over TLS."
	default:
		return ""
	}
}

// refuseHTTP is the answer to what net/http has found to be no call that it could hand on.
func (s *Server) refuseHTTP(remote net.Addr, encrypted bool, status int) []byte {
	return s.refusal(remote, encrypted, refused(status, s.config.Server.MaxHeaderBytes))
}

// refuseClear is the answer to those who speak HTTP where TLS is spoken.
func (s *Server) refuseClear(remote net.Addr) []byte {
	return s.refusal(remote, false, framework.NewProblem(http.StatusBadRequest, "TLS is spoken at this address: use https."))
}

// refusal is a whole answer with a problem, for a connection on which no handler can answer.
func (s *Server) refusal(remote net.Addr, encrypted bool, problem *framework.Problem) []byte {
	request := (&http.Request{Header: http.Header{}, RemoteAddr: remote.String(), ContentLength: -1}).WithContext(context.Background())
	answer := &writtenAnswer{header: http.Header{}}
	answer.header.Set("Connection", "close")
	answer.header.Set("Date", s.options.Now().UTC().Format(http.TimeFormat))
	if encrypted {
		answer.header.Set(hstsHeader, hsts)
	}
	s.funnel.Refuse(answer, request, problem)
	return answer.bytes()
}

// writtenAnswer collects an answer.
type writtenAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *writtenAnswer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *writtenAnswer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *writtenAnswer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (a *writtenAnswer) bytes() []byte {
	var out bytes.Buffer
	_, _ = fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	_ = a.header.Write(&out) // into memory: cannot fail
	_, _ = out.WriteString("\r\n")
	_, _ = a.body.WriteTo(&out)
	return out.Bytes()
}
