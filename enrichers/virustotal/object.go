package virustotal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"funnelweb/framework"
)

// idPattern is what an id may be, so that it can be a part of a link: a hash, a domain or an address.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,253}$`)

// object is what VirusTotal knows.
type object struct {
	id         string
	attributes attributes
	stats      stats
}

// attributes are decoded one by one: VirusTotal leaves out what it does not know and adds to the list, and one
// attribute of an unexpected type must not cost the rest.
type attributes map[string]json.RawMessage

// get decodes an attribute and reports whether it is there and of the type.
func get[T any](a attributes, name string) (T, bool) {
	var value T
	raw, ok := a[name]
	if !ok || string(raw) == "null" {
		return value, false
	}
	err := json.Unmarshal(raw, &value)
	return value, err == nil
}

// decode reads an answer and makes sure that it is about what was asked.
func decode(data []byte, asked target, indicator framework.Indicator) (object, error) {
	var answer struct {
		ID         string     `json:"id"`
		Type       string     `json:"type"`
		Attributes attributes `json:"attributes"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return object{}, fmt.Errorf("decode object: %w", err)
	}
	if answer.Type != asked.object || !idPattern.MatchString(answer.ID) || answer.Attributes == nil {
		return object{}, fmt.Errorf("no %s with an id and attributes", asked.object)
	}
	found := object{id: answer.ID, attributes: answer.Attributes}
	if !found.is(indicator, asked) {
		return object{}, errors.New("it is about another object than the one asked for")
	}
	if raw, ok := found.attributes["last_analysis_stats"]; ok && string(raw) != "null" {
		// Without it nobody has judged the object: that must not be said of numbers that cannot be read.
		if found.stats, ok = get[stats](found.attributes, "last_analysis_stats"); !ok {
			return object{}, errors.New("numbers of engines that cannot be read")
		}
	}
	if !found.stats.sane() {
		return object{}, errors.New("numbers of engines that cannot be")
	}
	return found, nil
}

// is reports whether the object is the one asked for. A file tells all of its hashes.
func (o object) is(indicator framework.Indicator, asked target) bool {
	switch indicator.Kind {
	case framework.URL:
		return o.isURL(indicator.Value, asked)
	case framework.MD5, framework.SHA1:
		hash, _ := get[string](o.attributes, string(indicator.Kind))
		return strings.EqualFold(hash, indicator.Value)
	case framework.IP:
		answered, err := netip.ParseAddr(o.id)
		wanted, wantedErr := netip.ParseAddr(indicator.Value)
		return err == nil && wantedErr == nil && answered == wanted
	default:
		return strings.EqualFold(o.id, indicator.Value)
	}
}

// isURL reports whether the object is that of a URL. Its id is the SHA-256 of the URL in VirusTotal's spelling, which is another
// one at times: then the host must be the same.
func (o object) isURL(value string, asked target) bool {
	if asked.hashed {
		return "/urls/"+strings.ToLower(o.id) == asked.path
	}
	told, _ := get[string](o.attributes, "url")
	answered, err := url.Parse(told)
	wanted, wantedErr := url.Parse(value)
	return err == nil && wantedErr == nil && answered.Hostname() != "" && strings.EqualFold(answered.Hostname(), wanted.Hostname())
}

// stats counts engines by what they said of the object.
type stats struct {
	Malicious  int64 `json:"malicious"`
	Suspicious int64 `json:"suspicious"`
	Harmless   int64 `json:"harmless"`
	Undetected int64 `json:"undetected"`
	// Of those without a result the first are told for all kinds, the others for files.
	Timeout          int64 `json:"timeout"`
	ConfirmedTimeout int64 `json:"confirmed-timeout"`
	Failure          int64 `json:"failure"`
	Unsupported      int64 `json:"type-unsupported"`
}

// maxEngines is far more than there are (about 100), and small enough to be added up.
const maxEngines = 1_000_000

func (s stats) sane() bool {
	for _, count := range []int64{s.Malicious, s.Suspicious, s.Harmless, s.Undetected, s.Timeout, s.ConfirmedTimeout, s.Failure, s.Unsupported} {
		if count < 0 || count > maxEngines {
			return false
		}
	}
	return true
}

// answered is how many engines came to a result. Those that ran out of time, failed or do not know the type of file
// are not counted.
func (s stats) answered() int64 { return s.Malicious + s.Suspicious + s.Harmless + s.Undetected }

// verdict is malicious when at least that many engines say so: one or two of ninety are often a false alarm, which
// makes it suspicious. An engine's harmless is a judgement, undetected is none; they are kept apart.
func (s stats) verdict(maliciousFrom int64) framework.Verdict {
	switch {
	case s.Malicious >= maliciousFrom:
		return framework.Malicious
	case s.Malicious+s.Suspicious > 0:
		return framework.Suspicious
	case s.Harmless > 0:
		return framework.Harmless
	case s.Undetected > 0:
		return framework.Undetected
	default:
		return framework.Unknown
	}
}

// summary names the threat, if one is known, beside detections.
func (s stats) summary(verdict framework.Verdict, threat string) string {
	switch verdict {
	case framework.Malicious, framework.Suspicious:
		if threat != "" {
			threat = ": " + threat
		}
		return s.detections() + threat + "."
	case framework.Harmless:
		return fmt.Sprintf("None of %d engines detects anything; %d call it harmless.", s.answered(), s.Harmless)
	case framework.Undetected:
		return fmt.Sprintf("None of %d engines detects anything; none vouches for it.", s.answered())
	default:
		return "Known to VirusTotal, but no engine has judged it; unknown is not clean."
	}
}

func (s stats) detections() string {
	calls := "call"
	if s.Malicious == 1 {
		calls = "calls"
	}
	text := fmt.Sprintf("%d of %d engines %s it malicious", s.Malicious, s.answered(), calls)
	if s.Suspicious > 0 {
		text += fmt.Sprintf(", %d suspicious", s.Suspicious)
	}
	return text
}

// engines counts all of them by what they said.
func (s stats) engines() string {
	text := fmt.Sprintf("%d malicious, %d suspicious, %d undetected, %d harmless", s.Malicious, s.Suspicious, s.Undetected, s.Harmless)
	if without := s.Timeout + s.ConfirmedTimeout + s.Failure + s.Unsupported; without > 0 {
		text += fmt.Sprintf("; %d without a result are not counted", without)
	}
	return text
}
