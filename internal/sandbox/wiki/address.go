package wiki

import (
	"net/netip"
	"regexp"
	"strings"
)

// schemes begin addresses that become links without any mark. Atlassian's parser knows http, ftp, irc and mailto in
// lower case; the older one also news, nntp and file.
func schemes() []string {
	return []string{"http://", "https://", "ftp://", "ftps://", "irc://", "mailto:", "nntp://", "news://", "file://"}
}

func addressScheme(rest string) string {
	for _, scheme := range schemes() {
		if len(rest) >= len(scheme) && strings.EqualFold(rest[:len(scheme)], scheme) {
			return rest[:len(scheme)]
		}
	}
	return ""
}

// address reads an address that stands on its own.
func (p parser) address(rest string) found {
	scheme := addressScheme(rest)
	end := len(scheme)
	for end < len(rest) && (isWord(rest[end]) || strings.IndexByte(`?!~^/\#$%&'()*+,-.:;<=@`, rest[end]) >= 0) {
		end++
	}
	target := strings.TrimRight(rest[:end], "?!.")
	target = strings.TrimRight(target, `.,>)];}"'!`)
	if len(target) <= len(scheme) {
		return plainText(rest[:1], 1)
	}
	shown := target
	if strings.EqualFold(scheme, "mailto:") {
		shown = target[len(scheme):]
	}
	got := node{kind: link, target: target, children: []node{{kind: text, text: shown}}}
	if !ordinaryAddress(target) {
		got.also = p.deeper().parse(target[1:], 0)
	}
	return found{nodes: []node{got}, length: len(target)}
}

var ordinaryPattern = regexp.MustCompile(`^(?:https?|ftps?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*\.?)(?::[0-9]{1,4})?(?:[/?#]|$)|^mailto:`)

// ordinaryAddress reports whether every parser takes the text for an address. They differ about odd hosts.
func ordinaryAddress(target string) bool {
	match := ordinaryPattern.FindStringSubmatch(target)
	if match == nil || strings.Contains(match[1], "xn--") {
		return false
	}
	labels := strings.Split(strings.TrimSuffix(match[1], "."), ".")
	if last := labels[len(labels)-1]; last != "" && last[0] <= '9' {
		_, err := netip.ParseAddr(match[1])
		return err == nil
	}
	return true
}
