package virustotal_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/virustotal"
)

func TestIDsAreTakenInTheFormsThatVirusTotalTakes(t *testing.T) {
	s, _ := start(t, nil)
	hash := sha256.Sum256([]byte(virustotal.MaliciousURL))
	address := []byte(virustotal.MaliciousURL)
	for _, test := range []struct {
		name, path string
		status     int
	}{
		{"a hash in capitals", "/files/" + strings.ToUpper(virustotal.EICARSHA256), 200},
		{"a hash that is one digit short", "/files/" + virustotal.EICARSHA256[:63], 400},
		{"a hash with a space", "/files/%20" + virustotal.EICARMD5, 400},
		{"a hash with what is no digit", "/files/g" + virustotal.EICARMD5[1:], 400},
		{"a SHA-512", "/files/" + strings.Repeat("a", 128), 400},
		{"a domain in capitals", "/domains/" + strings.ToUpper(virustotal.MaliciousDomain), 200},
		{"a domain that nobody has seen", "/domains/nobody.example.net", 404},
		{"a domain with a scheme", "/domains/http:%2F%2F" + virustotal.MaliciousDomain, 400},
		{"a domain with a path", "/domains/" + virustotal.MaliciousDomain + "%2Fx", 400},
		{"a domain with a port", "/domains/" + virustotal.MaliciousDomain + ":80", 400},
		{"a domain with an empty label", "/domains/a..example.net", 400},
		{"an address in place of a domain", "/domains/" + virustotal.MaliciousIP, 400},
		{"an address that nobody has seen", "/ip_addresses/198.51.100.1", 404},
		{"an address of version 6", "/ip_addresses/2001:db8::1", 404},
		{"an address with a port", "/ip_addresses/" + virustotal.MaliciousIP + ":80", 400},
		{"a network", "/ip_addresses/203.0.113.0%2F24", 400},
		{"a number for an address", "/ip_addresses/3405803783", 400},
		{"a URL by its hash", "/urls/" + hex.EncodeToString(hash[:]), 200},
		{"a URL in base64", "/urls/" + base64.RawURLEncoding.EncodeToString(address), 200},
		{"a URL in base64 with padding", "/urls/" + base64.URLEncoding.EncodeToString(append(address, '?')), 400},
		{"a URL as it is", "/urls/http:%2F%2F" + virustotal.MaliciousDomain, 400},
		{"a URL that nobody has seen", "/urls/" + base64.RawURLEncoding.EncodeToString([]byte("http://a.example/")), 404},
		{"no id", "/files/", 404},
		{"a part of an object", "/files/" + virustotal.EICARMD5 + "/comments", 404},
		{"a collection", "/files", 404},
		{"a slash too many", "/files/" + virustotal.EICARMD5 + "/", 404},
		{"an id that climbs", "/files/..%2Fusers", 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := call(t, http.MethodGet, s.URL()+test.path, key)
			code := map[int]string{200: `"type":`, 400: `"code":"BadRequestError"`, 404: `"code":"NotFoundError"`}[test.status]
			if status != test.status || !strings.Contains(body, code) {
				t.Errorf("%d %s, want %d", status, body, test.status)
			}
		})
	}
}

func TestAnObjectNamesItselfByItsOwnID(t *testing.T) {
	s, _ := start(t, nil)
	for _, id := range []string{virustotal.EICARMD5, virustotal.EICARSHA1, strings.ToUpper(virustotal.EICARSHA256)} {
		_, body := call(t, http.MethodGet, s.URL()+"/files/"+id, key)
		if !strings.Contains(body, `"id":"`+virustotal.EICARSHA256+`"`) || !strings.Contains(body, `"self":"`+s.URL()+"/files/"+virustotal.EICARSHA256+`"`) {
			t.Errorf("%s: %s", id, body)
		}
	}
}

func TestTheKeyIsTakenFromItsHeaderAlone(t *testing.T) {
	s, _ := start(t, nil)
	file := s.URL() + "/files/" + virustotal.EICARMD5
	for name, url := range map[string]string{"in the query": file + "?x-apikey=" + key + "&apikey=" + key, "in no place": file} {
		for header, value := range map[string]string{"Authorization": "Bearer " + key, "X-Api-Key": key, "Cookie": "x-apikey=" + key} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set(header, value)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s and in %s: %d", name, header, response.StatusCode)
			}
		}
	}
	if got := s.Requests(); len(got) != 0 {
		t.Errorf("these were served: %v", got)
	}
}

// What is asked in vain costs as much as what is found; what is refused for its key, or never arrives, costs nothing.
func TestTheQuotaCountsWhatWasAskedForWithTheRightKey(t *testing.T) {
	s, _ := start(t, func(o *virustotal.Options) { o.PerDay = 3 })
	ask := func(path, with string) int {
		status, _ := call(t, http.MethodGet, s.URL()+path, with)
		return status
	}
	file := "/files/" + virustotal.EICARMD5
	got := []int{ask(file, "wrong"), ask(file, ""), ask("/nothing", key)}
	s.Faults().Add(fault.Fault{Status: http.StatusServiceUnavailable, Times: 1})
	got = append(got, ask(file, key))
	call(t, http.MethodPost, s.URL()+"/files", key)
	got = append(got, ask("/files/xyz", key), ask("/files/"+strings.Repeat("a", 32), key), ask(file, key), ask(file, key), ask("/files/xyz", key))
	if diff := cmp.Diff([]int{401, 401, 404, 503, 400, 404, 200, 429, 429}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := len(s.Requests()); got != 3 {
		t.Errorf("%d lookups are recorded, want 3", got)
	}
}
