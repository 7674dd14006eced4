package scrub_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"funnelweb/framework"
	"funnelweb/plugins/scrub"
)

// What analysts work with: an indicator that is altered is found by nobody, and leads nowhere.
func TestIndicatorsSurvive(t *testing.T) {
	for _, text := range []string{
		"2026-11-20T12:00:00Z", "2026-11-20 12:00:00.123456789 +0100", "20/11/2026 12:00:00", "11/20/2026 12.00.00.000", "20261120120000", "20261120_120000_123",
		"1795176000", "1795176000123", "1795176000123456", "1795176000123456789", "1795176000.123456", "Fri, 20 Nov 2026 12:00:00 GMT",
		"133765776000000000", "639300000000000000", "638512345678901234", "0x01dc5a1b2c3d4e5f",
		"scheduler__admin__search__RMD5abc0123456789_at_1795176000_40123", "1795176000.4111", "rt_scheduler__jdoe__search__x_at_1795176000_1.2",
		"da637551227677560813_-961444813", "6500-4111-1795", "FW-4111-2026", "INC0012345", "SEC-1", "SEC-411111", "fw-mfrggzdfmztwq2lknnwg23tpoa", "CASE-2026-00001234",
		"44d88612fea8a8f36de82e1278abb02f", "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"550e8400-e29b-41d4-a716-446655440000", "{550E8400-E29B-41D4-A716-446655440000}", "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
		"192.0.2.1", "192.168.100.200", "255.255.255.255", "192.0.2.1:44444", "10.0.0.0/24", "192.0.2.1-192.0.2.254", "2001:db8:4111:1111:1111:1111:1111:1111", "fe80::4111:1111%eth0",
		"00:1A:2B:3C:4D:5E", "00-1A-2B-3C-4D-5E", "4111.1111.1111", "001a.2b3c.4d5e",
		"+1 555-123-4567", "+1 (555) 123-4567", "555.123.4567", "+49 30 1234 5678", "+491701234567", "+4917012345676", "+378282246310005", "+55 11 91234-5678", "tel:+4917012345676",
		"S-1-5-21-3623811015-3361044348-30300820-1013", "S-1-5-21-3659955012-3611844348-3600000000-500", "S-1-5-32-544",
		"CVE-2026-123456", "T1059.001", "KB5034441", "AS64500", "1.3.6.1.4.1.311.21.8.4111.1111.1111.1111", "10.0.19045.4111", "Chrome/131.0.6778.86", "120.05.1234.5", "1.078.05.1120",
		"C:\\Windows\\System32\\4111.1111.exe", "/var/log/2026/11/20/4111.log", "/4111/2222/3333", "4624, 4625, 4688", "pid 4111 ppid 1111 port 4444",
		"jdoe@lab.example", "mailto:jdoe@lab.example", "LAB\\jdoe", "CN=Jane Doe,OU=Users,DC=lab,DC=example", "WS-042", "ws-042.lab.example:8443",
		"https://user@evil.example/a", "https://evil.example:8443/a@b:c", "https://evil.example/?next=https://a:8080/@b", "hxxps://evil[.]example/a", "ssh://git@github.com:22/a/b.git",
		"https://evil.example/?sig=short", "https://evil.example/?design=" + letters(60), "https://hooks.slack.com/", "https://hooks.slack.com/services/", "https://discord.com/api/webhooks/1",
		"arn:aws:iam::123456789012:user/jdoe", "AIDAIOSFODNN7EXAMPLE", "AROAIOSFODNN7EXAMPLE", "i-0abcd1234ef567890", "vpc-0123456789abcdef0",
		"sk-SK", "task-management-of-4111-cases-in-2026", "risk-assessment-2026-for-the-whole-house", "desk-1234567890-1234567890", "sk-", "ask-me-anything-2026-11-20-12",
		"A bearer of bad news", "bearer authentication-is-required-here", "Bearer token", "Bearer 1234", "basic authentication", "Basic knowledge of Windows", "Basic Auth: off",
		"Authorization: required", "Authorization failed: Basic authentication", "authorization=granted", "Authorization: Basic realm", "Authorization: Bearer ", "Authorization: Bearer authentication",
		"glpat-short", "npm_config_registry", "npm_lifecycle_event", "pypi-server", "hvs.example", "SG.example.com", "AccountKey=", "SharedAccessKey=x",
		"DE89 is no account", "GB 1234", "deadbeef4111", "eyJ", "-----BEGIN CERTIFICATE-----", "secret key", "the secret: a key", "secretary",
		"44 45 46 47 48", "4111 1111 1111", "1 2 3 4 5 6 7 8 9", "100 200 300 400 500 600", "4096 8192 16384 32768 65536",
		"37.7749,-122.4194", "4111.111111111111", "471234.1234567890123", "0.4111111111111111", "-4111.1111e-12", "6.02214076e23",
	} {
		for _, form := range []string{"%s", "a %s b", "(%s)", "%s."} {
			text := fmt.Sprintf(form, text)
			if got, err := scrubbed(t, plugin(t, everythingOfOurs()), "text/plain", text); err != nil || got != text {
				t.Errorf("%q became %q, %v", text, got, err)
			}
		}
		document, err := json.Marshal(map[string]string{"value": text})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := scrubbed(t, plugin(t, everythingOfOurs()), "application/json", string(document)); err != nil || got != string(document) {
			t.Errorf("%s became %s, %v", document, got, err)
		}
	}
}

