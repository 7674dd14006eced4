package activedirectory

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/sambatest"
)

// nobody answers every search with nobody, and drops the connection where it is told to.
func nobody(drop func(connection, request int64) bool) func(*dialogue) {
	return func(d *dialogue) {
		connection := d.script.served.Load()
		if !d.bind() {
			return
		}
		for request := int64(1); ; request++ {
			id, ok := d.next()
			if !ok || drop(connection, request) {
				return
			}
			d.result(id, opSearchDone, 0, "")
		}
	}
}

func never(int64, int64) bool { return false }

func look(t *testing.T, e *Enricher) {
	t.Helper()
	finding, err := e.lookUp(t.Context(), jdoe())
	if err != nil || !strings.HasPrefix(finding.Summary, "No such user") {
		t.Errorf("got %q, %v", finding.Summary, err)
	}
}

// clocked is an enricher whose time is the test's.
func clocked(t *testing.T, config Config) (*Enricher, *frameworktest.Clock) {
	t.Helper()
	clock, deps := new(frameworktest.Clock), frameworktest.Deps(t)
	deps.Now = clock.Now
	return newWith(t, config, deps), clock
}

func TestAConnectionIsUsedAgainUntilItIsOldOrIdle(t *testing.T) {
	server := serve(t, false, nobody(never))
	enricher, clock := clocked(t, server.configuration(false))
	for _, step := range []struct {
		what  string
		wait  time.Duration
		total int64
	}{
		{"the first lookup connects", 0, 1},
		{"the next uses the connection", time.Second, 1},
		{"one after a pause, too, and asks first whether it lives", trustIdle, 1},
		{"one that was idle for a minute is made anew", keepIdle, 2},
	} {
		clock.Advance(step.wait)
		look(t, enricher)
		if got := server.served.Load(); got != step.total {
			t.Errorf("%s: %d connections, want %d", step.what, got, step.total)
		}
	}
	for range 20 { // as long as it is in use
		clock.Advance(20 * time.Second)
		look(t, enricher)
	}
	if got := server.served.Load(); got != 3 {
		t.Errorf("after 400 s in use there were %d connections: one is to be renewed after 300 s", got)
	}
}

func TestManyLookupsShareAFewConnections(t *testing.T) {
	server := serve(t, false, nobody(never))
	enricher, _ := clocked(t, server.configuration(false))
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { look(t, enricher) })
	}
	group.Wait()
	if got := server.served.Load(); got > maxConnections {
		t.Errorf("50 lookups made %d connections", got)
	}
}

// A connection that the controller dropped while nobody used it is neither an error nor "no such user".
func TestAConnectionThatDiedIsMadeAnew(t *testing.T) {
	for name, drop := range map[string]func(connection, request int64) bool{
		"at its second lookup":   func(connection, request int64) bool { return connection == 1 && request == 2 },
		"at every second lookup": func(_, request int64) bool { return request == 2 },
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, false, nobody(drop))
			enricher, _ := clocked(t, server.configuration(false))
			for range 6 {
				look(t, enricher)
			}
			if server.served.Load() < 2 {
				t.Error("nothing died: the test shows nothing")
			}
		})
	}
}

