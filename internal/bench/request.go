package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// call is what is sent over and over, and the status that it must get each time.
type call struct {
	body   []byte
	header http.Header
	status int
}

// goodCall is an alert with a token and a signature, which only the funnel looks at.
func goodCall() call {
	body := body()
	return call{body: body, status: http.StatusOK, header: http.Header{
		"Content-Type": {"application/json"}, "Authorization": {"Bearer " + bearer}, signatureIn: {sign(body)},
		"Content-Length": {strconv.Itoa(len(body))}, "User-Agent": {"bench"},
	}}
}

// forgedCall is a good one whose body was changed after it was signed.
func forgedCall() call {
	forged := goodCall()
	forged.body = bytes.Replace(forged.body, []byte(`"risk_score":87`), []byte(`"risk_score":12`), 1)
	forged.status = http.StatusUnauthorized
	return forged
}

// raw is the call as it goes over the wire.
func (c call) raw(host string) []byte {
	var wire bytes.Buffer
	_, _ = fmt.Fprintf(&wire, "POST %s HTTP/1.1\r\nHost: %s\r\n", path, host)
	_ = c.header.Write(&wire)
	_, _ = fmt.Fprintf(&wire, "\r\n%s", c.body)
	return wire.Bytes()
}

// replay makes the call again and again in one process, with nothing between caller and handler: no socket, and no more
// memory than net/http itself would take for a header.
type replay struct {
	call
	request  *http.Request
	unread   bytes.Reader
	recorder recorder
}

func newReplay(c call) *replay {
	r := &replay{call: c}
	r.request = &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: path}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.header.Clone(), ContentLength: int64(len(c.body)), Host: "127.0.0.1", RemoteAddr: "127.0.0.1:40000", RequestURI: path,
	}
	r.request.Header.Del("Content-Length") // as net/http does
	return r
}

// once makes the call; another status than the one agreed is an error.
func (r *replay) once(handler http.Handler) error {
	r.unread.Reset(r.body)
	r.request.Body = io.NopCloser(&r.unread)
	r.recorder = recorder{header: http.Header{}}
	handler.ServeHTTP(&r.recorder, r.request)
	if r.recorder.status != r.status {
		return fmt.Errorf("status %d, want %d: %s", r.recorder.status, r.status, r.recorder.last)
	}
	return nil
}

// recorder is the least that a handler can write to.
type recorder struct {
	header http.Header
	status int
	last   []byte // what was last written, whose owner may use it again
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) { r.status = status }

func (r *recorder) Write(part []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.last = part
	return len(part), nil
}
