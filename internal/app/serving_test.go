package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework/frameworktest"
	"funnelweb/internal/app"
)

const inTheClear = "line 1: listen: other machines could reach this address without TLS, and read every token. Give server.tls its cert_file and " +
	"key_file; or, where a proxy in front does TLS, say server: {plaintext: true}; or listen on 127.0.0.1"

func TestAnAddressThatOthersReachInTheClearIsRefusedUnlessThatIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"every address":                {"listen: 0.0.0.0:8080", []string{inTheClear}},
		"every address, unsaid":        {"listen: ':8080'", []string{inTheClear}},
		"every address of IPv6":        {"listen: '[::]:8080'", []string{inTheClear}},
		"an address of a network":      {"listen: 10.1.2.3:8080", []string{inTheClear}},
		"a name that may be anybody's": {"listen: funnelweb.example.com:8080", []string{inTheClear}},
		"said to be behind a proxy":    {"listen: 0.0.0.0:8080\nserver: {plaintext: true}", nil},
		"this machine":                 {"listen: 127.0.0.1:8080", nil},
		"another loopback address":     {"listen: 127.8.9.10:8080", nil},
		"this machine by IPv6":         {"listen: '[::1]:8080'", nil},
		"this machine by name":         {"listen: localhost:8080", nil},
		"no port":                      {"listen: 127.0.0.1", []string{"line 1: listen: give host:port, such as 127.0.0.1:8080"}},
		"nothing":                      {"listen: ''", []string{"line 1: listen: give host:port, such as 127.0.0.1:8080"}},
		"in the clear and with TLS at once": {"server: {plaintext: true, tls: {}}", []string{
			"line 1: server.plaintext: contradicts server.tls: remove one of them",
			"line 1: server.tls: cert_file and key_file are both needed",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := mistakes(t, test.text)
			if diff := cmp.Diff(test.want, got, sorted); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// sorted compares lists of mistakes of one line, which come in no order.
var sorted = cmp.Transformer("sorted", func(texts []string) map[string]bool {
	set := map[string]bool{}
	for _, text := range texts {
		set[text] = true
	}
	return set
})

func TestMistakesInTheSectionServerAreTold(t *testing.T) {
	for name, test := range map[string]struct{ section, want string }{
		"an unknown key":                  {"{read_timeout: 5s}", "unknown key read_timeout; known: tls, plaintext, trusted_proxies, read_header"},
		"no limit for headers":            {"{read_header: 0s}", "server.read_header: give a duration above 0"},
		"no limit for calls":              {"{read: -1s}", "server.read: give a duration above 0"},
		"no limit for answers":            {"{write: 0s}", "server.write: give a duration above 0"},
		"no limit for waiting":            {"{idle: 0s}", "server.idle: give a duration above 0"},
		"no time to drain":                {"{drain: 0s}", "server.drain: give a duration above 0"},
		"a delay before the past":         {"{drain_delay: -1s}", "server.drain_delay: give a duration of at least 0s"},
		"headers too small for anything":  {"{max_header_bytes: 10}", "server.max_header_bytes: give 1024 to 1048576"},
		"headers without a bound":         {"{max_header_bytes: 100000000}", "server.max_header_bytes: give 1024 to 1048576"},
		"no connections":                  {"{max_connections: 0}", "server.max_connections: give at least 1"},
		"a number without a unit":         {"{idle: 5}", "server.idle"},
		"a proxy that is no address":      {"{trusted_proxies: [10.0.0.1, proxy.example.com]}", "server.trusted_proxies: item 2 is no address or network"},
		"everybody as a proxy":            {"{trusted_proxies: [0.0.0.0/0]}", "server.trusted_proxies: everybody is no proxy"},
		"everybody as a proxy, in IPv6":   {"{trusted_proxies: ['::/0']}", "server.trusted_proxies: everybody is no proxy"},
		"IPv4 networks in disguise":       {"{trusted_proxies: ['::ffff:10.0.0.0/104']}", "server.trusted_proxies: item 1: write IPv4 networks as such"},
		"a certificate without its key":   {"{tls: {cert_file: a.pem}}", "server.tls: cert_file and key_file are both needed"},
		"a certificate that is not there": {"{tls: {cert_file: none.pem, key_file: none.key}}", "server.tls: cert_file: open none.pem"},
		"looking for it all the time":     {"{tls: {cert_file: a, key_file: b, reload: -1s}}", "server.tls.reload: give a duration above 0"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(mistakes(t, "data: ./x\nserver: "+test.section), "\n")
			if !strings.HasPrefix(got, "line 2: ") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestWhatTheSectionServerLeavesOutKeepsItsDefault(t *testing.T) {
	standard, err := app.ParseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, change := range map[string]func(*app.Serving){
		"server:":            func(*app.Serving) {},
		"server: {}":         func(*app.Serving) {},
		"server: {idle: 1m}": func(s *app.Serving) { s.Idle = 60e9 },
		"server: {trusted_proxies: [10.0.0.0/8]}": func(s *app.Serving) { s.TrustedProxies = []string{"10.0.0.0/8"} },
	} {
		got, err := app.ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		want := standard.Server
		change(&want)
		if diff := cmp.Diff(want, got.Server); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestOnlyATrustedProxyIsBelievedWhoItCallsFor(t *testing.T) {
	for name, test := range map[string]struct{ section, want string }{
		"nobody is trusted unless named": {"{}", "client=127.0.0.1\n"},
		"this machine's proxy is":        {"{trusted_proxies: [127.0.0.1]}", "client=203.0.113.7\n"},
		"a network that it is in":        {"{trusted_proxies: [127.0.0.0/8]}", "client=203.0.113.7\n"},
		"another one's proxy is not":     {"{trusted_proxies: [192.0.2.0/24]}", "client=127.0.0.1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var log frameworktest.Log
			base, drain := start(t, "listen: 127.0.0.1:0\ndata: "+t.TempDir()+"\nserver: "+test.section+"\n", &log)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/status", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.7")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if err := drain(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), test.want) {
				t.Errorf("the log does not say %s:\n%s", test.want, log.String())
			}
		})
	}
}
