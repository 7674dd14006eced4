package app_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/app"
)

// gate is an endpoint whose calls wait until they are let through.
type gate struct{ entered, open chan struct{} }

func newGate() *gate { return &gate{make(chan struct{}, 10), make(chan struct{})} }

type passed struct {
	Passed bool `json:"passed"`
}

func (g *gate) register(r *framework.Registry) {
	framework.AddEndpoint(r, "gate", func() struct{} { return struct{}{} }, func(struct{}, framework.Deps) (framework.Routes, error) {
		return framework.Routes{framework.Endpoint[struct{}, passed]{
			Method: http.MethodGet, Path: "/gate", ID: "gate", Summary: "Wait",
			Handle: func(ctx context.Context, _ *struct{}) (*passed, error) {
				g.entered <- struct{}{}
				select {
				case <-g.open:
					return &passed{true}, nil
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			},
		}.Route()}, nil
	})
}

// serve runs a server with further parts, and returns its address, what stops it and where its end is told.
func serve(t *testing.T, text string, log *frameworktest.Log, register func(*framework.Registry)) (base string, stop context.CancelFunc, ended <-chan error) {
	t.Helper()
	config, err := app.ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	registry := parts()
	register(registry)
	server, err := app.Build(t.Context(), config, registry, options(t, log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	serving, finished := make(chan string, 1), make(chan error, 1)
	over := make(chan struct{})
	go func() {
		defer close(over)
		finished <- server.Run(ctx, func(url string) { serving <- url })
	}()
	t.Cleanup(func() { stop(); <-over; http.DefaultClient.CloseIdleConnections() })
	select {
	case base = <-serving:
	case err := <-finished:
		t.Fatal(err)
	}
	return base, stop, finished
}

const gated = "endpoints: [{use: gate, public: true}]\n"

func TestDrainingLetsHTTP1CallsEndAndSaysThatTheConnectionDoes(t *testing.T) {
	gate := newGate()
	base, stop, ended := serve(t, plain+"data: "+t.TempDir()+"\n"+gated, nil, gate.register)
	busy, idle := dial(t, base, nil), dial(t, base, nil)
	if _, err := io.WriteString(idle, "GET /status HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	idleReader := bufio.NewReader(idle)
	if response, _ := hear(t, idleReader); response.Close {
		t.Error("before the end, the connection is said to end")
	}
	if _, err := io.WriteString(busy, "GET /gate HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-gate.entered
	stop()
	if rest, err := io.ReadAll(idleReader); len(rest) > 0 || err != nil { // closed while the other is still busy
		t.Errorf("the idle connection is told %q, %v", rest, err)
	}
	close(gate.open)
	response, body := hear(t, bufio.NewReader(busy))
	if response.StatusCode != http.StatusOK || !response.Close || !strings.Contains(body, "true") {
		t.Errorf("the call under way got %d %s, close %v", response.StatusCode, body, response.Close)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestDrainingLetsHTTP2CallsEndAndSendsTheConnectionAway(t *testing.T) {
	ca, gate := newAuthority(t), newGate()
	text, _ := ca.secured(t, "")
	base, stop, ended := serve(t, text+gated, nil, gate.register)
	watched := dial(t, base, &tls.Config{RootCAs: ca.pool, ServerName: "127.0.0.1", NextProtos: []string{"h2"}})
	if _, err := io.WriteString(watched, http2Preface+frame(settingsFrame, 0, "")); err != nil {
		t.Fatal(err)
	}
	client := ca.client(t, true)
	var calls errgroup.Group
	for range 3 {
		calls.Go(func() error {
			response, err := client.Get(base + "/gate")
			if err != nil {
				return err
			}
			defer response.Body.Close()
			if body, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(body), "true") {
				return errors.Join(errors.New("not the answer: "+string(body)), err)
			}
			return nil
		})
	}
	for range 3 {
		<-gate.entered
	}
	stop()
	if kinds := frames(t, watched); !kinds[goawayFrame] {
		t.Errorf("no GOAWAY, only %v", kinds)
	}
	close(gate.open)
	if err := calls.Wait(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

const goawayFrame = 7

// frames reads until the connection ends and returns the kinds of frames that came.
func frames(t *testing.T, conn net.Conn) map[byte]bool {
	t.Helper()
	kinds := map[byte]bool{}
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(conn, head); err != nil {
			return kinds
		}
		kinds[head[3]] = true
		length := binary.BigEndian.Uint32(append([]byte{0}, head[:3]...))
		if _, err := io.CopyN(io.Discard, conn, int64(length)); err != nil {
			return kinds
		}
	}
}

func TestACallThatDoesNotEndIsGivenUpAfterTheTimeToDrain(t *testing.T) {
	gate := newGate()
	var log frameworktest.Log
	base, stop, ended := serve(t, plain+"data: "+t.TempDir()+"\nserver: {drain: 100ms}\n"+gated, &log, gate.register)
	conn := dial(t, base, nil)
	if _, err := io.WriteString(conn, "GET /gate HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-gate.entered
	stop()
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "drain") {
		t.Errorf("error %v", err)
	}
	closed(t, conn)
	wantLine(t, log.String(), "level=WARN", "the time to drain is over", "requests=1 jobs=0")
	wantLine(t, log.String(), "route=/gate", "request_id=", "context canceled")
}

// wantLine looks for one line, and one alone, that holds all of the texts.
func wantLine(t *testing.T, log string, texts ...string) {
	t.Helper()
	found := 0
	for line := range strings.Lines(log) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d lines hold %q:\n%s", found, texts, log)
	}
}

// stuck is an action whose jobs end when they are interrupted.
type stuck struct{ begun chan struct{} }

func (s stuck) Do(ctx context.Context, _ framework.Job) (framework.Result, error) {
	s.begun <- struct{}{}
	<-ctx.Done()
	return framework.Result{}, ctx.Err()
}

func (s stuck) register(r *framework.Registry) {
	framework.AddAction(r, "stuck", func() struct{} { return struct{}{} }, func(struct{}, framework.Deps) (stuck, error) { return s, nil })
}

func TestJobsThatDoNotEndAreToldWhenTheTimeToDrainIsOver(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	waiting := stuck{make(chan struct{}, 10)}
	var log frameworktest.Log
	text := plain + "data: " + t.TempDir() + `
server: {drain: 200ms}
endpoints: [{use: splunk, before: [{token: {secrets: ["env:SMALL_TOKEN"]}}]}]
automations: [{name: stuck, on: splunk.alert, do: {stuck: {}}}]
`
	base, stop, ended := serve(t, text, &log, waiting.register)
	for i := range 2 {
		alert := strings.Replace(smallAlert, `"sid":"`, fmt.Sprintf(`"sid":"%d`, i), 1)
		if status, body := send(t, http.MethodPost, base+"/api/v1/splunk/alert", goodToken, alert); status != http.StatusAccepted {
			t.Fatalf("%d %s", status, body)
		}
		<-waiting.begun
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	wantLine(t, log.String(), "level=WARN", "the time to drain is over", "requests=0 jobs=2")
}

func TestAServerThatDrainsInTimeAbandonsNothing(t *testing.T) {
	gate := newGate()
	var log frameworktest.Log
	base, stop, ended := serve(t, plain+"data: "+t.TempDir()+"\n"+gated, &log, gate.register)
	close(gate.open)
	if status, body := get(t, base+"/gate", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	stop()
	if err := <-ended; err != nil || strings.Contains(log.String(), "level=WARN") {
		t.Errorf("%v\n%s", err, log.String())
	}
}

func TestBeforeItDrainsTheServerSaysThatItIsNotReadyAndStillTakesCalls(t *testing.T) {
	gate := newGate()
	t.Setenv("SMALL_TOKEN", goodToken)
	text := small(t.TempDir()) + "server: {drain_delay: 4s, drain: 5s}\n"
	base, stop, ended := serve(t, text, nil, gate.register)
	if status, body := get(t, base+"/ready", ""); status != http.StatusOK || strings.Contains(body, "stopping") {
		t.Fatalf("status %d: %s", status, body)
	}
	stop()
	eventually(t, func() bool {
		response, body := fetch(t, http.DefaultClient, base+"/ready")
		return response.StatusCode == http.StatusServiceUnavailable && response.Close &&
			strings.Contains(body, `{"name":"server","ready":false,"reason":"the server is stopping","vital":true,"age_seconds":0}`)
	})
	if status, body := send(t, http.MethodPost, base+"/api/v1/splunk/alert", goodToken, smallAlert); status != http.StatusAccepted {
		t.Errorf("a call while others are sent elsewhere: %d %s", status, body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
