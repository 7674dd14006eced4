package app_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"funnelweb/internal/app"
)

// What a flood may cost. Both are bounds, far above what is measured.
const (
	mostPerConnection = 64 << 10  // bytes of heap and stacks
	mostForFlood      = 128 << 20 // bytes of heap and stacks that are left when it has ended
)

// spareOpenFiles are for what is no idle connection.
const spareOpenFiles = 1000

// scaled is how many connections the limit on open files permits, which holds for this process and the server's.
func scaled(t *testing.T, want int) int {
	t.Helper()
	files := app.OpenFiles()
	if files == 0 || files >= uint64(want+spareOpenFiles) {
		return want
	}
	fits := max(50, int(files)-spareOpenFiles)
	t.Logf("the limit of %d open files permits %d connections in place of %d; ulimit -n raises it", files, fits, want)
	return fits
}

const forgedSecret = "a-secret-that-forgers-do-not-have"

// patient is a server whose limits do not end connections during the test.
const patient = "  read_header: 10m\n  idle: 10m\n  max_connections: 20000\n"

const signedEndpoint = `
endpoints:
  - use: splunk
    before: [{hmac: {header: X-Signature, secrets: ["env:FORGED_SECRET"]}}]
`

func TestIdleConnectionsAndForgedSignaturesCostLittleAndStopNobody(t *testing.T) {
	t.Setenv("FORGED_SECRET", forgedSecret)
	ca := newAuthority(t)
	secured, _ := ca.secured(t, patient)
	for scheme, test := range map[string]struct {
		text string
		idle int
	}{
		"in the clear": {plain + "data: " + t.TempDir() + "\nserver:\n" + patient, 10_000},
		"with TLS":     {secured, 1_000},
	} {
		t.Run(scheme, func(t *testing.T) {
			server := startChild(t, test.text+signedEndpoint)
			s := newSender(t, server.base, ca)
			s.honest(t, 100) // opens what is opened once
			quiet := s.honest(t, 200)
			before := server.figures(t)

			count := scaled(t, test.idle)
			idle := openIdle(t, server.base, count, &tls.Config{RootCAs: ca.pool, ServerName: "127.0.0.1"})
			waiting := server.figures(t)
			each := (waiting.own() - before.own()) / int64(count)
			t.Logf("%d idle connections: %d bytes of heap and stacks each (%d of RSS), %d goroutines", count, each, (waiting.RSS-before.RSS)/int64(count), waiting.Goroutines)
			if each > mostPerConnection {
				t.Errorf("an idle connection costs %d bytes, at most %d are bearable", each, mostPerConnection)
			}

			beside := s.flood(t, 2_000)
			after := server.figures(t)
			t.Logf("the flood left %+d KiB of heap and stacks; RSS %d MiB, %d MiB at most", (after.own()-waiting.own())>>10, after.RSS>>20, after.Peak>>20)
			t.Logf("honest calls: p50 %v, p99 %v when it was quiet; p50 %v, p99 %v beside %d idle connections and the flood",
				quiet.p(50), quiet.p(99), beside.p(50), beside.p(99), count)
			if grown := after.own() - waiting.own(); grown > mostForFlood {
				t.Errorf("the flood left %d bytes", grown)
			}
			for _, conn := range []net.Conn{idle[0], idle[count/2], idle[count-1]} {
				if response, _ := say(t, conn, "GET /status HTTP/1.1\r\nHost: a\r\n\r\n"); response.StatusCode != http.StatusOK {
					t.Errorf("an idle connection is answered %d", response.StatusCode)
				}
			}
		})
	}
}

// openIdle opens connections and leaves them open. Every second one has made a call, the others have never said a word.
func openIdle(t *testing.T, base string, count int, config *tls.Config) []net.Conn {
	t.Helper()
	address, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]net.Conn, count)
	var openers errgroup.Group
	openers.SetLimit(64)
	for i := range conns {
		openers.Go(func() (err error) {
			conns[i], err = openOne(address, config, i%2 == 0)
			return err
		})
	}
	err = openers.Wait()
	t.Cleanup(func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return conns
}

func openOne(address *url.URL, config *tls.Config, call bool) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", address.Host, time.Minute)
	if err != nil {
		return nil, err
	}
	if address.Scheme == "https" {
		encrypted := tls.Client(conn, config)
		if err := encrypted.Handshake(); err != nil {
			return conn, err
		}
		conn = encrypted
	}
	if !call {
		return conn, nil
	}
	if _, err := io.WriteString(conn, "GET /status HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return conn, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return conn, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return conn, errors.Join(err, response.Body.Close())
}

// sender sends signed webhooks.
type sender struct {
	base   string
	client *http.Client
	sent   atomic.Int64
}

