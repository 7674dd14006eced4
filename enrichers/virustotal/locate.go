package virustotal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"funnelweb/framework"
)

// gui is where people read on; it takes the same ids as the API.
const gui = "https://www.virustotal.com/gui/"

// target is where an indicator is found.
type target struct {
	path   string // below the root of the API
	object string // the type of the object there
	link   string // to which its id is added
	hashed bool   // only a hash of the indicator is sent
}

// locate builds the path of an indicator in normal form. The SDK's own way is of no use: it panics on some values
// and resolves "../" in others.
func (e *Enricher) locate(indicator framework.Indicator) (target, error) {
	switch indicator.Kind {
	case framework.IP:
		return target{path: "/ip_addresses/" + indicator.Value, object: "ip_address", link: gui + "ip-address/"}, nil
	case framework.Domain:
		return target{path: "/domains/" + indicator.Value, object: "domain", link: gui + "domain/"}, nil
	case framework.URL:
		return e.locateURL(indicator.Value)
	default:
		return target{path: "/files/" + indicator.Value, object: "file", link: gui + "file/"}, nil
	}
}

// locateURL leaves out user, password and fragment, which are for the browser alone. A URL that may hold what is nobody's business
// is asked for by its SHA-256: whoever does not know the URL does not learn it.
func (e *Enricher) locateURL(value string) (target, error) {
	parsed, err := url.Parse(value)
	if err != nil {
		return target{}, &framework.ServiceError{Service: service, Op: "look up url", Reason: "the URL cannot be read", Permanent: true}
	}
	parsed.User, parsed.Fragment, parsed.RawFragment = nil, "", ""
	if parsed.Path == "" {
		parsed.Path = "/" // as VirusTotal writes it
	}
	if parsed.Scheme == "http" && parsed.Port() == "80" || parsed.Scheme == "https" && parsed.Port() == "443" {
		parsed.Host = strings.TrimSuffix(parsed.Host, ":"+parsed.Port())
	}
	found := target{object: "url", link: gui + "url/"}
	if parsed.RawQuery != "" || parsed.ForceQuery || e.tells(parsed.Path) {
		sum := sha256.Sum256([]byte(parsed.String()))
		found.path, found.hashed = "/urls/"+hex.EncodeToString(sum[:]), true
		return found, nil
	}
	found.path = "/urls/" + base64.RawURLEncoding.EncodeToString([]byte(parsed.String()))
	return found, nil
}

// tokenLength is from how many characters on a part of a path that mixes letters and digits is taken for a token.
const tokenLength = 24

// tells reports whether a path may hold a mail address, another URL, an internal name or address, or a token.
func (e *Enricher) tells(path string) bool {
	for range 2 { // what passes through a proxy is escaped twice
		if decoded, err := url.PathUnescape(path); err == nil {
			path = decoded
		}
	}
	if strings.Contains(path, "@") || strings.Contains(path, "//") {
		return true
	}
	words := strings.FieldsFunc(path, func(r rune) bool {
		return !strings.ContainsRune(".-_:[]", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return slices.ContainsFunc(words, func(word string) bool {
		host, _, _ := strings.Cut(word, ":")
		names := strings.FieldsFunc(host, func(r rune) bool { return r == '-' || r == '_' })
		return slices.ContainsFunc(append(names, host, strings.Trim(word, "[]")), e.isInternal) ||
			len(word) >= tokenLength && strings.ContainsFunc(word, unicode.IsDigit) && strings.ContainsFunc(word, unicode.IsLetter)
	})
}

// caveat tells readers when the lookup was not of the very text.
func (t target) caveat() []framework.Fact {
	if !t.hashed {
		return nil
	}
	return []framework.Fact{{
		Key: "asked_by", Label: "Asked by",
		Value: "SHA-256 of the URL, which may hold secrets; VirusTotal may know the URL in another spelling",
	}}
}
