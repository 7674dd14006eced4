package framework

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"
)

// MaxSearched bounds the text in bytes that FindIndicators looks at: more than the 32,767 characters that a ticket's description
// holds can take.
const MaxSearched = 128 << 10

// defangedDot stands for a dot that was written so that nobody clicks on it. It is of Unicode's private use: nobody writes it.
const defangedDot = '\ue000'

// Findable returns the kinds that FindIndicators knows by their form. Users and hosts have none: they are never guessed.
func Findable() []Kind { return []Kind{IP, Domain, URL, Email, MD5, SHA1, SHA256} }

// FindIndicators returns the indicators of some kinds in the first MaxSearched bytes of text that people wrote, in the order in
// which they first stand there, at most limit of them, and how many more there are. It knows the usual ways of defanging: hxxp,
// [.], (.), [dot], [at], [:]// and Jira's backslashes. A URL is itself alone, not its host too, unless URLs are not asked for.
// Without a scheme only what ends in a public top-level domain is a domain, so that file names are not taken for one.
func FindIndicators(text string, kinds []Kind, limit int) (found []Indicator, more int) {
	known := map[Indicator]bool{}
	finder := finder{text: refang(text), kinds: kinds, take: func(indicator Indicator) {
		if known[indicator] {
			return
		}
		known[indicator] = true
		if len(found) < limit {
			found = append(found, indicator)
			return
		}
		more++
	}}
	finder.run()
	return found, more
}

// fangs are the ways to write what is harmless as text, and what they stand for.
var fangs = regexp.MustCompile(`(?i)\\[{}\[\]!|*_+^~?#().-]|\[\.\]|\(\.\)|\{\.\}| ?[\[({] ?dot ?[\])}] ?| ?[\[({] ?at ?[\])}] ?|[\[({]@[\])}]|[\[({]:[\])}]|[\[({]:?//[\])}]`)

// schemeFangs are how the schemes of web addresses are broken.
var schemeFangs = regexp.MustCompile(`(?i)\b(?:hxxp|h\*\*p|hxtp|htxp|fxp)(s?)(://)`)

