package framework_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestIndicatorsInNormalForm(t *testing.T) {
	for _, c := range []struct {
		kind        framework.Kind
		value, want string
	}{
		{framework.IP, " 192.0.2.1 ", "192.0.2.1"},
		{framework.IP, "2001:DB8::0:1", "2001:db8::1"},
		{framework.IP, "::ffff:192.0.2.1", "192.0.2.1"},
		{framework.IP, "fe80::1%eth0", "fe80::1"},
		{framework.Domain, "Evil.Example.", "evil.example"},
		{framework.Domain, "_dmarc.xn--80ak6aa92e.com", "_dmarc.xn--80ak6aa92e.com"},
		{framework.URL, "HTTPS://EVIL.Example/A?B=C#d", "https://evil.example/A?B=C#d"},
		{framework.URL, "http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x"},
		{framework.URL, "http://evil.example/ü", "http://evil.example/%C3%BC"},
		{framework.Email, "Jane.Doe+x@LAB.Example", "Jane.Doe+x@lab.example"},
		{framework.Email, "o'brien@lab.example", "o'brien@lab.example"},
		{framework.Email, "müller@lab.example", "müller@lab.example"},
		{framework.MD5, "44D88612FEA8A8F36DE82E1278ABB02F", "44d88612fea8a8f36de82e1278abb02f"},
		{framework.SHA1, "3395856CE81F2B7382DEE72602F798B642F14140", "3395856ce81f2b7382dee72602f798b642f14140"},
		{framework.SHA256, "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f", "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"},
		{framework.User, " LAB\\jdoe\t", "LAB\\jdoe"},
		{framework.User, "Müller, Žofie 山", "Müller, Žofie 山"},
		{framework.Host, "WS-042", "ws-042"},
		{framework.Host, "WS-042.lab.example.", "ws-042.lab.example"},
		{framework.Host, "WS-042$", "ws-042$"},
	} {
		got, err := framework.ParseIndicator(c.kind, c.value)
		if err != nil {
			t.Errorf("%s %q: %v", c.kind, c.value, err)
		}
		if diff := cmp.Diff(framework.Indicator{Kind: c.kind, Value: c.want}, got); diff != "" {
			t.Error(diff)
		}
		if want := string(c.kind) + ":" + c.want; got.String() != want {
			t.Errorf("written as %s, want %s", got, want)
		}
	}
}

func TestWhatIsNoIndicatorIsRefused(t *testing.T) {
	for kind, values := range map[framework.Kind][]string{
		framework.IP:     {"192.0.2", "192.0.2.256", "192.0.2.01", "192.0.2.0/24", "192.0.2.1:80", "[::1]", "example.com"},
		framework.Domain: {"localhost", "a..example", ".example.com", "example.com..", "192.0.2.1", "-a.example", "a-.example", "exa mple.com", "exam\u212Ale.com", "münchen.example", "a/b.example", strings.Repeat("a.", 130) + "com", strings.Repeat("a", 64) + ".com", "a.c"},
		framework.URL:    {"evil.example", "//evil.example", "http:evil.example", "http:///x", "http://:80/", "javascript://evil.example/%0a", "file:///etc/passwd", "http://evil.example/%zz", "http://a b/", "http://evil.example/" + strings.Repeat("ü", 500)},
		framework.Email:  {"jdoe", "@lab.example", "jdoe@", "jdoe@lab", "Jane <jdoe@lab.example>", "<jdoe@lab.example>", `"a b"@lab.example`, "a b@lab.example", "a@b@lab.example", "a..b@lab.example", ".a@lab.example", "a@[192.0.2.1]", "a@lab.example, b@lab.example", strings.Repeat("a", 65) + "@lab.example"},
		framework.MD5:    {"44d88612fea8a8f36de82e1278abb02", "44d88612fea8a8f36de82e1278abb02g", "0x44d88612fea8a8f36de82e1278abb0"},
		framework.SHA1:   {"44d88612fea8a8f36de82e1278abb02f"},
		framework.SHA256: {"44d88612fea8a8f36de82e1278abb02f"},
		framework.User:   {strings.Repeat("a", 257)},
		framework.Host:   {"ws 042", "ws/042", "ws-042..", "-ws", "wsü", strings.Repeat("a", 300)},
		"serial":         {"1"},
	} {
		refused := append([]string{"", "  ", "a\x00b", "a\nb", "jdoe\u202e", "a\u200bb", "a\x85b", "a\u2028b", "\xff", "\ufffd", strings.Repeat("a", 2049)}, values...)
		for _, value := range refused {
			got, err := framework.ParseIndicator(kind, value)
			if !errors.Is(err, framework.ErrIndicator) {
				t.Errorf("%s %q: got %v, %v", kind, value, got, err)
				continue
			}
			if len(strings.TrimSpace(value)) > 3 && strings.Contains(err.Error(), value) {
				t.Errorf("%s: the error quotes the value: %v", kind, err)
			}
		}
	}
}

func TestKindsAreListedOnce(t *testing.T) {
	want := []framework.Kind{"ip", "domain", "url", "email", "md5", "sha1", "sha256", "user", "host"}
	if diff := cmp.Diff(want, framework.Kinds()); diff != "" {
		t.Error(diff)
	}
}

// FuzzParseIndicator holds that a normal form is normal: it is taken again, and unchanged.
func FuzzParseIndicator(f *testing.F) {
	for _, seed := range []string{
		"::ffff:1.2.3.4", "fe80::1%x", "A.Example.", "hTTp://U:P@h\u00c9st.example:80/%2f?#", "http://[::1%25a]/", "ftp://h/;x?y", "<a@b.example>",
		`"a b"@c.example`, "a@b.example.", "44D88612FEA8A8F36DE82E1278ABB02F", "LAB\\jdoe", "WS.", "\u212a.com", "http://h?a=\"<>", "http://h/a b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, kind := range framework.Kinds() {
			once, err := framework.ParseIndicator(kind, value)
			if err != nil {
				continue
			}
			twice, err := framework.ParseIndicator(kind, once.Value)
			if err != nil || twice != once {
				t.Errorf("%s: %q became %q, then %q, %v", kind, value, once.Value, twice.Value, err)
			}
			if len(once.Value) > 2048 || strings.ContainsAny(once.Value, "\x00\r\n") {
				t.Errorf("%s: %q became %q", kind, value, once.Value)
			}
		}
	})
}
