package archive

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A cursor is a mark of the range that it was made for and the key of the last item that a page looked at, so that the next one
// begins behind it whatever is archived meanwhile. It is encoded, as callers are to take it for nothing but what to ask for next.

// cursorKey is what a key of the archive is made of.
var cursorKey = regexp.MustCompile(`^[A-Za-z0-9_.=+/-]{1,512}$`)

// markLength is how many bytes of a cursor tell its range: mistakes are to be noticed, and nobody gains anything by making one.
const markLength = 6

// rangeMark tells ranges apart; one range has one mark in whatever words it is asked for.
func rangeMark(start, end time.Time) string {
	hash := sha256.Sum256([]byte(start.UTC().Format(time.RFC3339Nano) + " " + end.UTC().Format(time.RFC3339Nano)))
	return string(hash[:markLength])
}

func cursorOf(mark, key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(mark + key))
}

// parseCursor returns the key of a cursor. One that was not made for the same range is refused: it would skip a part of it.
func parseCursor(cursor string, a asked) (key string, ok bool) {
	if cursor == "" {
		return "", true
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(decoded) < markLength || string(decoded[:markLength]) != a.mark {
		return "", false
	}
	key = string(decoded[markLength:])
	_, ok = parseItem(key)
	return key, ok && cursorKey.MatchString(key) && key >= a.from && (a.to == "" || key < a.to)
}

// nextLink is a reference to the next page, relative to the call (RFC 8288). It is made of what the list knows, so that a
// token in the query of the call is not in it.
func nextLink(input *ListInput, next string) string {
	query := url.Values{"start": {input.Start}, "end": {input.End}, "cursor": {next}}
	if input.Limit > 0 {
		query.Set("limit", strconv.Itoa(input.Limit))
	}
	if input.Format != "" {
		query.Set("format", input.Format)
	}
	return "<?" + query.Encode() + `>; rel="next"`
}

// The form of a list with one alert a line.
const (
	formatLines = "ndjson"
	linesType   = "application/x-ndjson"
)

// wantsLines reports whether a call asks for one alert a line, by its parameter or else by its header Accept.
func wantsLines(input *ListInput) bool {
	if input.Format != "" {
		return input.Format == formatLines
	}
	for _, accept := range input.Request.Header.Values("Accept") {
		for offer := range strings.SplitSeq(accept, ",") {
			mediaType, _, _ := strings.Cut(offer, ";")
			if strings.EqualFold(strings.TrimSpace(mediaType), linesType) {
				return true
			}
		}
	}
	return false
}
