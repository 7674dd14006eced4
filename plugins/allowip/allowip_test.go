package allowip_test

import (
	"errors"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/allowip"
)

func plugin(t *testing.T, config allowip.Config) *allowip.Plugin {
	t.Helper()
	made, err := allowip.New(config, frameworktest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func from(addresses ...string) []*framework.Request {
	var all []*framework.Request
	for _, address := range addresses {
		r := frameworktest.Request("POST", "/", "{}", http.Header{"X-Forwarded-For": {"192.0.2.7"}})
		if address != "" {
			r.SetClient(netip.MustParseAddr(address))
		}
		all = append(all, r)
	}
	return all
}

func TestOnlyListedNetworksPass(t *testing.T) {
	p := plugin(t, allowip.Config{
		Allow: []string{"192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "::ffff:203.0.113.0/120", "::ffff:10.1.2.3", "2001:db9::1"},
		Deny:  []string{"192.0.2.128/25", "192.0.2.1", "2001:db8:bad::/48", "::ffff:203.0.113.9"},
	})
	frameworktest.RunBeforeSuite(t, p,
		from(
			"192.0.2.0", "192.0.2.7", "192.0.2.127", "198.51.100.7", "::ffff:192.0.2.7", "2001:db8::1", "2001:db8:ffff::1",
			"203.0.113.1", "::ffff:203.0.113.1", "10.1.2.3", "2001:db9::1", "2001:db8::1%eth0",
		),
		from(
			"", "192.0.1.255", "192.0.3.0", "198.51.100.8", "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.128", "192.0.2.255",
			"2001:db7:ffff::", "2001:db8:bad::1", "203.0.113.9", "::ffff:203.0.113.9", "::192.0.2.7", "127.0.0.1", "::1", "2001:db9::2", "0.0.0.0", "::",
		))
}

func TestEverybodyCanBeListed(t *testing.T) {
	p := plugin(t, allowip.Config{Allow: []string{"0.0.0.0/0", "::/0"}, Deny: []string{"203.0.113.0/24"}})
	frameworktest.RunBeforeSuite(t, p, from("198.51.100.1", "2001:db8::1"), from("203.0.113.1", "::ffff:203.0.113.1", ""))
}

func TestIPv4IsNotReachedThroughIPv6(t *testing.T) {
	p := plugin(t, allowip.Config{Allow: []string{"::/0"}})
	frameworktest.RunBeforeSuite(t, p, from("2001:db8::1"), from("192.0.2.7", "::ffff:192.0.2.7"))
}

func TestRefusalDoesNotTellTheLists(t *testing.T) {
	p := plugin(t, allowip.Config{Allow: []string{"192.0.2.0/24"}, Deny: []string{"192.0.2.1"}})
	var answers []framework.Problem
	for _, r := range from("192.0.2.1", "203.0.113.9") {
		problem, ok := errors.AsType[*framework.Problem](p.Before(t.Context(), r))
		if !ok {
			t.Fatal("passed")
		}
		answers = append(answers, *problem)
	}
	if diff := cmp.Diff(answers[0], answers[1]); diff != "" || answers[0].Status != http.StatusForbidden || strings.ContainsAny(answers[0].Error(), "/") {
		t.Errorf("%v %s", answers, diff)
	}
}

func TestItProvesNobody(t *testing.T) {
	if _, ok := any(plugin(t, allowip.Config{Allow: []string{"192.0.2.7"}})).(framework.Authenticator); ok {
		t.Error("an address counts as authentication")
	}
}

func TestWrongConfigurationsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name        string
		allow, deny []string
		want        string
	}{
		{"nothing", nil, nil, "allow: at least one"},
		{"nothing allowed", nil, []string{"192.0.2.1"}, "allow: at least one"},
		{"a name", []string{"example.com"}, nil, "allow[0]: not a network"},
		{"a long prefix", []string{"192.0.2.0/33"}, nil, "allow[0]: not a network"},
		{"a mask", []string{"192.0.2.0/255.255.255.0"}, nil, "allow[0]: not a network"},
		{"a short address", []string{"192.0.2"}, nil, "allow[0]: not a network"},
		{"zeros that some read as octal", []string{"192.0.02.1"}, nil, "allow[0]: not a network"},
		{"bits behind the prefix", []string{"192.0.2.7/24"}, nil, "allow[0]: has bits behind its prefix; is it 192.0.2.0/24 that is meant?"},
		{"a zone", []string{"fe80::1%eth0"}, nil, "allow[0]: has a zone"},
		{"an empty item", []string{""}, nil, "allow[0]: not a network"},
		{"all mistakes at once", []string{"192.0.2.1", "x"}, []string{"y"}, "allow[1]: not a network; write it as 192.0.2.0/24, 2001:db8::/32 or a single address\ndeny[0]: not"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := allowip.New(allowip.Config{Allow: c.allow, Deny: c.deny}, frameworktest.Deps(t))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error = %v, want %s…", err, c.want)
			}
		})
	}
}

func FuzzNetworks(f *testing.F) {
	for _, seed := range []string{"192.0.2.0/24", "::ffff:0:0/96", "::ffff:1.2.3.4/95", "::/0", "fe80::1%a/64", "1.2.3.4/-1"} {
		f.Add(seed, "192.0.2.7")
	}
	f.Fuzz(func(t *testing.T, network, client string) {
		address, err := netip.ParseAddr(client)
		if err != nil {
			return
		}
		p, err := allowip.New(allowip.Config{Allow: []string{network}}, frameworktest.Deps(t))
		if err != nil {
			return
		}
		r := from(address.WithZone("").String())[0]
		passed := p.Before(t.Context(), r) == nil
		single, isAddress := netip.ParseAddr(network)
		if isAddress == nil && passed != (single.Unmap() == address.Unmap().WithZone("")) {
			t.Errorf("%s in %s: %t", client, network, passed)
		}
		if prefix, err := netip.ParsePrefix(network); err == nil && passed && prefix.Addr().Is4() != address.Unmap().Is4() && !prefix.Addr().Is4In6() {
			t.Errorf("%s passed as one of %s", client, network)
		}
	})
}

func TestReadmeShowsAWorkingConfiguration(t *testing.T) {
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
	config, node := allowip.Defaults(), shown.Before[0]["allowip"]
	if err := framework.DecodeConfig(&node, "allowip", &config); err != nil {
		t.Fatal(err)
	}
	plugin(t, config)
}
