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
