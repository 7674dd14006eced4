package scrub

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// json scrubs the values of a document. Bytes that hold nothing to take out stay as they are, and so do the names of
// members: they come from schemas, and clients look for them.
func (r rules) json(document []byte, found counts) ([]byte, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(document), jsontext.AllowDuplicateNames(true))
	var scrubbed []byte // nil until something is taken out
	var copied int64    // how much of the document scrubbed covers
	for {
		raw, err := nextValue(decoder)
		if _, documents := decoder.StackIndex(0); documents > 1 || errors.Is(err, io.EOF) && documents == 0 {
			return nil, errNotJSON
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errNotJSON // err may quote the answer
		}
		instead, err := r.value(raw, func() string { return decoder.StackPointer().LastToken() }, found)
		if err != nil {
			return nil, err
		}
		if instead == nil {
			continue
		}
		end := decoder.InputOffset()
		scrubbed = append(scrubbed, document[copied:end-int64(len(raw))]...)
		scrubbed = append(scrubbed, instead...)
		copied = end
	}
	if scrubbed == nil {
		return document, nil
	}
	return append(scrubbed, document[copied:]...), nil
}

// nextValue reads one token and returns it when it is a string or a number that is a value, else nil.
func nextValue(decoder *jsontext.Decoder) (jsontext.Value, error) {
	inside, length := decoder.StackIndex(decoder.StackDepth())
	isName := inside == '{' && length%2 == 0
	if kind := decoder.PeekKind(); !isName && (kind == '"' || kind == '0') {
		return decoder.ReadValue()
	}
	_, err := decoder.ReadToken()
	return nil, err
}

// value returns what takes the place of a string or number, or nil when it stays.
func (r rules) value(raw jsontext.Value, name func() string, found counts) ([]byte, error) {
	switch raw.Kind() {
	case '"':
		return r.string(raw, name, found)
	case '0':
		return r.number(raw, found), nil
	default:
		return nil, nil
	}
}

func (r rules) string(raw jsontext.Value, name func() string, found counts) ([]byte, error) {
	text := []byte(raw[1 : len(raw)-1])
	if bytes.IndexByte(text, '\\') >= 0 {
		unquoted, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return nil, errNotJSON
		}
		text = unquoted
	}
	if r.keys && isLabelled(text, name) {
		found[awsSecretName]++
		return []byte(`"[` + awsSecretName + `]"`), nil
	}
	scrubbed, changed := r.text(text, found)
	if !changed {
		return nil, nil
	}
	quoted, err := jsontext.AppendQuote(nil, scrubbed)
	if err != nil {
		return nil, errNotJSON
	}
	return quoted, nil
}

// number returns 0 for a number that holds something to take out: a string in its place would break the published
// schema, and with it the client, for the sake of one member.
func (r rules) number(raw jsontext.Value, found counts) []byte {
	if r.cards {
		if isCard(integer(raw)) {
			found["card"]++
			return []byte("0")
		}
	}
	if _, changed := r.replacePatterns(raw, found); changed {
		return []byte("0")
	}
	return nil
}

// integer returns the digits of a number that is an integer, however it is written (4.2e1), without sign and leading
// zeros, and nil for one that is not or has more digits than a card.
func integer(raw []byte) []byte {
	mantissa, exponent := raw, 0
	if at := bytes.IndexAny(raw, "eE"); at >= 0 {
		shift, err := strconv.Atoi(string(raw[at+1:]))
		if err != nil || shift > maxCard || shift < -maxCard {
			return nil
		}
		mantissa, exponent = raw[:at], shift
	}
	whole, fraction, _ := bytes.Cut(bytes.TrimPrefix(mantissa, []byte("-")), []byte("."))
	digits := append(bytes.Clone(whole), fraction...)
	point := max(0, len(whole)+exponent)
	for len(digits) < point {
		digits = append(digits, '0')
	}
	if len(bytes.Trim(digits[point:], "0")) > 0 {
		return nil
	}
	if digits = bytes.TrimLeft(digits[:point], "0"); len(digits) <= maxCard {
		return digits
	}
	return nil
}
