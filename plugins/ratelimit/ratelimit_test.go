package ratelimit_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/ratelimit"
)

// configured makes a plugin of the text of its node.
func configured(t *testing.T, text string) (*ratelimit.Plugin, *frameworktest.Clock, error) {
	t.Helper()
	var node yaml.Node
	if err := yaml.Load([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	config := ratelimit.Defaults()
	if err := framework.DecodeConfig(&node, "ratelimit", &config); err != nil {
		return nil, nil, err
	}
	clock := new(frameworktest.Clock)
	deps := frameworktest.Deps(t)
	deps.Now = clock.Now
	made, err := ratelimit.New(config, deps)
	return made, clock, err
}

func plugin(t *testing.T, text string) (*ratelimit.Plugin, *frameworktest.Clock) {
	t.Helper()
	made, clock, err := configured(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return made, clock
}

func named(identity string) *framework.Request {
	r := frameworktest.Request("POST", "/", "{}", nil)
	r.Identify(identity)
	return r
}

func from(address string) *framework.Request {
	r := frameworktest.Request("POST", "/", "{}", nil)
	r.SetClient(netip.MustParseAddr(address))
	return r
}

func with(values ...string) *framework.Request {
	return frameworktest.Request("POST", "/", "{}", http.Header{"X-Tenant": values})
}

// calls returns how many of some calls pass.
func calls(t *testing.T, p *ratelimit.Plugin, n int, r *framework.Request) int {
	t.Helper()
	passed := 0
	for range n {
		if p.Before(t.Context(), r) == nil {
			passed++
		}
	}
	return passed
}

func refusal(t *testing.T, p *ratelimit.Plugin, r *framework.Request) *framework.Problem {
	t.Helper()
	problem, ok := errors.AsType[*framework.Problem](p.Before(t.Context(), r))
	if !ok {
		t.Fatal("passed")
	}
	return problem
}

func TestItKeepsTheRulesOfBeforePlugins(t *testing.T) {
	// The suite makes each good call eight times, after which the caller has used up what is allowed.
	p, _ := plugin(t, `{rate: 1/s, burst: 8}`)
	frameworktest.RunBeforeSuite(t, p, []*framework.Request{named("token:1"), named("token:2")}, []*framework.Request{named("token:1"), named("token:2")})
}

func TestRateAndBurst(t *testing.T) {
	p, clock := plugin(t, `{rate: 10/s, burst: 3}`)
	r := named("token:1")
	var passed []int
	for _, pause := range []time.Duration{0, 50 * time.Millisecond, 50 * time.Millisecond, 250 * time.Millisecond, time.Hour} {
		clock.Advance(pause)
		passed = append(passed, calls(t, p, 5, r))
	}
	if diff := cmp.Diff([]int{3, 0, 1, 2, 3}, passed); diff != "" {
		t.Error(diff)
	}
}

func TestRatesAreWrittenInSeveralWays(t *testing.T) {
	for text, want := range map[string]string{
		"{rate: 10/s}":            `"calls";q=10;w=1`,
		"{rate: 600/m, burst: 1}": `"calls";q=600;w=60`,
		"{rate: 7/h}":             `"calls";q=7;w=3600`,
		"{rate: 5000/d}":          `"calls";q=5000;w=86400`,
		"{rate: {count: 3, per: 90s}, by: identity}": `"calls";q=3;w=90`,
		"{rate: {count: 1, per: 2s}, callers: 1}":    `"calls";q=1;w=2`,
		"{rate: 1000000/s, burst: 9}":                `"calls";q=1000000;w=1`,
	} {
		p, _ := plugin(t, text)
		r := named("token:1")
		_ = calls(t, p, 10_000, r)
		if got := refusal(t, p, r).Header.Get("RateLimit-Policy"); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestRefusalsTellWhenToComeBack(t *testing.T) {
	p, clock := plugin(t, `{rate: 1/m, burst: 2}`)
	r := named("token:1")
	_ = calls(t, p, 2, r)
	clock.Advance(20500 * time.Millisecond)
	problem := refusal(t, p, r)
	want := http.Header{"Retry-After": {"40"}, "Ratelimit": {`"calls";r=0;t=40`}, "Ratelimit-Policy": {`"calls";q=1;w=60`}}
	if diff := cmp.Diff(want, problem.Header); diff != "" || problem.Status != http.StatusTooManyRequests {
		t.Errorf("%d %s", problem.Status, diff)
	}
	after, err := strconv.Atoi(problem.Header.Get("Retry-After"))
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Duration(after) * time.Second)
	if calls(t, p, 2, r) != 1 {
		t.Error("who comes back when told is not let through once")
	}
}

func TestCallersAreCountedApart(t *testing.T) {
	for _, c := range []struct {
		name, config string
		same         []*framework.Request // count as one
		other        *framework.Request
	}{
		{"by identity", "{rate: 1/s}", []*framework.Request{named("token:1"), named("token:1")}, named("token:2")},
		{"by IPv4 address", "{rate: 1/s, by: address}", []*framework.Request{from("192.0.2.1"), from("::ffff:192.0.2.1")}, from("192.0.2.2")},
		{"by IPv6 network", "{rate: 1/s, by: address}", []*framework.Request{from("2001:db8::1"), from("2001:db8::ffff:1"), from("2001:db8::1%eth0")}, from("2001:db8:0:1::1")},
		{"by unknown address", "{rate: 1/s, by: address}", []*framework.Request{named("a"), named("b")}, from("192.0.2.1")},
		{"by header", "{rate: 1/s, by: header, header: x-tenant}", []*framework.Request{with("a"), with("a")}, with("b")},
		{"without the header", "{rate: 1/s, by: header, header: X-Tenant}", []*framework.Request{with(), with("a", "b"), with("c", "d"), with("")}, with("a")},
		{"by a long header", "{rate: 1/s, by: header, header: X-Tenant}", []*framework.Request{with(strings.Repeat("a", 100_000))}, with(strings.Repeat("a", 99_999))},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := plugin(t, c.config)
			if calls(t, p, 1, c.same[0]) != 1 {
				t.Error("the first call is refused")
			}
			for i, r := range c.same {
				if calls(t, p, 1, r) != 0 {
					t.Errorf("caller %d counts as another one", i)
				}
			}
			if calls(t, p, 1, c.other) != 1 {
				t.Error("another caller is refused")
			}
		})
	}
}

func TestNobodyIsAMistakeAndNoWayThrough(t *testing.T) {
	p, _ := plugin(t, "{rate: 1/s}")
	err := p.Before(t.Context(), named(""))
	if _, ok := errors.AsType[*framework.Problem](err); err == nil || ok || !strings.Contains(err.Error(), "no plugin before this one") {
		t.Errorf("got %v", err)
	}
}

func TestFloodOfNewCallersTakesNothingFromKnownOnes(t *testing.T) {
	p, clock := plugin(t, "{rate: 1/s, burst: 2, by: address, callers: 100}")
	known := from("192.0.2.1")
	if calls(t, p, 2, known) != 2 {
		t.Fatal("refused")
	}
	passed := 0
	for i := range 10_000 {
		passed += calls(t, p, 1, from(fmt.Sprintf("2001:db8:%x::1", i)))
	}
	if want := 99 + 2; passed != want { // the rest of the table, and the one allowance that all others share
		t.Errorf("%d strangers passed, not %d", passed, want)
	}
	clock.Advance(time.Second)
	if calls(t, p, 2, known) != 1 {
		t.Error("a known caller lost its allowance")
	}
	clock.Advance(2 * time.Second)
	if calls(t, p, 2, from("198.51.100.1")) != 2 {
		t.Error("after the flood a new caller is not served")
	}
}

func TestWrongConfigurationsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"{}":                                   "rate: is needed",
		"{rate: 10}":                           "a rate is written as",
		"{rate: 10/w}":                         "a rate is written as",
		"{rate: 0/s}":                          "a rate is written as",
		"{rate: -1/s}":                         "a rate is written as",
		"{rate: 9999999999/s}":                 "a rate is written as",
		"{rate: 0.5/s}":                        "for less than one in that time, as {count: 1, per: 90s}",
		"{rate: 1.5/m}":                        "a rate is written as",
		"{rate: 1e9/s}":                        "a rate is written as",
		"{rate: {count: 10}}":                  "count: and per: are needed",
		"{rate: {count: 0, per: 1s}}":          "count: and per: are needed",
		"{rate: {count: 1.5, per: 1s}}":        "count",
		"{rate: {count: 1, per: -1s}}":         "rate: per is whole seconds",
		"{rate: {count: -1, per: 1s}}":         "rate: at least one call",
		"{rate: {count: 1, per: 1ms}}":         "rate: per is whole seconds",
		"{rate: {count: 1, per: 1500ms}}":      "rate: per is whole seconds",
		"{rate: {count: 1, per: 10000h}}":      "rate: per is whole seconds, from 1s to a year",
		"{rate: {count: 2000000000, per: 1s}}": "rate: at most 1000000 calls a second",
		"{rate: 999999999/s, burst: 5}":        "rate: at most 1000000 calls a second",
		"{rate: 1000001/s, burst: 5}":          "rate: at most 1000000 calls a second",
		"{rate: {count: 1, pre: 1s}}":          "pre",
		"{rate: 1/s, burst: 0}":                "burst: has to be a whole number of at least 1",
		"{rate: 1/s, burst: 1.5}":              "burst: has to be a whole number of at least 1",
		"{rate: 1/s, burst: -1}":               "burst: has to be a whole number of at least 1",
		"{rate: 1/s, burst: 1000001}":          "burst: 1 to",
		"{rate: 2000000/m}":                    "burst: 1 to",
		"{rate: 1/d, burst: 1000}":             "burst: would take longer",
		"{rate: 1/s, callers: 0}":              "callers: has to be a whole number of at least 1",
		"{rate: 1/s, callers: 1000001}":        "callers: 1 to",
		"{rate: 1/s, by: moon}":                "by: one of",
		"{rate: 1/s, by: header}":              "header: not the name of a header",
		"{rate: 1/s, by: header, header: a b}": "header: not the name of a header",
		"{rate: 1/s, by: address, header: a}":  "header: has no meaning",
	} {
		if _, _, err := configured(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error = %v, want %s", text, err, want)
		}
	}
}

