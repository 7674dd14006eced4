package virustotal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"time"
)

// report is an object of the API.
type report struct {
	id, kind   string
	attributes map[string]any
}

// The objects of the story, for tests that look them up.
const (
	EICARMD5    = "44d88612fea8a8f36de82e1278abb02f"
	EICARSHA1   = "3395856ce81f2b7382dee72602f798b642f14140"
	EICARSHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"

	HarmlessSHA256   = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // the empty file
	UndetectedSHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03" // "hello\n"

	emptyMD5, emptySHA1 = "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	helloMD5, helloSHA1 = "b1946ac92492d2347c6235b4d2611184", "f572d396fae9206628714fb2ce00f72e94f2258f"

	MaliciousIP     = "203.0.113.66"
	MaliciousDomain = "malware.example.net"
	MaliciousURL    = "http://malware.example.net/invoice.pdf.exe"
)

// story is what the stand-in knows: one object of each kind and verdict.
func story(now time.Time) map[string]report {
	eicar := report{EICARSHA256, "file", with(fileStats(62, 0, 0, 6), map[string]any{
		"md5": EICARMD5, "sha1": EICARSHA1, "sha256": EICARSHA256, "size": 68, "type_description": "Powershell",
		"meaningful_name": "eicar.com", "names": []string{"eicar.com", "eicar.com.txt", "invoice.pdf.exe"},
		"reputation": 3661, "total_votes": map[string]any{"harmless": 1098, "malicious": 245},
		"popular_threat_classification": map[string]any{"suggested_threat_label": "virus.eicar/test"},
		"first_submission_date":         now.AddDate(-20, 0, 0).Unix(), "last_submission_date": now.Add(-time.Hour).Unix(),
		"last_analysis_date": now.Add(-2 * time.Hour).Unix(),
	})}
	clean := report{HarmlessSHA256, "file", with(fileStats(0, 0, 60, 8), map[string]any{
		"md5": emptyMD5, "sha1": emptySHA1, "sha256": HarmlessSHA256, "size": 0, "type_description": "unknown", "reputation": 0, "last_analysis_date": now.Add(-time.Hour).Unix(),
	})}
	unseen := report{UndetectedSHA256, "file", with(fileStats(0, 0, 0, 61), map[string]any{
		"md5": helloMD5, "sha1": helloSHA1, "sha256": UndetectedSHA256, "size": 6, "type_description": "Text", "reputation": 0, "last_analysis_date": now.Add(-time.Hour).Unix(),
	})}
	ip := report{MaliciousIP, "ip_address", with(hostStats(9, 2, 60, 23), map[string]any{
		"as_owner": "Example Hosting", "asn": 64496, "country": "ZZ", "network": "203.0.113.0/24", "reputation": -14, "last_analysis_date": now.Add(-time.Hour).Unix(),
	})}
	domain := report{MaliciousDomain, "domain", with(hostStats(12, 1, 58, 23), map[string]any{
		"registrar": "Example Registrar", "creation_date": now.Add(-9 * 24 * time.Hour).Unix(), "reputation": -20,
		"categories": map[string]any{"Example Engine": "malware"}, "last_analysis_date": now.Add(-time.Hour).Unix(),
	})}
	urlID := sha256.Sum256([]byte(MaliciousURL))
	address := report{hex.EncodeToString(urlID[:]), "url", with(hostStats(11, 0, 60, 23), map[string]any{
		"url": MaliciousURL, "last_final_url": MaliciousURL, "title": "Invoice", "reputation": -9, "last_analysis_date": now.Add(-time.Hour).Unix(),
	})}
	return map[string]report{
		"files/" + EICARMD5: eicar, "files/" + EICARSHA1: eicar, "files/" + EICARSHA256: eicar,
		"files/" + emptyMD5: clean, "files/" + emptySHA1: clean, "files/" + HarmlessSHA256: clean,
		"files/" + helloMD5: unseen, "files/" + helloSHA1: unseen, "files/" + UndetectedSHA256: unseen,
		"ip_addresses/" + MaliciousIP: ip, "domains/" + MaliciousDomain: domain,
		"urls/" + address.id: address, "urls/" + base64.RawURLEncoding.EncodeToString([]byte(MaliciousURL)): address,
	}
}

// fileStats are the counts that a file has; only the first four and timeouts are verdicts of engines that worked.
func fileStats(malicious, suspicious, harmless, undetected int) map[string]any {
	return map[string]any{"last_analysis_stats": map[string]any{
		"malicious": malicious, "suspicious": suspicious, "harmless": harmless, "undetected": undetected,
		"timeout": 1, "confirmed-timeout": 0, "failure": 1, "type-unsupported": 6,
	}}
}

func hostStats(malicious, suspicious, harmless, undetected int) map[string]any {
	return map[string]any{"last_analysis_stats": map[string]any{
		"malicious": malicious, "suspicious": suspicious, "harmless": harmless, "undetected": undetected, "timeout": 0,
	}}
}

func with(attributes, more map[string]any) map[string]any {
	maps.Copy(attributes, more)
	return attributes
}
