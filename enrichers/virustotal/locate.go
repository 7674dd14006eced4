package virustotal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"

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
func locate(indicator framework.Indicator) (target, error) {
	switch indicator.Kind {
	case framework.IP:
		return target{path: "/ip_addresses/" + indicator.Value, object: "ip_address", link: gui + "ip-address/"}, nil
	case framework.Domain:
		return target{path: "/domains/" + indicator.Value, object: "domain", link: gui + "domain/"}, nil
	case framework.URL:
		return locateURL(indicator.Value)
	default:
		return target{path: "/files/" + indicator.Value, object: "file", link: gui + "file/"}, nil
	}
}

// locateURL leaves out user, password and fragment, which are for the browser alone. A URL with a query, where
// tokens and addresses of victims are found, is asked for by its SHA-256: whoever does not know the URL does not
// learn it.
func locateURL(value string) (target, error) {
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
	if parsed.RawQuery != "" || parsed.ForceQuery {
		sum := sha256.Sum256([]byte(parsed.String()))
		found.path, found.hashed = "/urls/"+hex.EncodeToString(sum[:]), true
		return found, nil
	}
	found.path = "/urls/" + base64.RawURLEncoding.EncodeToString([]byte(parsed.String()))
	return found, nil
}

// caveat tells readers when the lookup was not of the very text.
func (t target) caveat() []framework.Fact {
	if !t.hashed {
		return nil
	}
	return []framework.Fact{{
		Key: "asked_by", Label: "Asked by",
		Value: "SHA-256 of the URL, since a query may hold secrets; VirusTotal may know the URL in another spelling",
	}}
}