func everythingOfOurs() scrub.Config {
	return scrub.Config{Cards: true, SSN: true, IBAN: true, Keys: true}
}

// Whatever their bits are, indicators of a form are never altered.
func TestIndicatorsOfEveryFormSurvive(t *testing.T) {
	p := plugin(t, everythingOfOurs())
	rapid.Check(t, func(rt *rapid.T) {
		random := []byte(rapid.StringN(1, 20, -1).Draw(rt, "of"))
		sha := sha256.Sum256(random)
		uuid := fmt.Sprintf("%x-%x-%x-%x-%x", sha[:4], sha[4:6], sha[6:8], sha[8:10], sha[10:16])
		md, first, longest := md5.Sum(random), sha1.Sum(random), sha512.Sum512(random)
		at := time.Unix(rapid.Int64Range(1_000_000_000, 2_199_999_999).Draw(rt, "time"), int64(sha[0])*1_000_000+int64(sha[1])).UTC()
		number := func(i int) uint32 {
			return uint32(sha[i])<<24 | uint32(sha[i+1])<<16 | uint32(sha[i+2])<<8 | uint32(sha[i+3])
		}
		for _, indicator := range []string{
			uuid, strings.ToUpper(uuid), hex.EncodeToString(md[:]), hex.EncodeToString(first[:]), hex.EncodeToString(sha[:]), strings.ToUpper(hex.EncodeToString(sha[:])), hex.EncodeToString(longest[:]),
			netip.AddrFrom4([4]byte(sha[:4])).String(), netip.AddrFrom16([16]byte(sha[:16])).String(), netip.AddrPortFrom(netip.AddrFrom4([4]byte(sha[:4])), uint16(sha[5])<<8).String(),
			fmt.Sprintf("S-1-5-21-%d-%d-%d-%d", number(0), number(4), number(8), sha[12]),
			at.Format(time.RFC3339Nano), at.Format(time.RFC1123), at.Format("2006-01-02 15:04:05.000000"), at.Format("20060102150405"),
			fmt.Sprint(at.Unix()), fmt.Sprint(at.UnixMilli()), fmt.Sprint(at.UnixMicro()), fmt.Sprint(at.UnixNano()), fmt.Sprintf("%d.%06d", at.Unix(), at.Nanosecond()/1000),
			fmt.Sprint(at.UnixNano()/100 + 116444736000000000), fmt.Sprint(at.UnixNano()/100 + 621355968000000000), // Windows and .NET
			"splunk-" + framework.Fingerprint(string(random)), "fw-" + framework.Fingerprint(string(random)),
			fmt.Sprintf("SEC-%d", number(0)), fmt.Sprintf("CVE-2026-%d", number(0)%1_000_000), fmt.Sprintf("+%d", 1_0000_0000+int64(number(0))*100),
		} {
			for _, text := range []string{indicator, "a " + indicator + ", b", "/" + indicator + "/"} {
				if got, err := scrubbed(t, p, "text/plain", text); err != nil || got != text {
					rt.Errorf("%q became %q, %v", text, got, err)
				}
			}
		}
	})
}