func newSender(t *testing.T, base string, ca *authority) *sender {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool}, MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &sender{base: base, client: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// durations are how long calls took.
type durations []time.Duration

// p is a percentile.
func (d durations) p(percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[(len(sorted)-1)*percent/100].Round(10 * time.Microsecond)
}

// honest sends alerts that are signed, four at a time. Each must be accepted.
func (s *sender) honest(t *testing.T, count int) durations {
	t.Helper()
	took := make(durations, count)
	var senders errgroup.Group
	senders.SetLimit(4)
	for i := range count {
		senders.Go(func() error {
			body := fmt.Sprintf(`{"sid":"honest-%d","search_name":"Test","app":"search","owner":"admin","result":{"user":"jdoe"}}`, s.sent.Add(1))
			began := time.Now()
			status, err := s.post(body, forgedSecret)
			took[i] = time.Since(began)
			if err == nil && status != http.StatusAccepted {
				err = fmt.Errorf("an honest call is answered %d", status)
			}
			return err
		})
	}
	if err := senders.Wait(); err != nil {
		t.Error(err)
	}
	return took
}

// flood sends forged calls of 64 KiB as fast as 16 senders can, and honest ones beside them all the while.
func (s *sender) flood(t *testing.T, forged int) durations {
	t.Helper()
	body := `{"sid":"` + strings.Repeat("x", 64<<10) + `"}`
	var group sync.WaitGroup
	var left, wrong atomic.Int64
	left.Store(int64(forged))
	began := time.Now()
	for range 16 {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if status, err := s.post(body, "guessed"); err != nil || status != http.StatusUnauthorized {
					wrong.Add(1)
				}
			}
		})
	}
	var beside durations
	for left.Load() > 0 {
		beside = append(beside, s.honest(t, 20)...)
	}
	group.Wait()
	t.Logf("%d forged calls of 64 KiB refused in %v, %d honest ones answered beside them", forged, time.Since(began).Round(time.Millisecond), len(beside))
	if wrong.Load() > 0 {
		t.Errorf("%d forged calls were not answered with 401", wrong.Load())
	}
	return beside
}

func (s *sender) post(body, secret string) (status int, err error) {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	request, err := http.NewRequest(http.MethodPost, s.base+"/api/v1/splunk/alert", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

func TestMoreIdleConnectionsThanTheBoundKeepNobodyOut(t *testing.T) {
	t.Setenv("FORGED_SECRET", forgedSecret)
	base, _ := start(t, plain+"data: "+t.TempDir()+"\nserver: {max_connections: 20, read_header: 10m, idle: 10m}\n"+signedEndpoint, nil)
	s := newSender(t, base, newAuthority(t))
	for range 2 {
		for range 100 {
			dial(t, base, nil) // and say nothing
		}
		s.honest(t, 50)
		s.client.CloseIdleConnections()
	}
}

// TestTheDocumentTellsTheBoundsOfThisTest keeps docs/limits.md from promising more than is held.
func TestTheDocumentTellsTheBoundsOfThisTest(t *testing.T) {
	text, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	for sentence, times := range map[string]int{
		fmt.Sprintf("| %d KiB each |", mostPerConnection>>10): 3, fmt.Sprintf("| %d MiB |", mostForFlood>>20): 1,
		"opens 10,000 connections;": 1, "opens 1,000 connections with TLS": 1, "sends 2,000 forged webhooks of 64 KiB": 1, "2,000 times promises a body of 1 MB": 1,
	} {
		if got := strings.Count(string(text), sentence); got != times {
			t.Errorf("docs/limits.md says %q %d times, want %d", sentence, got, times)
		}
	}
}

// Headers alone, which promise bodies that do not come, must not make the server set memory aside for them.
func TestBodiesThatArePromisedCostNothing(t *testing.T) {
	t.Setenv("FORGED_SECRET", forgedSecret)
	server := startChild(t, plain+"data: "+t.TempDir()+"\nserver:\n  read: 10m\n"+patient+signedEndpoint)
	s := newSender(t, server.base, newAuthority(t))
	s.honest(t, 50)
	before := server.figures(t)
	count := scaled(t, 2_000)
	conns := openIdle(t, server.base, count, nil)
	for _, conn := range conns {
		if _, err := io.WriteString(conn, "POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
	}
	s.honest(t, 50)
	after := server.figures(t)
	each := (after.own() - before.own()) / int64(count)
	t.Logf("%d calls that promise 1 MB and send 1 byte: %d bytes of heap and stacks each (%d of RSS)", count, each, (after.RSS-before.RSS)/int64(count))
	if each > mostPerConnection {
		t.Errorf("each costs %d bytes, at most %d are bearable", each, mostPerConnection)
	}
}
