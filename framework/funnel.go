package framework

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// Info names the API in its document.
type Info struct {
	Title, Version, Description string
	Contact                     string // who is asked for help, in words
	License, LicenseURL         string // its name, and where it is written
}

// Funnel serves mounted routes: every request to it, known or not, gets an id, one log line and, when it is refused,
// a Problem. Mount everything first; then it is a handler that never changes.
type Funnel struct {
	info       Info
	log        *slog.Logger
	now        func() time.Time
	router     *gin.Engine
	schemas    *schemas
	operations []*operation
	trusted    []netip.Prefix
	observer   CallObserver // nil when nobody watches
}

// quietGin stops gin from printing its routes to standard output.
//
//nolint:gochecknoglobals // guards gin's own package variable, which is set once and to one value
var quietGin = sync.OnceFunc(func() { gin.SetMode(gin.ReleaseMode) })

// NewFunnel returns a funnel without routes.
func NewFunnel(info Info, log *slog.Logger, now func() time.Time) (*Funnel, error) {
	quietGin()
	f := &Funnel{info: info, log: log, now: now, router: gin.New(), schemas: newSchemas()}
	f.router.HandleMethodNotAllowed = true
	// A redirect loses a webhook: Splunk turns it into a GET and reports success.
	f.router.RedirectTrailingSlash, f.router.RedirectFixedPath = false, false
	// %2f is no slash: a proxy's rules for paths must mean here what they mean there.
	f.router.UseRawPath = true
	if err := f.router.SetTrustedProxies(nil); err != nil {
		return nil, fmt.Errorf("trust no proxy: %w", err)
	}
	f.router.NoRoute(f.noRoute)
	f.router.NoMethod(f.noMethod)
	return f, nil
}

// TrustProxies names the proxies whose X-Forwarded-For is believed; without it none is. Call it before serving.
func (f *Funnel) TrustProxies(prefixes []netip.Prefix) { f.trusted = prefixes }

// Mount adds a route, with and without a trailing slash. Wrong tags, a route that exists already and one that is open by mistake are errors.
func (f *Funnel) Mount(route Route, chain Chain) error {
	o, err := newOperation(f.schemas, route, chain)
	if err != nil {
		return fmt.Errorf("%s %s: %w", route.Method, route.Path, err)
	}
	handler := func(c *gin.Context) { f.serve(c, o) }
	paths := []string{o.path, o.path + "/"}
	if strings.HasSuffix(o.path, "/") {
		paths = paths[:1]
	}
	for _, path := range paths {
		if err := f.add(route.Method, path, handler); err != nil {
			return err
		}
	}
	f.operations = append(f.operations, o)
	return nil
}

// Handle adds a plain handler for GET behind the before plugins of a chain; paths may end in /*name, unless a plugin reads a segment. It is for what is
// not JSON: pages, metrics.
func (f *Funnel) Handle(path string, handler http.Handler, chain Chain) error {
	if err := chain.validate(); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	extended, err := chain.extend(path)
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return f.add(http.MethodGet, extended, func(c *gin.Context) { f.serveHandler(c, extended, handler, chain) })
}

// add registers a path; GET serves HEAD too.
func (f *Funnel) add(method, path string, handler gin.HandlerFunc) (err error) {
	defer func() {
		if wrong := recover(); wrong != nil { // gin panics on paths that clash
			err = fmt.Errorf("%s %s: %v", method, path, wrong)
		}
	}()
	methods := []string{method}
	if method == http.MethodGet {
		methods = append(methods, http.MethodHead)
	}
	for _, method := range methods {
		f.router.Handle(method, ginPath(path), handler)
	}
	return nil
}

// ginPath writes {name} as :name.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// ServeHTTP serves one request.
func (f *Funnel) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.router.ServeHTTP(w, r) }

// Mounted describes a mounted route for people.
type Mounted struct {
	Method, Path, ID, Summary string
	Before, After             []string
	Public                    bool
}

// Routes lists what is mounted, in the order of mounting.
func (f *Funnel) Routes() []Mounted {
	var all []Mounted
	for _, o := range f.operations {
		m := Mounted{Method: o.Method, Path: o.path, ID: o.ID, Summary: o.Summary, Public: o.Public}
		for _, plugin := range o.Before {
			m.Before = append(m.Before, plugin.Name)
		}
		for _, plugin := range o.After {
			m.After = append(m.After, plugin.Name)
		}
		all = append(all, m)
	}
	return all
}

// serve runs one request through its operation, sends the answer and logs it.
func (f *Funnel) serve(c *gin.Context, o *operation) {
	start, id := f.now(), newRequestID()
	var params func(string) string
	if len(c.Params) > 0 {
		params = c.Param
	}
	request := NewRequest(c.Request, id, nil, params)
	request.client = clientAddr(c.Request, f.trusted)
	if o.stream != nil {
		f.serveStream(c.Writer, request, o, start)
		return
	}
	ctx, ended := f.begin(request, o.path)
	answer, cause := o.run(ctx, request)
	if err := request.answered(answer.Status); err != nil {
		cause = errors.Join(cause, err)
	}
	if request.unread {
		stopWaiting(c.Writer)
	}
	send(c.Writer, answer, id)
	ended(answer.Status)
	f.logRequest(request, o.path, answer.Status, len(answer.Body), start, cause)
}

