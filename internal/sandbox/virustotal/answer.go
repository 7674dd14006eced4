package virustotal

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
)

// collections are the kinds of object that can be looked up.
func collections() []string { return []string{"files", "ip_addresses", "domains", "urls"} }

func objectNames() map[string]string {
	return map[string]string{"files": "File", "ip_addresses": "IP address", "domains": "Domain", "urls": "URL"}
}

var (
	hashPattern   = regexp.MustCompile(`^([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$`)
	domainPattern = regexp.MustCompile(`^([A-Za-z0-9_-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{0,62}$`)
)

// malformed returns VirusTotal's message for an id that cannot be one of the collection, or "".
func malformed(collection, id string) string {
	switch collection {
	case "files":
		if !hashPattern.MatchString(id) {
			return "Invalid file id: expected an MD5, SHA-1 or SHA-256"
		}
	case "ip_addresses":
		if _, err := netip.ParseAddr(id); err != nil {
			return "Invalid IP address"
		}
	case "domains":
		if !domainPattern.MatchString(id) {
			return "Invalid domain name"
		}
	default:
		if _, err := base64.RawURLEncoding.DecodeString(id); err != nil && !hashPattern.MatchString(id) {
			return "Invalid URL id"
		}
	}
	return ""
}

// canonical is the form under which a report is kept.
func canonical(collection, id string) string {
	if collection == "urls" {
		return id
	}
	return strings.ToLower(id)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, body, json.Deterministic(true)) // the caller is gone: nobody to tell
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]any{"error": map[string]any{"code": code, "message": message}})
}