func TestRefusalsTellNothingOfTheCaller(t *testing.T) {
	const canary = "canary-tenant-0123456789"
	p, _ := plugin(t, "{rate: 1/s, by: header, header: X-Tenant}")
	_ = calls(t, p, 1, with(canary))
	problem := refusal(t, p, with(canary))
	frameworktest.LeaksNoSecret(t, canary, problem.Error(), fmt.Sprint(problem.Header), fmt.Sprintf("%+v", p))
}

func TestReadmeShowsWorkingConfigurations(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		Before []map[string]yaml.Node `yaml:"before"`
	}
	if err := yaml.Load(regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(readme)[1], &shown); err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, entry := range shown.Before {
		node, ok := entry["ratelimit"]
		if !ok {
			continue
		}
		config := ratelimit.Defaults()
		if err := framework.DecodeConfig(&node, "ratelimit", &config); err != nil {
			t.Fatal(err)
		}
		if _, err := ratelimit.New(config, frameworktest.Deps(t)); err != nil {
			t.Error(err)
		}
		made++
	}
	if made != 3 {
		t.Errorf("%d configurations", made)
	}
}

// What net/http and proxies take out of a request would make all callers one.
func TestHeadersThatNeverArriveCountNobody(t *testing.T) {
	for _, name := range []string{"Host", "host", "content-length", "Transfer-Encoding", "trailer", "connection", "TE", "proxy-connection"} {
		_, _, err := configured(t, "{rate: 1/s, by: header, header: "+name+"}")
		if err == nil || !strings.Contains(err.Error(), "it never gets here") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestConfigurationsOfGoAreHeldToTheSameBounds(t *testing.T) {
	good := ratelimit.Config{Rate: ratelimit.Rate{Count: 1, Per: time.Second}, By: "address"}
	for name, change := range map[string]func(*ratelimit.Config){
		"burst: 1 to":   func(c *ratelimit.Config) { c.Burst = -1 },
		"callers: 1 to": func(c *ratelimit.Config) { c.Callers = -1 },
		"rate: at least": func(c *ratelimit.Config) {
			c.Rate.Count = 0
		},
	} {
		config := good
		change(&config)
		if _, err := ratelimit.New(config, frameworktest.Deps(t)); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("error = %v, want %s…", err, name)
		}
	}
	if _, err := ratelimit.New(good, frameworktest.Deps(t)); err != nil {
		t.Errorf("left out, both are the usual: %v", err)
	}
}

// Over a long time a caller gets what the rate says, whatever the rate: times are kept as whole nanoseconds.
func TestRatesAreKeptToAThousandth(t *testing.T) {
	for _, rate := range []string{"1/s", "3/s", "7/s", "999/m", "333333/s", "700000/s", "999999/s", "1000000/s"} {
		p, clock := plugin(t, "{rate: "+rate+", burst: 1}")
		r := named("token:1")
		unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute}[rate[len(rate)-1]]
		count, err := strconv.Atoi(rate[:len(rate)-2])
		if err != nil {
			t.Fatal(err)
		}
		passed, length := 0, min(unit, 2000*unit/time.Duration(count)) // of a thousand calls and more, or a unit
		if length < unit {
			count = int(int64(count) * int64(length) / int64(unit))
		}
		for range 8 * count {
			passed += calls(t, p, 1, r)
			clock.Advance(length / time.Duration(8*count))
		}
		if most := count + count/1000 + 1; passed > most {
			t.Errorf("%s: %d calls passed where %d are allowed", rate, passed, most)
		}
	}
}

