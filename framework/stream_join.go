package framework

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// linesType is the media type of one JSON document a line.
const linesType = "application/x-ndjson"

// checkList refuses a list that is none.
func (o *operation) checkList() error {
	if o.stream == nil {
		return nil
	}
	if of := o.output.object; of == nil || of.properties[o.list] == nil || of.properties[o.list].node.array == nil {
		return fmt.Errorf("the answer of %s has no list %q to be sent in parts", o.ID, o.list)
	}
	return nil
}

// piece is what a part adds to an answer.
type piece struct {
	before, after []member         // beside its list, as its schema has them
	items         []jsontext.Value // of its list
}

// member is one of an object.
type member struct {
	name  string
	value jsontext.Value
}

// split takes a part apart. What it returns lies in the document.
func split(document []byte, list string) (p piece, err error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(document))
	if err := expect(decoder, '{'); err != nil {
		return p, err
	}
	others := &p.before
	for decoder.PeekKind() == '"' {
		token, err := decoder.ReadToken()
		if err != nil {
			return p, err
		}
		name := token.String()
		if name != list {
			value, err := valueIn(document, decoder)
			if err != nil {
				return p, err
			}
			*others = append(*others, member{name, value})
			continue
		}
		if p.items, err = itemsIn(document, decoder); err != nil {
			return p, err
		}
		others = &p.after
	}
	return p, expect(decoder, '}')
}

func itemsIn(document []byte, decoder *jsontext.Decoder) (items []jsontext.Value, err error) {
	if err := expect(decoder, '['); err != nil {
		return nil, err
	}
	for decoder.PeekKind() != ']' {
		value, err := valueIn(document, decoder)
		if err != nil {
			return nil, err
		}
		items = append(items, value)
	}
	return items, expect(decoder, ']')
}

func expect(decoder *jsontext.Decoder, kind jsontext.Kind) error {
	token, err := decoder.ReadToken()
	if err == nil && token.Kind() != kind {
		err = fmt.Errorf("%s in the place of %s", token.Kind(), kind)
	}
	return err
}

// valueIn reads a value without a copy of it.
func valueIn(document []byte, decoder *jsontext.Decoder) (jsontext.Value, error) {
	value, err := decoder.ReadValue()
	end := int(decoder.InputOffset())
	return document[end-len(value) : end : end], err
}

// asDocument is one JSON document. Its list grows; the other members are before it and behind it as in the parts.
type asDocument struct {
	list  string
	items int
	names []string // of members that are told
	rest  []byte   // what comes behind the list
}

func (*asDocument) mediaType() string { return jsonType }

func (*asDocument) held() int { return heldBytes }

func (f *asDocument) add(to []byte, p piece) ([]byte, error) {
	if len(f.names) == 0 {
		f.names = []string{f.list}
		to = append(to, '{')
		for _, m := range p.before {
			to = append(f.member(to, m), ',')
		}
		to = append(quoted(to, f.list), ":["...)
	}
	for _, m := range slices.Concat(p.before, p.after) {
		if !slices.Contains(f.names, m.name) {
			f.rest = f.member(append(f.rest, ','), m)
		}
	}
	for _, item := range p.items {
		if f.items++; f.items > 1 {
			to = append(to, ',')
		}
		to = append(to, item...)
	}
	return to, nil
}

// member writes one that was not told yet.
func (f *asDocument) member(to []byte, m member) []byte {
	f.names = append(f.names, m.name)
	return append(append(quoted(to, m.name), ':'), m.value...)
}

// quoted writes the name of a member, which a decoder has found to be Unicode.
func quoted(to []byte, name string) []byte {
	to, _ = jsontext.AppendQuote(to, name)
	return to
}

func (f *asDocument) end(to []byte) []byte {
	return append(append(append(to, ']'), f.rest...), '}')
}

// fail has no words: a document that tells of its own end is complete.
func (*asDocument) fail(to, _ []byte) []byte { return to }

// asLines is one item a line.
type asLines struct{}

func (asLines) mediaType() string { return linesType }

func (asLines) held() int { return 0 }

func (asLines) add(to []byte, p piece) ([]byte, error) {
	for _, item := range p.items {
		if err := item.Compact(); err != nil {
			return to, fmt.Errorf("write an item in a line: %w", err)
		}
		to = append(append(to, item...), '\n')
	}
	return to, nil
}

func (asLines) end(to []byte) []byte { return to }

func (asLines) fail(to, problem []byte) []byte {
	return append(append(append(to, `{"problem":`...), problem...), "}\n"...)
}
