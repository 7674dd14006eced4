package activedirectory

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func jdoe() framework.Indicator { return framework.Indicator{Kind: framework.User, Value: "jdoe"} }

// withheld makes an error comparable: the address of the server is another one in each test.
func withheld(err error, s *script) string {
	return strings.ReplaceAll(framework.Reason(err), s.address, "DC")
}

func TestABrokenSessionNeverLooksLikeNoSuchUser(t *testing.T) {
	cases := []struct {
		name      string
		plaintext bool
		say       func(*dialogue)
		change    func(*Config)
		want      string
	}{
		{
			name: "cut at once", say: func(*dialogue) {},
			want: "start TLS: DC closed the connection before it had answered",
		},
		{
			name: "cut instead of a bind", say: func(d *dialogue) { d.next() },
			want: "bind: DC closed the connection before it had answered",
		},
		{
			name: "cut after the bind", say: func(d *dialogue) { d.bind() },
			want: "look up user: DC closed the connection before it had answered",
		},
		{
			name: "cut instead of a search", say: func(d *dialogue) { d.bind(); d.next() },
			want: "look up user: DC closed the connection before it had answered",
		},
		{
			name: "cut after an entry and before the end mark", say: func(d *dialogue) {
				d.bind()
				id, _ := d.next()
				_, _ = d.Write(entry(id, "CN=Jane,DC=lab", "sAMAccountName", "jdoe"))
			},
			want: "look up user: DC closed the connection before it had answered",
		},
		{
			name: "a busy server", say: func(d *dialogue) {
				d.bind()
				id, _ := d.next()
				d.result(id, opSearchDone, 51, "")
				d.rest()
			},
			want: "look up user: the server is busy or shutting down (status 51)",
		},
		{
			name: "nonsense", say: func(d *dialogue) { d.next(); _, _ = d.Write([]byte("220 mail.example ESMTP\r\n")) },
			want: "bind: DC closed the connection before it had answered",
		},
		{
			name: "no TLS", plaintext: true, say: func(d *dialogue) { _, _ = d.Write([]byte("220 mail.example ESMTP\r\n")); d.rest() },
			change: func(c *Config) { c.URL, c.StartTLS = strings.Replace(c.URL, "ldap:", "ldaps:", 1), false },
			want:   "start TLS: DC does not speak TLS: ldaps:// usually goes to port 636",
		},
		{
			name: "StartTLS refused", plaintext: true, say: func(d *dialogue) {
				id, _ := d.next()
				d.result(id, opExtendedResult, 52, "")
				d.rest()
			},
			want: "start TLS: the server is busy or shutting down (status 52)",
		},
		{
			name: "cut within the handshake of StartTLS", plaintext: true, say: func(d *dialogue) {
				id, _ := d.next()
				d.result(id, opExtendedResult, 0, "")
			},
			want: "start TLS: DC closed the connection before it had answered",
		},
		{
			name: "a certificate from elsewhere", say: func(d *dialogue) { d.rest() },
			change: func(c *Config) { c.CAFile = "" },
			want:   "start TLS: the certificate of DC is not from a trusted authority: set ca_file to the one of your domain",
		},
		{
			name: "a certificate for another name", say: func(d *dialogue) { d.rest() },
			change: func(c *Config) { c.ServerName = "dc1.lab.example" },
			want:   "start TLS: the certificate of DC is for another name: correct url, or set server_name",
		},
		{
			name: "a certificate from elsewhere after StartTLS", plaintext: true, say: func(d *dialogue) {
				id, _ := d.next()
				d.result(id, opExtendedResult, 0, "")
				_ = tls.Server(d.Conn, d.script.config).Handshake()
			},
			change: func(c *Config) { c.CAFile = "" },
			want:   "start TLS: the certificate of DC is not from a trusted authority: set ca_file to the one of your domain",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := serve(t, c.plaintext, c.say)
			config := server.configuration(c.plaintext)
			if c.change != nil {
				c.change(&config)
			}
			finding, err := newEnricher(t, config).Enrich(t.Context(), jdoe())
			if err == nil {
				t.Fatalf("it was taken for an answer: %q", finding.Summary)
			}
			if diff := cmp.Diff("activedirectory: "+c.want, withheld(err, server)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, err)
			}
			frameworktest.LeaksNoSecret(t, canary, err.Error(), framework.Reason(err))
		})
	}
}