// refang writes a text so that its indicators stand there as they are. Characters without width, which only hide them, go.
func refang(text string) string {
	if len(text) > MaxSearched {
		end := MaxSearched
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
		if blank := strings.LastIndexFunc(text, unicode.IsSpace); blank >= 0 {
			text = text[:blank] // else what is left of an indicator would be taken for another
		}
	}
	text = strings.Map(func(r rune) rune {
		if r == defangedDot || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
	// Twice: what Jira's editor stores for [.] is \[.\].
	for range 2 {
		text = fangs.ReplaceAllStringFunc(text, unfang)
	}
	return schemeFangs.ReplaceAllStringFunc(text, func(scheme string) string {
		scheme = strings.ToLower(strings.TrimSuffix(scheme, "://"))
		switch {
		case strings.HasPrefix(scheme, "f"):
			return "ftp://"
		case strings.HasSuffix(scheme, "s"):
			return "https://"
		default:
			return "http://"
		}
	})
}

func unfang(fang string) string {
	switch inner := strings.ToLower(strings.Trim(fang, "[](){} ")); {
	case fang == `\.`:
		return string(defangedDot)
	case fang[0] == '\\':
		return fang[1:]
	case inner == "." || inner == "dot":
		return string(defangedDot)
	case inner == "at" || inner == "@":
		return "@"
	default:
		return inner
	}
}

// forms are what indicators look like, each in a group of its own; what a match really is, the parsers decide. What may yet
// turn out to be another form is bounded: else each match would cost reading all that follows.
var forms = regexp.MustCompile(`(?i)(\b(?:https?|ftp)://(?:\[[0-9a-f:.]{2,45}\])?[^\s<>"'` + "`" + `|\\^{}\[\]]*)` + // 1: URL
	`|([\w.%+'` + string(defangedDot) + `-]{1,64}@[\w.` + string(defangedDot) + `-]+)` + // 2: address of mail
	`|([0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f:.]*)` + // 3: IPv6
	`|(\d{1,3}(?:[.` + string(defangedDot) + `]\d{1,3}){3})` + // 4: IPv4
	`|([\w-]+(?:[.` + string(defangedDot) + `][\w-]+)+)` + // 5: domain
	`|([0-9a-f]{32,64})`) // 6: hash

type finder struct {
	text  string
	kinds []Kind
	take  func(Indicator)
}

func (f *finder) run() {
	for at := 0; at < len(f.text); {
		match := forms.FindStringSubmatchIndex(f.text[at:])
		if match == nil {
			return
		}
		for group := 1; group <= 6; group++ {
			if match[2*group] >= 0 {
				f.judge(group, at+match[0], at+match[1])
			}
		}
		at += max(match[1], 1)
	}
}

// judge takes the match if it is what it looks like and stands on its own.
func (f *finder) judge(shape, start, end int) {
	raw := f.text[start:end]
	text := strings.ReplaceAll(raw, string(defangedDot), ".")
	before, _ := utf8.DecodeLastRuneInString(f.text[:start])
	after, _ := utf8.DecodeRuneInString(f.text[end:])
	alone := !isWordRune(before) && !isWordRune(after)
	switch shape {
	case 1:
		f.url(text)
	case 2:
		f.parse(Email, strings.TrimRight(text, ".-_"))
	case 3:
		f.address(strings.TrimRight(text, "."), alone && before != ':' && before != '.')
	case 4:
		dotted := before == '.' || after == '.' && end+1 < len(f.text) && f.text[end+1] >= '0' && f.text[end+1] <= '9'
		f.address(text, alone && !dotted && before != '-' && !isNetwork(f.text[end:]))
	case 5:
		f.dotted(raw, text, before, after)
	default:
		if kind, ok := hashKind(text); ok && alone {
			f.parse(kind, text)
		}
	}
}

func isWordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// isNetwork reports whether what follows an address makes it a range, such as /24.
func isNetwork(rest string) bool {
	return len(rest) > 1 && rest[0] == '/' && rest[1] >= '0' && rest[1] <= '9'
}

func hashKind(text string) (Kind, bool) {
	for _, kind := range []Kind{MD5, SHA1, SHA256} {
		if len(text) == hashLength(kind) {
			return kind, true
		}
	}
	return "", false
}

func (f *finder) parse(kind Kind, text string) {
	if indicator, err := ParseIndicator(kind, text); err == nil && slices.Contains(f.kinds, kind) {
		f.take(indicator)
	}
}

// address takes an IP address. The unspecified ones are none: :: stands in many programs.
func (f *finder) address(text string, alone bool) {
	if address, err := netip.ParseAddr(text); alone && err == nil && !address.IsUnspecified() {
		f.parse(IP, text)
	}
}

// url takes a web address without what people write behind it, or its host where only that is asked for.
func (f *finder) url(text string) {
	text = strings.TrimRight(text, ".,;:!?*")
	for strings.HasSuffix(text, ")") && strings.Count(text, ")") > strings.Count(text, "(") {
		text = strings.TrimRight(text[:len(text)-1], ".,;:!?*")
	}
	indicator, err := ParseIndicator(URL, text)
	if err != nil {
		return
	}
	if slices.Contains(f.kinds, URL) {
		f.take(indicator)
		return
	}
	parsed, err := url.Parse(indicator.Value)
	if err != nil {
		return // it was written by url.URL
	}
	f.address(parsed.Hostname(), true)
	f.parse(Domain, parsed.Hostname())
}

// dotted takes words with dots between them: a domain if they end as one does and nothing around says otherwise.
func (f *finder) dotted(raw, text string, before, after rune) {
	text = strings.Trim(text, "-_.")
	if isWordRune(before) || isWordRune(after) {
		return
	}
	for word := range strings.SplitSeq(text, ".") { // files are often named by their hash
		if kind, ok := hashKind(word); ok {
			f.parse(kind, word)
		}
	}
	isPath := strings.ContainsRune(`/\@$-.%`, before)
	if !isPath && after != '(' && after != '\\' && isPublic(strings.ToLower(text), strings.ContainsRune(raw, defangedDot)) {
		f.parse(Domain, text)
	}
}

// fileEndings are top-level domains that are more often the ending of a file's or a field's name. A name of two parts is
// believed to be a domain only where somebody defanged it.
const fileEndings = " zip mov sh py rs md so ps st app id host email date name download "

// isPublic reports whether a name ends in a top-level domain that exists, or in .example, which is for documentation (RFC 2606).
func isPublic(name string, defanged bool) bool {
	suffix, listed := publicsuffix.PublicSuffix(name)
	last := name[strings.LastIndexByte(name, '.')+1:]
	listed = listed || last == "example" || strings.Contains(suffix, ".") // of more than one part: below one that exists
	ambiguous := strings.Count(name, ".") == 1 && strings.Contains(fileEndings, " "+last+" ")
	return listed && suffix != name && (defanged || !ambiguous)
}