// unreadPatience is how long the server waits for the rest of a body that nobody will look at. What is there by then is passed over,
// and the connection can be used again.
const unreadPatience = time.Second

// stopWaiting has the server give up soon on a body that was not read: it reads on for the sake of the connection, before the answer
// leaves.
func stopWaiting(w http.ResponseWriter) {
	deadline := time.Now().Add(unreadPatience)                  //nolint:forbidigo // deadlines are of the real clock
	_ = http.NewResponseController(w).SetReadDeadline(deadline) // what is no connection has none
}

func (f *Funnel) serveHandler(c *gin.Context, path string, handler http.Handler, chain Chain) {
	start, id := f.now(), newRequestID()
	request := NewRequest(c.Request, id, nil, c.Param)
	request.client = clientAddr(c.Request, f.trusted)
	o := &operation{Chain: chain}
	ctx, ended := f.begin(request, path)
	brokenOff := false
	cause := o.before(ctx, request, 0, len(chain.Before))
	if cause != nil {
		answer := toProblem(cause).response(id)
		send(c.Writer, answer, id)
	} else {
		setHeaders(c.Writer.Header(), id)
		page := &pageWriter{ResponseWriter: c.Writer}
		cause = guard("handler", "", func() error { handler.ServeHTTP(page, c.Request); return nil })
		brokenOff = cause != nil && c.Writer.Written()
		switch {
		case cause != nil && !brokenOff:
			send(c.Writer, internalProblem().response(id), id)
		case page.refused != 0:
			c.Writer.Header().Del("Content-Encoding")
			send(c.Writer, NewProblem(page.refused, "").response(id), id)
		}
	}
	if err := request.answered(c.Writer.Status()); err != nil {
		cause = errors.Join(cause, err)
	}
	ended(c.Writer.Status())
	f.logRequest(request, path, c.Writer.Status(), c.Writer.Size(), start, cause)
	if brokenOff {
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to cut an answer off, so that it does not look complete
	}
}

// RequestIDHeader carries the request id in every answer.
const RequestIDHeader = "X-Request-Id"

// newRequestID makes 26 characters of 128 random bits. A caller's own id is not taken over: it could forge log lines.
func newRequestID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	var id [32]byte
	base32.StdEncoding.Encode(id[:], random[:])
	for i := range id {
		id[i] |= 0x20 // lower case; the digits have this bit
	}
	return string(id[:26]) // padding follows
}

// setHeaders sets what every answer has. The values share one piece of memory, each of a capacity that an append leaves.
func setHeaders(header http.Header, id string) {
	values := [...]string{id, "nosniff", "no-store", "default-src 'none'; frame-ancestors 'none'", "no-referrer", "same-origin"}
	for i, name := range [...]string{
		RequestIDHeader, "X-Content-Type-Options", "Cache-Control", "Content-Security-Policy", "Referrer-Policy", "Cross-Origin-Resource-Policy",
	} {
		header[name] = values[i : i+1 : i+1]
	}
}

// send sends a complete answer. The length is told, so that HEAD has the headers of GET.
func send(w http.ResponseWriter, answer *Response, id string) {
	setHeaders(w.Header(), id)
	maps.Copy(w.Header(), answer.Header)
	if answer.Status == http.StatusNoContent {
		w.WriteHeader(answer.Status)
		return
	}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(answer.Body))}
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // the caller is gone: nobody to tell
}

// logRequest writes the one line of a request. It names the route, never the URL: a token may be in path or query.
func (f *Funnel) logRequest(r *Request, route string, status, size int, start time.Time, cause error) {
	level := levelOfCall(r, status)
	if _, broken := errors.AsType[*brokenError](cause); broken {
		level = slog.LevelError
	}
	if !f.log.Enabled(r.Context(), level) {
		return
	}
	room := [11]slog.Attr{ // all that there can be: more would cost memory
		slog.String("request_id", r.ID),
		slog.String("method", loggedMethod(r.Method)),
		slog.String("route", route),
		slog.Int("status", status),
		slog.Float64("duration_ms", float64(f.now().Sub(start).Microseconds())/1000),
		slog.Int64("bytes_in", max(r.ContentLength, int64(len(r.raw)))),
		slog.Int("bytes_out", size),
		slog.String("client", r.client.String()),
	}
	attributes := room[:8]
	if r.identity != "" {
		attributes = append(attributes, slog.String("identity", r.identity))
	}
	if cause != nil {
		attributes = append(attributes, slog.String("err", cause.Error()))
		if rules := rulesOf(cause); level == slog.LevelWarn && rules != "" { // and no stack: there is room
			attributes = append(attributes, slog.String("rules", rules))
		}
		if crash, ok := errors.AsType[*panicked](cause); ok {
			attributes = append(attributes, slog.String("stack", string(crash.stack)))
		}
	}
	f.log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attributes...)
}

// loggedMethod bounds what a caller can write into the log.
func loggedMethod(method string) string {
	if len(method) > 10 {
		return "other"
	}
	return method
}