func TestAServerThatHangsIsGivenUp(t *testing.T) {
	plain := func(c *Config) { c.URL, c.StartTLS = strings.Replace(c.URL, "ldap:", "ldaps:", 1), false }
	startTLS := func(d *dialogue) {
		id, _ := d.next()
		d.result(id, opExtendedResult, 0, "")
		d.rest()
	}
	cases := []struct {
		name      string
		plaintext bool
		say       func(*dialogue)
		op        string
		change    func(*Config)
	}{
		{"in the TLS handshake", true, func(d *dialogue) { d.rest() }, "start TLS", plain},
		{"in the bind", false, func(d *dialogue) { d.rest() }, "bind", nil},
		{"in the search", false, func(d *dialogue) { d.bind(); d.rest() }, "look up user", nil},
		{"before StartTLS", true, func(d *dialogue) { d.rest() }, "start TLS", nil},
		{"in the handshake of StartTLS", true, startTLS, "start TLS", nil},
		{"in the search, sending entries now and then", false, func(d *dialogue) {
			d.bind()
			id, _ := d.next()
			_, _ = d.Write(entry(id, "CN=Jane,DC=lab", "cn", "x"))
			d.rest()
		}, "look up user", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := serve(t, c.plaintext, c.say)
			config := server.configuration(c.plaintext)
			if c.change != nil {
				c.change(&config)
			}
			// A busy machine may need more than the limit for the steps before: then the limit is raised.
			var got, want string
			for config.Timeout = 200 * time.Millisecond; config.Timeout < time.Minute; config.Timeout *= 3 {
				_, err := newEnricher(t, config).Enrich(t.Context(), jdoe())
				got = withheld(err, server)
				want = fmt.Sprintf("activedirectory: %s: no answer from DC within %s", c.op, config.Timeout)
				if got == want {
					return
				}
			}
			t.Errorf("got %q, want %q", got, want)
		})
	}
}

func TestACallerThatGoesIsNotKeptWaiting(t *testing.T) {
	reached := make(chan struct{}, 1)
	server := serve(t, false, func(d *dialogue) {
		d.bind()
		d.next()
		reached <- struct{}{}
		d.rest()
	})
	config := server.configuration(false)
	config.Timeout = time.Hour
	enricher := newEnricher(t, config)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := enricher.Enrich(ctx, jdoe())
		done <- err
	}()
	<-reached
	cancel()
	if reason := framework.Reason(<-done); reason != "activedirectory: look up user: the lookup was cancelled" {
		t.Errorf("got %q", reason)
	}
}

func TestAFloodIsCutOff(t *testing.T) {
	var sent atomic.Int64
	flood := func(d *dialogue, packet []byte) {
		for sent.Load() < 10<<30 {
			n, err := d.Write(packet)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
	cases := []struct {
		name string
		say  func(*dialogue)
		op   string
	}{
		{"of values", func(d *dialogue) {
			d.bind()
			id, _ := d.next()
			// One value that claims to be 2 GiB long.
			_, _ = d.Write([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xf0, 0x02, 0x01, id, 0x64, 0x84, 0x7f, 0xff, 0xff, 0xe0, 0x04, 0x84, 0x7f, 0xff, 0xff, 0xd0})
			flood(d, []byte(strings.Repeat("x", 16<<10)))
		}, "look up user"},
		{"of messages for nobody", func(d *dialogue) {
			d.bind()
			d.next()
			flood(d, entry(99, "CN=x", "cn", strings.Repeat("x", 16<<10)))
		}, "look up user"},
		{"before the bind", func(d *dialogue) {
			flood(d, entry(99, "CN=x", "cn", strings.Repeat("x", 16<<10)))
		}, "bind"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			sent.Store(0)
			server := serve(t, false, c.say)
			_, err := newEnricher(t, server.configuration(false)).Enrich(t.Context(), jdoe())
			want := "activedirectory: " + c.op + ": DC sent more than 1 MiB for one lookup; the answer was cut off"
			if diff := cmp.Diff(want, withheld(err, server)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, err)
			}
			if sent.Load() > 64<<20 { // what sockets may buffer is far less
				t.Errorf("the server could send %d bytes", sent.Load())
			}
		})
	}
}

