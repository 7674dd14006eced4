package virustotal

import (
	"net/netip"
	"strings"
	"testing"

	"funnelweb/framework"
)

func TestWhatIsPrivateIsNotSent(t *testing.T) {
	server := serve(t, refuses(404, "NotFoundError", ""))
	config := validConfig(server.URL)
	config.InternalNames = []string{"Corp.Example.com."}
	config.InternalNetworks = []string{"198.51.100.0/24", "2001:db8:42::/48"}
	enricher := newEnricher(t, config)
	const address, name, short, odd = "the address is private or reserved", "the name is internal",
		"a name of one part is internal", "the host is an address in an odd form, which may be private"
	const network, letters = "the address is internal", "the host has letters that may stand for others; ask for it in its xn-- form"
	cases := map[string]string{
		"ip 10.1.2.3": address, "ip 172.16.0.1": address, "ip 172.31.255.255": address, "ip 192.168.1.1": address,
		"ip 127.0.0.1": address, "ip 169.254.169.254": address, "ip 100.64.0.1": address, "ip 0.0.0.0": address,
		"ip 224.0.0.1": address, "ip 255.255.255.255": address, "ip 198.18.0.1": address,
		"ip ::1": address, "ip ::": address, "ip fe80::1%eth0": address, "ip fd00::1": address, "ip fec0::1": address,
		"ip ::ffff:10.0.0.1": address, "ip 64:ff9b::a00:1": address, "ip 2002:c0a8:101::1": address,
		"ip ff02::1": address, "ip ::10.0.0.1": address, "ip ::a00:1": address, "ip 64:ff9b:1::a00:1": address,
		"ip 198.51.100.7": network, "ip ::ffff:198.51.100.7": network, "ip 64:ff9b::198.51.100.7": network, "ip 2001:db8:42::1": network,

		"domain dc1.local": name, "domain a.b.internal": name, "domain nas.lan": name, "domain x.corp": name,
		"domain router.home.arpa": name, "domain corp.example.com": name, "domain x.corp.example.com": name,
		"domain 4.3.2.10.in-addr.arpa": name,

		"url http://10.0.0.1/x": address, "url http://[fd00::1]:8080/": address, "url http://[::ffff:127.0.0.1]/": address,
		"url http://user:pw@192.168.0.1/": address, "url https://intranet/": short, "url http://localhost:3000/": short,
		"url https://wiki.corp.example.com/x?y": name, "url https://wiki.corp.example.com./": name, "url http://2130706433/": short,
		"url http://198.51.100.7:8080/x": network, "url http://[2001:db8:42::1]/": network,
		"url http://wiki.ｃorp.example.com/": letters, "url http://wiki。corp.example.com/": letters, "url http://10.0.0.１/": letters, "url http://bücher.example/": letters,
		"url http://0x7f.1/": odd, "url http://127.1/": odd, "url http://010.0.0.1/": odd, "url https://WIKI.Local/": name,
	}
	for text, want := range cases {
		t.Run(text, func(t *testing.T) {
			kind, value, _ := strings.Cut(text, " ")
			indicator, err := framework.ParseIndicator(framework.Kind(kind), value)
			if err != nil {
				t.Fatal(err)
			}
			finding, err := enricher.Enrich(t.Context(), indicator)
			if err != nil || finding.Summary != "Not sent to VirusTotal: "+want+"." || finding.Verdict != framework.Unknown {
				t.Errorf("got %+v, %v", finding, err)
			}
		})
	}
	if asked := server.asked(); asked != nil {
		t.Errorf("it was asked for %v", asked)
	}
}

func TestWhatIsPublicIsSent(t *testing.T) {
	enricher := newEnricher(t, validConfig("https://www.virustotal.com/api/v3"))
	for _, text := range []string{
		"ip 8.8.8.8", "ip 203.0.113.66", "ip 2001:db8::1", "ip 172.32.0.1", "ip 100.128.0.1", "ip 2606:4700::1111", "ip 64:ff9b::808:808", "ip 2002:808:808::1",
		"domain evil.example", "domain local.example", "domain notcorp.example.com", "domain xn--80ak6aa92e.com",
		"url http://8.8.8.8/", "url https://evil.example:8443/a?b=c", "url https://internal.evil.example/", "md5 " + eicarMD5,
	} {
		kind, value, _ := strings.Cut(text, " ")
		indicator, err := framework.ParseIndicator(framework.Kind(kind), value)
		if err != nil {
			t.Fatal(err)
		}
		if reason := enricher.private(indicator); reason != "" {
			t.Errorf("%s is not sent: %s", text, reason)
		}
	}
}

// FuzzPrivate holds that nothing which a URL library takes for a private address is sent.
func FuzzPrivate(f *testing.F) {
	for _, seed := range []string{"http://10.0.0.1", "http://a@127.0.0.1:80/x", "http://[::1]/", "https://x.local", "http://evil.example\\@10.0.0.1/", "ftp://a..b/"} {
		f.Add(seed)
	}
	enricher, err := New(validConfig("https://www.virustotal.com/api/v3"), framework.Deps{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		indicator, err := framework.ParseIndicator(framework.URL, value)
		if err != nil {
			return
		}
		if enricher.private(indicator) != "" {
			return
		}
		found, err := enricher.locate(indicator)
		if err != nil {
			return
		}
		if strings.ContainsAny(strings.TrimPrefix(found.path, "/urls/"), "/?#%. \\") {
			t.Errorf("%q gave the path %q", value, found.path)
		}
		host := hostOf(t, indicator.Value)
		if address, err := netip.ParseAddr(host); err == nil && (address.IsPrivate() || address.IsLoopback()) {
			t.Errorf("%q is sent", value)
		}
		if !strings.Contains(strings.Trim(host, "."), ".") && !strings.Contains(host, ":") {
			t.Errorf("%q is sent", value)
		}
	})
}