func TestTheServerIsToldWhoNeedsAnIdentity(t *testing.T) {
	for text, want := range map[string]bool{
		"{rate: 1/s}": true, "{rate: 1/s, by: identity}": true,
		"{rate: 1/s, by: address}": false, "{rate: 1/s, by: header, header: X-Tenant}": false,
	} {
		p, _ := plugin(t, text)
		var asked framework.NeedsIdentity = p
		if asked.NeedsIdentity() != want {
			t.Errorf("%s: %t", text, !want)
		}
	}
}

func FuzzRates(f *testing.F) {
	for _, seed := range []string{"10/s", "0/s", "1e9/s", "-1/d", "{count: 3, per: 90s}", "{count: 9223372036854775807, per: 1s}", "{count: 1, per: 9223372036s}", "[]"} {
		f.Add(seed, "3")
	}
	f.Fuzz(func(t *testing.T, rate, burst string) {
		var node yaml.Node
		if yaml.Load([]byte("{rate: "+rate+", burst: "+burst+"}"), &node) != nil {
			return
		}
		config := ratelimit.Defaults()
		if framework.DecodeConfig(&node, "ratelimit", &config) != nil {
			return
		}
		config.Callers = 1
		clock := new(frameworktest.Clock)
		deps := frameworktest.Deps(t)
		deps.Now = clock.Now
		p, err := ratelimit.New(config, deps)
		if err != nil || config.Burst > 1000 || config.Rate.Count > 1000 {
			return
		}
		// Whatever was configured lets one call through, and another one when it says so.
		r := named("token:1")
		for p.Before(t.Context(), r) == nil {
		}
		after, err := strconv.Atoi(refusal(t, p, r).Header.Get("Retry-After"))
		if err != nil || after < 1 {
			t.Fatalf("Retry-After is %d, %v", after, err)
		}
		clock.Advance(time.Duration(after) * time.Second)
		if err := p.Before(t.Context(), r); err != nil {
			t.Errorf("who comes back after %d s as told: %v", after, err)
		}
	})
}
