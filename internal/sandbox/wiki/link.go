package wiki

import (
	"regexp"
	"strings"
)

// linkLength is the length of a [link] at the beginning of the text, or 0.
func linkLength(rest string) int {
	end := strings.IndexAny(rest[1:], "[]\n") + 1
	if end < 2 || rest[end] != ']' {
		return 0
	}
	return end + 1
}

// safeTarget is what Atlassian's parser accepts as the target of a link, besides the empty one.
var safeTarget = regexp.MustCompile(`(?im)^(https?://|ftps?://|gopher://|integrity://|file://|smb://|dynamicsnav://|` +
	`jamfselfservice://|/|mailto:|skype:|callto:|facetime:|git:|irc6?:|news:|nntp:|feed:|cvs:|svn:|mvn:|ssh:|scp://|` +
	`sftp://|itms:|notes:|hipchat://|sourcetree:|urn:|tel:|xmpp:|telnet:|vnc:|rdp:|whatsapp:|slack:|sips?:|magnet:|#)`)

// link reads what stands in brackets: a mention, an attachment or a link; else it is text.
func (p parser) link(rest string) found {
	length := linkLength(rest)
	if length == 0 {
		return plainText("[", 1)
	}
	parts := splitLink(rest[1 : length-1])
	shown := parts.shown
	if shown == "" {
		shown = parts.target
	}
	target := parts.target
	switch attachment := attachmentName(parts.target); {
	case attachment != "":
		return found{nodes: []node{{kind: file, target: attachment}}, length: length}
	case parts.empty():
		return plainText("[", 1)
	case strings.HasPrefix(target, "~"):
		return found{nodes: []node{{kind: mention, target: target[1:]}}, length: length}
	}
	safe := target == "" || safeTarget.MatchString(target)
	asText := func() []node {
		return p.deeper().parse(rest[:length], tokenDash|tokenTable|tokenRule|tokenAddress|tokenLink)
	}
	if !safe && !parts.piped && !strings.HasPrefix(target, `\\`) {
		return found{nodes: asText(), length: length}
	}
	children := p.deeper().parse(strings.TrimPrefix(shown, "mailto:"), tokenDash|tokenAddress)
	got := node{kind: link, target: target, children: children}
	if !safe {
		got.also = asText()
	}
	return found{nodes: []node{got}, length: length}
}

// linkParts are the parts of [shown|target|title].
type linkParts struct {
	shown, target string
	piped         bool // the target was given apart
}

// empty reports whether the link is one to nobody or nowhere: Atlassian's parser fails at it.
func (l linkParts) empty() bool {
	return strings.EqualFold(l.target, "~accountid:") || l.target == "~" || l.target == "" && l.shown == ""
}

// splitLink divides a link as Jira does: a bar between two exclamation marks, of an image, does not count.
func splitLink(inner string) linkParts {
	inner = strings.Replace(inner, "&#039;", "'", 1)
	bang, bar := strings.Index(inner, "!"), strings.Index(inner, "|")
	var parts linkParts
	if bang < 0 || bang > bar || bang == strings.LastIndex(inner, "!") {
		parts.target = inner
		if bar >= 0 {
			parts.shown, parts.target, parts.piped = inner[:bar], inner[bar+1:], true
		}
	} else {
		parts = splitOutsideImages(inner)
	}
	if bar := strings.Index(parts.target, "|"); bar >= 0 {
		parts.target, parts.piped = parts.target[:bar], true
	}
	parts.target = strings.TrimSpace(parts.target)
	return parts
}

func splitOutsideImages(inner string) linkParts {
	inImage := false
	for i := range len(inner) {
		switch {
		case inner[i] == '!':
			inImage = !inImage
		case inner[i] == '|' && !inImage:
			return linkParts{shown: inner[:i], target: inner[i+1:], piped: true}
		}
	}
	return linkParts{target: inner}
}

// attachmentName is the name after ^ in the target of a link, unless there is an @ that makes it a shortcut.
func attachmentName(target string) string {
	if !strings.HasPrefix(target, "~") {
		if at := strings.LastIndex(target, "@"); at >= 0 && strings.TrimSpace(target[at+1:]) != "" {
			return ""
		}
	}
	if colon := strings.Index(target, ":"); colon >= 0 { // before it is the key of a space
		target = target[colon+1:]
	}
	_, name, _ := strings.Cut(target, "^")
	return strings.TrimSpace(name)
}
