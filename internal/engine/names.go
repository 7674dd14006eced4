package engine

import "strings"

// names are those of streams and subjects. Engines that share a cluster but no events have different prefixes; an
// embedded store has none.
type names struct{ prefix string }

// stream returns the name of a stream, or of a bucket.
func (n names) stream(name string) string {
	if n.prefix == "" {
		return name
	}
	return n.prefix + "_" + name // no prefix holds this character
}

// subject joins tokens.
func (n names) subject(tokens ...string) string {
	joined := strings.Join(tokens, ".")
	if n.prefix == "" {
		return joined
	}
	return n.prefix + "." + joined
}

// isReplay reports whether a subject is that of a message for one queue alone.
func (n names) isReplay(subject string) bool {
	return strings.HasPrefix(subject, n.subject("redo", ""))
}

// sourceOf returns the source whose stream has a name.
func (n names) sourceOf(stream string) (string, bool) {
	return strings.CutPrefix(stream, n.stream(streamPrefix))
}

// idIn returns the event's id in the subject of an event, ev.<source>.<what>.<id>, or of a replay,
// redo.<source>.<queue>.<id>.<letter>, with or without a prefix.
func idIn(subject string) string {
	tokens := strings.Split(subject, ".")
	if tokens[0] != "ev" && tokens[0] != "redo" {
		tokens = tokens[1:]
	}
	return tokens[min(3, len(tokens)-1)]
}

// isName reports whether a text is 1 to 63 of a-z, 0-9, - and _, and begins with none of the last two: names end up in subjects,
// stream names and file names of the store. Every event is asked three times, which is why this is no regular expression.
func isName(text string) bool {
	return text != "" && len(text) <= 63 && text[0] != '-' && text[0] != '_' && isOf(text, func(c byte) bool { return isHashed(c) || c == '-' || c == '_' })
}

// isHash reports whether a text is 1 to 64 of a-z and 0-9.
func isHash(text string) bool { return text != "" && len(text) <= 64 && isOf(text, isHashed) }

func isHashed(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

func isOf(text string, allowed func(byte) bool) bool {
	for i := range len(text) {
		if !allowed(text[i]) {
			return false
		}
	}
	return true
}
