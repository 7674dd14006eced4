package scrub

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"funnelweb/framework"
)

// json scrubs the values of a document, and the names that its schema does not declare. Bytes that hold nothing to take out
// stay as they are.
func (r rules) json(answer *framework.Response, found *counts) ([]byte, error) {
	document := answer.Body
	reader := r.readers.Get().(*reader) //nolint:forcetypeassert // the pool holds nothing else
	defer r.readers.Put(reader)
	reader.reset(document)
	defer reader.reset(nil) // keeps nothing of the answer
	decoder := reader.decoder
	if !r.mayHold(document) {
		return document, whole(decoder)
	}
	var scrubbed []byte // nil until something is taken out
	var copied int64    // how much of the document scrubbed covers
	names := renamed{answer: answer}
	for {
		raw, isName, err := nextText(decoder)
		if _, documents := decoder.StackIndex(0); documents > 1 || errors.Is(err, io.EOF) && documents == 0 {
			return nil, errNotJSON
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errNotJSON // err may quote the answer
		}
		var instead []byte
		if isName {
			instead, err = r.rename(raw, &names, found)
		} else {
			instead, err = r.value(raw, func() string { return decoder.StackPointer().LastToken() }, found)
		}
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

// mayHold reports whether something in a document could have to go. It looks at the bytes as they are, at a fraction of
// the cost of taking the document apart: but for escapes what a string says stands there as it is.
func (r rules) mayHold(document []byte) bool {
	if len(r.patterns) > 0 || bytes.IndexByte(document, '\\') >= 0 || r.mayHoldNumber(document) || r.iban && mayHoldAccount(document) {
		return true
	}
	return r.keys && mayHoldKey(document)
}

// whole reads one document to its end.
func whole(decoder *jsontext.Decoder) error {
	if err := decoder.SkipValue(); err != nil {
		return errNotJSON
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return errNotJSON
	}
	return nil
}

// reader is used again, since a decoder owns memory.
type reader struct {
	buffer  bytes.Buffer
	decoder *jsontext.Decoder
}

func newReaders() *sync.Pool {
	return &sync.Pool{New: func() any {
		r := new(reader)
		r.decoder = jsontext.NewDecoder(&r.buffer)
		return r
	}}
}

func (r *reader) reset(document []byte) {
	r.buffer = *bytes.NewBuffer(document)
	r.decoder.Reset(&r.buffer, jsontext.AllowDuplicateNames(true))
}

// nextText reads one token and returns it when it is a name, a string or a number, else nil.
func nextText(decoder *jsontext.Decoder) (text jsontext.Value, isName bool, err error) {
	inside, length := decoder.StackIndex(decoder.StackDepth())
	kind := decoder.PeekKind()
	if kind == '"' || kind == '0' {
		text, err = decoder.ReadValue()
		return text, inside == '{' && length%2 == 0, err
	}
	_, err = decoder.ReadToken()
	return nil, false, err
}

// value returns what takes the place of a string or number, or nil when it stays.
func (r rules) value(raw jsontext.Value, name func() string, found *counts) ([]byte, error) {
	switch raw.Kind() {
	case '"':
		return r.string(raw, name, found)
	case '0':
		return r.number(raw, found), nil
	default:
		return nil, nil
	}
}

func (r rules) string(raw jsontext.Value, name func() string, found *counts) ([]byte, error) {
	text, err := unquoted(raw)
	if err != nil {
		return nil, err
	}
	text, isNamed := r.named(text, name, found)
	scrubbed, changed := r.text(text, found)
	if !changed && !isNamed {
		return nil, nil
	}
	return quoted(scrubbed)
}

// unquoted is the text of a string.
func unquoted(raw jsontext.Value) ([]byte, error) {
	text := []byte(raw[1 : len(raw)-1])
	if bytes.IndexByte(text, '\\') < 0 {
		return text, nil
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return nil, errNotJSON
	}
	return text, nil
}

func quoted(text []byte) ([]byte, error) {
	raw, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return nil, errNotJSON
	}
	return raw, nil
}

// named takes out of a whole value what is known by the name of its member alone. The name is looked at last: it costs
// more than the value.
func (r rules) named(value []byte, name func() string, found *counts) (scrubbed []byte, changed bool) {
	if r.keys && len(value) >= awsSecret && run(value, 0, isBase64) == len(value) && isAWSName(name()) {
		found.add(awsSecretName)
		return []byte("[" + awsSecretName + "]"), true
	}
	if r.ssn && isSSN(value) && isSSNName(name()) {
		found.add("ssn")
		return []byte("[ssn]"), true
	}
	if !r.keys {
		return value, false
	}
	credential := new(secrets).header(value, 0)
	if credential.name == "" || !strings.EqualFold(name(), authorizationName) {
		return value, false
	}
	found.add(credential.name)
	return slices.Concat(value[:credential.from], []byte("["+credential.name+"]"), value[credential.end:]), true
}

// isAWSName reports whether a name ends as those of secret access keys do.
func isAWSName(name string) bool {
	for at := range len(name) {
		if awsName([]byte(name), at) == len(name) {
			return true
		}
	}
	return false
}

// isSSN reports whether a whole value is nine digits that can be a social security number.
func isSSN(value []byte) bool {
	if width(value) == 0 {
		return false
	}
	var n number
	n.read(value, 0)
	return n.count == ssnLength && n.ends[ssnLength-1] == len(value) && n.isWhole() && wasIssued(n.digits[:ssnLength])
}

// number returns 0 for a number that holds something to take out: a string in its place would break the published
// schema, and with it the client, for the sake of one member.
func (r rules) number(raw jsontext.Value, found *counts) []byte {
	if r.cards {
		if isCard(integer(raw)) {
			found.add("card")
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
	units, fraction, _ := bytes.Cut(bytes.TrimPrefix(mantissa, []byte("-")), []byte("."))
	digits := append(bytes.Clone(units), fraction...)
	if len(digits) < minCard { // the rest would be zeros
		return nil
	}
	point := max(0, len(units)+exponent)
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