func TestMoreEntriesThanAskedForAreAmbiguous(t *testing.T) {
	server := serve(t, false, func(d *dialogue) {
		d.bind()
		id, _ := d.next()
		for i := range 100 {
			_, _ = d.Write(entry(id, fmt.Sprintf("CN=User %d,DC=lab", i), "sAMAccountName", fmt.Sprintf("u%d", i)))
		}
		d.result(id, opSearchDone, 0, "")
		d.rest()
	})
	finding, err := newEnricher(t, server.configuration(false)).Enrich(t.Context(), jdoe())
	if err != nil {
		t.Fatal(err)
	}
	if want := "Ambiguous: more than 5 accounts match, and which user is meant is not guessed."; finding.Summary != want || len(finding.Facts) != maxCandidates {
		t.Errorf("got %q with %d candidates", finding.Summary, len(finding.Facts))
	}
}

func TestAWrongPasswordIsTriedOnce(t *testing.T) {
	server := serve(t, false, func(d *dialogue) {
		id, _ := d.next()
		d.result(id, opBindResponse, 49, "80090308: LdapErr: "+canary+", data 52e, v1db1")
		d.rest()
	})
	config := server.configuration(false)
	config.MoreURLs = []string{config.URL} // a second domain controller would count the tries, too
	enricher := newEnricher(t, config)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := enricher.Enrich(t.Context(), jdoe())
			want := "activedirectory: bind: bind_dn or password is wrong: correct them (status 49)"
			if got := framework.Reason(err); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			frameworktest.LeaksNoSecret(t, canary, err.Error(), fmt.Sprintf("%+v", err))
		})
	}
	all.Wait()
	// Those who were connected already when the refusal came gave up without a try of their own.
	if err := enricher.Check(t.Context()); framework.RetryAfter(err) != retryRefused {
		t.Errorf("the check says %v", err)
	}
}

func TestTheNextDomainControllerIsAsked(t *testing.T) {
	answers := serve(t, false, func(d *dialogue) {
		d.bind()
		id, _ := d.next()
		d.result(id, opSearchDone, 0, "")
		d.rest()
	})
	fails := serve(t, false, func(d *dialogue) { d.bind(); d.next() })
	config := answers.configuration(false)
	config.MoreURLs, config.URL = []string{config.URL}, "ldaps://"+fails.address
	both := filepath.Join(t.TempDir(), "ca.pem")
	var pem []byte
	for _, file := range []string{answers.caFile, fails.caFile} {
		one, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pem = append(pem, one...)
	}
	if err := os.WriteFile(both, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	config.CAFile = both
	finding, err := newEnricher(t, config).Enrich(t.Context(), jdoe())
	if err != nil || finding.Summary != "No such user in the directory." || fails.served.Load() != 1 {
		t.Errorf("got %q, %v after %d tries at the first", finding.Summary, err, fails.served.Load())
	}
}

func TestAtMostFourConnectionsAtOnce(t *testing.T) {
	var now, most atomic.Int64
	full, release := make(chan struct{}), make(chan struct{})
	server := serve(t, false, func(d *dialogue) {
		if d.bind() {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			id, ok := d.next()
			if now.Load() == maxConnections {
				select {
				case full <- struct{}{}:
				default:
				}
			}
			<-release
			now.Add(-1)
			if ok {
				d.result(id, opSearchDone, 0, "")
			}
		}
	})
	enricher := newEnricher(t, server.configuration(false))
	enricher.credentials.remember(time.Time{}, nil) // proven, so that binds run side by side
	var all sync.WaitGroup
	for i := range 12 {
		user := framework.Indicator{Kind: framework.User, Value: fmt.Sprintf("user%d", i)} // who ask the same share one call
		all.Go(func() {
			if _, err := enricher.Enrich(t.Context(), user); err != nil {
				t.Error(err)
			}
		})
	}
	<-full
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := enricher.Enrich(ctx, jdoe()); err == nil {
		t.Error("a caller that had gone got an answer")
	}
	close(release)
	all.Wait()
	if most.Load() > maxConnections {
		t.Errorf("%d connections at once", most.Load())
	}
}
