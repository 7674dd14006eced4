package virustotal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestVerdicts(t *testing.T) {
	cases := []struct {
		name    string
		stats   stats
		from    int64
		want    framework.Verdict
		summary string
	}{
		{"many engines", stats{Malicious: 61, Undetected: 6}, 3, framework.Malicious, "61 of 67 engines call it malicious."},
		{"just enough", stats{Malicious: 3, Undetected: 60}, 3, framework.Malicious, "3 of 63 engines call it malicious."},
		{"not quite enough", stats{Malicious: 2, Undetected: 60}, 3, framework.Suspicious, "2 of 62 engines call it malicious."},
		{"one is enough where it is said so", stats{Malicious: 1, Harmless: 60}, 1, framework.Malicious, "1 of 61 engines calls it malicious."},
		{"suspicious alone", stats{Suspicious: 9, Harmless: 60}, 3, framework.Suspicious, "0 of 69 engines call it malicious, 9 suspicious."},
		{"both", stats{Malicious: 4, Suspicious: 1}, 3, framework.Malicious, "4 of 5 engines call it malicious, 1 suspicious."},
		{"vouched for", stats{Harmless: 60, Undetected: 30}, 3, framework.Harmless, "None of 90 engines detects anything; 60 call it harmless."},
		{"nothing found", stats{Undetected: 70}, 3, framework.Undetected, "None of 70 engines detects anything; none vouches for it."},
		{"not judged", stats{}, 3, framework.Unknown, "Known to VirusTotal, but no engine has judged it; unknown is not clean."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := c.stats.verdict(c.from)
			if got != c.want || c.stats.summary(got, "") != c.summary {
				t.Errorf("got %s, %q", got, c.stats.summary(got, ""))
			}
		})
	}
}

