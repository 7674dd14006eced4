package framework

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// canonicalKey is equal for values that JSON Schema calls equal (core, section 4.2.2): numbers by their value, strings by
// their characters, objects whatever the order of their members. What cannot be told, such as a number beyond the bounds of
// decimal, is not ok.
func canonicalKey(value jsontext.Value) (key string, ok bool) {
	var text strings.Builder
	decoder := jsontext.NewDecoder(strings.NewReader(string(value)))
	ok = appendKey(&text, decoder)
	return text.String(), ok
}

func appendKey(text *strings.Builder, decoder *jsontext.Decoder) bool {
	token, err := decoder.ReadToken()
	if err != nil {
		return false
	}
	switch token.Kind() {
	case '0':
		number, ok := parseDecimal([]byte(token.String()))
		text.WriteString(number.key())
		return ok
	case '"':
		text.WriteString(strconv.Quote(token.String()))
		return true
	case '[':
		return appendItems(text, decoder)
	case '{':
		return appendMembers(text, decoder)
	default:
		text.WriteString(token.String())
		return true
	}
}

func appendItems(text *strings.Builder, decoder *jsontext.Decoder) bool {
	text.WriteByte('[')
	for decoder.PeekKind() != ']' {
		if !appendKey(text, decoder) {
			return false
		}
		text.WriteByte(',')
	}
	text.WriteByte(']')
	_, err := decoder.ReadToken()
	return err == nil
}

func appendMembers(text *strings.Builder, decoder *jsontext.Decoder) bool {
	var members []string
	for decoder.PeekKind() != '}' {
		var member strings.Builder
		if !appendKey(&member, decoder) { // the name
			return false
		}
		member.WriteByte(':')
		if !appendKey(&member, decoder) {
			return false
		}
		members = append(members, member.String())
	}
	slices.Sort(members)
	text.WriteString("{" + strings.Join(members, ",") + "}")
	_, err := decoder.ReadToken()
	return err == nil
}