func TestAConnectionThatForgotWhoWeAreIsMadeAnew(t *testing.T) {
	var requests atomic.Int64
	server := serve(t, false, func(d *dialogue) {
		if !d.bind() {
			return
		}
		for {
			id, ok := d.next()
			if !ok {
				return
			}
			if requests.Add(1) == 2 {
				d.result(id, opSearchDone, 1, "000004DC: LdapErr: In order to perform this operation a successful bind must be completed")
				continue
			}
			d.result(id, opSearchDone, 0, "")
		}
	})
	enricher, _ := clocked(t, server.configuration(false))
	look(t, enricher)
	look(t, enricher)
	if got := server.served.Load(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

// What a firewall forgot is silent: it is found out in a part of the time that a lookup has, and the lookup succeeds.
func TestASilentConnectionIsMadeAnew(t *testing.T) {
	server := serve(t, false, func(d *dialogue) {
		connection := d.script.served.Load()
		if !d.bind() {
			return
		}
		for request := 1; ; request++ {
			id, ok := d.next()
			if !ok {
				return
			}
			if connection == 1 && request > 1 {
				d.rest()
				return
			}
			d.result(id, opSearchDone, 0, "")
		}
	})
	config := server.configuration(false)
	config.Timeout = 900 * time.Millisecond // the silence is noticed after a third of it
	enricher, clock := clocked(t, config)
	look(t, enricher)
	clock.Advance(trustIdle)
	look(t, enricher)
}

func TestADeadControllerIsAskedLastForAWhile(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	server := serve(t, false, nobody(never))
	config := server.configuration(false)
	config.URL, config.MoreURLs = "ldaps://"+dead, []string{config.URL}
	enricher, clock := clocked(t, config)
	order := func() []string {
		var addresses []string
		for _, controller := range enricher.inTurn() {
			addresses = append(addresses, map[bool]string{true: "dead", false: "alive"}[controller.address == dead])
		}
		return addresses
	}
	for _, step := range []struct {
		what string
		wait time.Duration
		want []string
	}{
		{"before anything is known", 0, []string{"dead", "alive"}},
		{"once it was tried", 0, []string{"alive", "dead"}},
		{"as long as that is news", shun - time.Second, []string{"alive", "dead"}},
		{"after that it gets another chance", time.Second, []string{"dead", "alive"}},
	} {
		clock.Advance(step.wait)
		if diff := cmp.Diff(step.want, order()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
		if step.wait == 0 {
			look(t, enricher)
		}
	}
}

func TestARefusedLookupSaysNothingAboutTheConnection(t *testing.T) {
	for _, err := range []error{
		nil, &framework.ServiceError{Status: 49}, &framework.ServiceError{Err: errTooMuch}, &framework.Wait{},
	} {
		if broken(err) {
			t.Errorf("%v is taken for a broken connection", err)
		}
	}
}

// reuses cuts all connections to a real controller between two lookups, and counts those that were made.
func reuses(t *testing.T, config Config, domain *sambatest.Domain) {
	t.Helper()
	relay := startRelay(t, strings.TrimPrefix(domain.URL, "ldaps://"))
	config.URL, config.ServerName = "ldaps://"+relay.listener.Addr().String(), domain.Host
	enricher := newEnricher(t, config)
	people := []string{"jdoe", "mboss", "ddisabled", "aadmin"}
	ask := func() {
		for _, name := range people {
			finding, err := enricher.lookUp(t.Context(), framework.Indicator{Kind: framework.User, Value: name})
			if err != nil || !strings.Contains(finding.Summary, "("+name+")") {
				t.Errorf("%s: %q, %v", name, finding.Summary, err)
			}
		}
	}
	ask()
	ask()
	if got := relay.made.Load(); got != 1 {
		t.Errorf("8 lookups made %d connections", got)
	}
	for range 3 { // never "no such user"
		relay.cut()
		ask()
	}
	if got := relay.made.Load(); got != 4 {
		t.Errorf("after three cuts there were %d connections, want 4", got)
	}
}

// relay passes connections on, and can cut them.
type relay struct {
	listener net.Listener
	made     atomic.Int64

	mu   sync.Mutex
	open []net.Conn
}

func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			r.made.Add(1)
			r.mu.Lock()
			r.open = append(r.open, near, far)
			r.mu.Unlock()
			pass := func(from, to net.Conn) {
				_, _ = io.Copy(to, from)
				_, _ = from.Close(), to.Close()
			}
			group.Go(func() { pass(near, far) })
			group.Go(func() { pass(far, near) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); r.cut(); group.Wait() })
	return r
}

func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.open {
		_ = one.Close()
	}
	r.open = nil
}