func TestTheSummaryNamesTheThreat(t *testing.T) {
	for _, c := range []struct {
		stats stats
		want  string
	}{
		{stats{Malicious: 61, Undetected: 6}, "61 of 67 engines call it malicious: trojan.x/y."},
		{stats{Malicious: 1, Suspicious: 2, Undetected: 6}, "1 of 9 engines calls it malicious, 2 suspicious: trojan.x/y."},
		{stats{Undetected: 6}, "None of 6 engines detects anything; none vouches for it."},
	} {
		if got := c.stats.summary(c.stats.verdict(3), "trojan.x/y"); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Engines that ran out of time, failed, or do not know the type of file have not looked: they are told, and not counted.
func TestTheDenominatorIsThoseThatCameToAResult(t *testing.T) {
	answer := `{"type":"file","id":"` + eicarHash + `","attributes":{"md5":"` + eicarMD5 + `","last_analysis_stats":{"malicious":2,"suspicious":1,"harmless":3,` +
		`"undetected":4,"timeout":10,"confirmed-timeout":20,"failure":30,"type-unsupported":40}}}`
	found, err := decode([]byte(answer), target{object: "file"}, framework.Indicator{Kind: framework.MD5, Value: eicarMD5})
	if err != nil {
		t.Fatal(err)
	}
	if got := found.stats.summary(framework.Suspicious, ""); got != "2 of 10 engines call it malicious, 1 suspicious." {
		t.Errorf("got %q", got)
	}
	if got := found.stats.engines(); got != "2 malicious, 1 suspicious, 4 undetected, 3 harmless; 100 without a result are not counted" {
		t.Errorf("got %q", got)
	}
	if got := (stats{Harmless: 1}).engines(); got != "0 malicious, 0 suspicious, 0 undetected, 1 harmless" {
		t.Errorf("got %q", got)
	}
}

func TestWhen(t *testing.T) {
	now := frameworktest.Start()
	for ago, want := range map[time.Duration]string{
		0: " (less than an hour ago)", time.Hour - time.Second: " (less than an hour ago)", time.Hour: " (1 hour ago)", 47 * time.Hour: " (47 hours ago)",
		48 * time.Hour: " (2 days ago)", 729 * 24 * time.Hour: " (729 days ago)", 730 * 24 * time.Hour: " (2 years ago)", -time.Hour: "",
	} {
		at := now.Add(-ago)
		if got := when(at, now); got != at.Format("2006-01-02 15:04 UTC")+want {
			t.Errorf("%s ago is %q", ago, got)
		}
	}
	if got := when(time.Unix(1, 0), now); got != "1970-01-01 00:00 UTC (56 years ago)" {
		t.Errorf("got %q", got)
	}
}

func TestAnOldAnalysisIsSaidToBeOne(t *testing.T) {
	now := frameworktest.Start()
	for days, want := range map[int]bool{0: false, 29: false, 31: true, 4000: true} {
		known := attributes{"last_analysis_date": json.RawMessage(strconv.FormatInt(now.AddDate(0, 0, -days).Unix(), 10))}
		list := (object{attributes: known}).facts(framework.Domain, now)
		if got := strings.Contains(list[0].Value, "engines may judge otherwise now"); len(list) != 1 || got != want {
			t.Errorf("%d days: %+v", days, list)
		}
	}
}

func TestFactsOfEachKind(t *testing.T) {
	type labelled map[string]string
	cases := []struct {
		name, kind, attributes string
		want                   labelled
	}{
		{
			"an address", "ip", `{"as_owner":"Google LLC","asn":15169,"country":"US","network":"8.8.8.0/24","reputation":-5}`,
			labelled{"as_owner": "AS15169 Google LLC", "country": "US", "network": "8.8.8.0/24", "reputation": "-5"},
		},
		{"an address without an owner's name", "ip", `{"asn":64500}`, labelled{"as_owner": "AS64500"}},
		{
			"a domain", "domain", `{"registrar":"Evil Names","creation_date":0,"categories":{"b":"phishing","a":"malware","c":"phishing"},"last_analysis_date":1795136400}`,
			labelled{"registrar": "Evil Names", "categories": "malware, phishing", "last_analysis_date": "2026-11-20 01:00 UTC (11 hours ago)"},
		},
		{
			"a URL", "url", `{"last_final_url":"https://evil.example/\nb","title":"Log in"}`,
			labelled{"last_final_url": "https://evil.example/ b", "title": "Log in"},
		},
		{"a file of which nothing is known", "md5", `{}`, labelled{}},
		{
			"attributes of unexpected types", "sha256", `{"names":"x","size":"big","reputation":1.5,"meaningful_name":null,"type_description":7,
			 "last_analysis_date":9e99,"popular_threat_classification":[],"first_submission_date":253402300800}`, labelled{},
		},
		{"what is long is cut", "sha1", `{"type_description":"` + strings.Repeat("x", 300) + `"}`, labelled{"type_description": strings.Repeat("x", 199) + "…"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var known attributes
			if err := json.Unmarshal([]byte(c.attributes), &known); err != nil {
				t.Fatal(err)
			}
			got := labelled{}
			for _, fact := range (object{attributes: known}).facts(framework.Kind(c.kind), frameworktest.Start()) {
				got[fact.Key] = fact.Value
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAHashIsKnownByItsOwnAttribute(t *testing.T) {
	body, err := os.ReadFile("testdata/eicar.json")
	if err != nil {
		t.Fatal(err)
	}
	var whole struct{ Data json.RawMessage }
	if err := json.Unmarshal(body, &whole); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind  framework.Kind
		value string
		ok    bool
	}{
		{framework.MD5, eicarMD5, true},
		{framework.SHA1, eicarSHA1, true},
		{framework.SHA256, eicarHash, true},
		{framework.MD5, strings.Repeat("0", 32), false},
		{framework.SHA1, strings.Repeat("0", 40), false},
		{framework.SHA256, strings.Repeat("0", 64), false},
	} {
		_, err := decode(whole.Data, target{object: "file"}, framework.Indicator{Kind: c.kind, Value: c.value})
		if (err == nil) != c.ok {
			t.Errorf("%s %s: %v", c.kind, c.value, err)
		}
	}
}

func TestAnAnswerAboutSomethingElseIsRefused(t *testing.T) {
	const asked = "http://evil.example/a"
	const query = "http://evil.example/a?token=1"
	sum := sha256.Sum256([]byte(query))
	id := hex.EncodeToString(sum[:])
	other := strings.Repeat("0", 64)
	cases := []struct {
		name, kind, value, answer string
		ok                        bool
	}{
		{"a URL", "url", asked, `{"type":"url","id":"` + other + `","attributes":{"url":"http://evil.example/a"}}`, true},
		{"a URL in another spelling", "url", asked, `{"type":"url","id":"` + other + `","attributes":{"url":"HTTP://EVIL.example:80/./a#x"}}`, true},
		{"a URL of another host", "url", asked, `{"type":"url","id":"` + other + `","attributes":{"url":"http://good.example/a"}}`, false},
		{"a URL that does not say which", "url", asked, `{"type":"url","id":"` + other + `","attributes":{}}`, false},
		{"a URL that is no text", "url", asked, `{"type":"url","id":"` + other + `","attributes":{"url":["http://evil.example/a"]}}`, false},
		{"a URL asked for by its hash", "url", query, `{"type":"url","id":"` + strings.ToUpper(id) + `","attributes":{}}`, true},
		{"another one than that of the hash", "url", query, `{"type":"url","id":"` + other + `","attributes":{"url":"http://evil.example/a?token=1"}}`, false},
		{"an address", "ip", "2606:4700::1111", `{"type":"ip_address","id":"2606:4700:0:0:0:0:0:1111","attributes":{}}`, true},
		{"another address", "ip", "8.8.8.8", `{"type":"ip_address","id":"8.8.4.4","attributes":{}}`, false},
		{"a domain in capitals", "domain", "evil.example", `{"type":"domain","id":"EVIL.example","attributes":{}}`, true},
		{"another domain", "domain", "evil.example", `{"type":"domain","id":"evil.example.org","attributes":{}}`, false},
		{"a file without its hashes", "md5", eicarMD5, `{"type":"file","id":"` + eicarHash + `","attributes":{}}`, false},
		{"a file whose hash is no text", "md5", eicarMD5, `{"type":"file","id":"` + eicarHash + `","attributes":{"md5":42}}`, false},
		{"an address that is said to be a domain", "ip", "8.8.8.8", `{"type":"domain","id":"8.8.8.8","attributes":{}}`, false},
		{"numbers that are text", "ip", "8.8.8.8", `{"type":"ip_address","id":"8.8.8.8","attributes":{"last_analysis_stats":{"malicious":"60"}}}`, false},
		{"numbers with fractions", "ip", "8.8.8.8", `{"type":"ip_address","id":"8.8.8.8","attributes":{"last_analysis_stats":{"malicious":0.5}}}`, false},
		{"numbers in a list", "ip", "8.8.8.8", `{"type":"ip_address","id":"8.8.8.8","attributes":{"last_analysis_stats":[60]}}`, false},
		{"more engines than there can be", "ip", "8.8.8.8", `{"type":"ip_address","id":"8.8.8.8","attributes":{"last_analysis_stats":{"harmless":9223372036854775807}}}`, false},
		{"nobody has judged it", "ip", "8.8.8.8", `{"type":"ip_address","id":"8.8.8.8","attributes":{"last_analysis_stats":null}}`, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			indicator := framework.Indicator{Kind: framework.Kind(c.kind), Value: c.value}
			where, err := new(Enricher).locate(indicator)
			if err != nil {
				t.Fatal(err)
			}
			found, err := decode([]byte(c.answer), where, indicator)
			if (err == nil) != c.ok {
				t.Errorf("got %+v, %v", found, err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	body, err := os.ReadFile("testdata/eicar.json")
	if err != nil {
		f.Fatal(err)
	}
	var whole struct{ Data json.RawMessage }
	if err := json.Unmarshal(body, &whole); err != nil {
		f.Fatal(err)
	}
	for _, kind := range []framework.Kind{framework.SHA256, framework.IP, framework.Domain, framework.URL} {
		f.Add([]byte(whole.Data), string(kind), eicarHash)
	}
	f.Add([]byte(`{"id":"8.8.8.8","type":"ip_address","attributes":{"asn":-1,"as_owner":"\u202e"}}`), "ip", "8.8.8.8")
	f.Fuzz(func(t *testing.T, data []byte, kind, value string) {
		indicator := framework.Indicator{Kind: framework.Kind(kind), Value: value}
		where, err := new(Enricher).locate(indicator)
		if err != nil {
			return
		}
		found, err := decode(data, where, indicator)
		if err != nil {
			return
		}
		if verdict := found.stats.verdict(3); found.stats.summary(verdict, "") == "" {
			t.Error("no summary")
		}
		for _, fact := range found.facts(indicator.Kind, frameworktest.Start()) {
			if fact.Value == "" || !utf8.ValidString(fact.Value) || strings.ContainsAny(fact.Value, "\r\n\x00\u202e") ||
				utf8.RuneCountInString(fact.Value) > (maxNames+1)*(maxText+2) {
				t.Errorf("%s is %q", fact.Key, fact.Value)
			}
		}
	})
}
