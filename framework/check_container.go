package framework

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

func (w *walk) items(rules *arrayRules) error {
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	items := 0
	var seen map[string]struct{}
	if rules.unique {
		seen = map[string]struct{}{}
	}
	for w.decoder.PeekKind() != ']' {
		start := w.decoder.InputOffset()
		if err := w.value(rules.items); err != nil {
			return err
		}
		items++
		if rules.unique && !w.isNew(seen, start) {
			w.violate("uniqueItems", "must not repeat an earlier item")
		}
	}
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	if items < rules.minItems {
		w.violate("minItems", "must have at least "+count(rules.minItems, "item"))
	}
	if rules.maxItems >= 0 && items > rules.maxItems {
		w.violate("maxItems", "must have at most "+count(rules.maxItems, "item"))
	}
	return nil
}

// isNew remembers the item that was just read, from its bytes in canonical form.
func (w *walk) isNew(seen map[string]struct{}, start int64) bool {
	raw := make([]byte, w.decoder.InputOffset()-start)
	if _, err := w.reader.ReadAt(raw, start); err != nil {
		return true
	}
	key, ok := canonicalKey(bytes.TrimLeft(raw, " \t\r\n,"))
	if !ok {
		return true
	}
	_, repeated := seen[key]
	seen[key] = struct{}{}
	return !repeated
}

func (w *walk) members(rules *objectRules) error {
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	members, kept, met := 0, 0, uint64(0)
	for w.decoder.PeekKind() != '}' {
		before := w.decoder.InputOffset()
		name, err := w.decoder.ReadValue()
		if err != nil {
			return err
		}
		members++
		known, undeclared := rules.member(w, name)
		if undeclared {
			if err := w.undeclared(before); err != nil {
				return err
			}
			continue
		}
		if kept == 0 && members > 1 { // the members before were all cut: so is the comma after them
			w.cuts = append(w.cuts, cut{before, before + 1})
		}
		kept++
		if known.required >= 0 {
			met |= 1 << known.required
		}
		if err := w.value(known.node); err != nil {
			return err
		}
	}
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	w.checkMembers(rules, members, met)
	return nil
}

// member finds the rules for a member by its quoted name.
func (rules *objectRules) member(w *walk, quoted []byte) (known property, undeclared bool) {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		w.text, _ = jsontext.AppendUnquote(w.text[:0], quoted)
		name = w.text
	}
	if declared, ok := rules.properties[string(name)]; ok {
		return *declared, false
	}
	return property{node: rules.additional, required: -1}, rules.additional == nil
}

// undeclared passes over a member that the schema does not have; the name has been read.
func (w *walk) undeclared(before int64) error {
	if !w.drop {
		w.violate("additionalProperties", "is not a member that is known here")
	}
	err := w.decoder.SkipValue()
	w.cuts = append(w.cuts, cut{before, w.decoder.InputOffset()})
	return err
}

func (w *walk) checkMembers(rules *objectRules, members int, met uint64) {
	for i, name := range rules.required {
		if met&(1<<i) == 0 {
			w.violateBelow(name, "required", "is missing")
		}
	}
	if members < rules.minMembers {
		w.violate("minProperties", "must have at least "+count(rules.minMembers, "member"))
	}
	if rules.maxMembers >= 0 && members > rules.maxMembers {
		w.violate("maxProperties", "must have at most "+count(rules.maxMembers, "member"))
	}
}

// violateBelow reports a member of the object that was just read.
func (w *walk) violateBelow(member, rule, message string) {
	if !w.full() {
		w.violateAt(string(w.decoder.StackPointer().AppendToken(member)), rule, message)
	}
}

// choose checks an object by the shape that its discriminator names. The object is read whole first, since the
// discriminator may be its last member.
func (w *walk) choose(rules *choiceRules) error {
	object, err := w.decoder.ReadValue()
	if err != nil {
		return err
	}
	start := w.decoder.InputOffset() - int64(len(object))
	object = object.Clone() // the walk below reuses what the decoder owns
	name, found := discriminatorOf(object, rules.discriminator)
	shape, known := rules.shapes[name]
	switch {
	case !found:
		w.violateBelow(rules.discriminator, "required", "is missing, or is no string")
		return nil
	case !known:
		w.violateBelow(rules.discriminator, "enum", "must be one of the listed values")
		return nil
	}
	undeclared := Reject
	if w.drop {
		undeclared = Drop
	}
	violations, cuts, err := shape.check(object, undeclared)
	for _, v := range violations {
		if !w.full() {
			w.violateAt(string(w.decoder.StackPointer())+v.Pointer, v.Rule, v.Message)
		}
	}
	for _, c := range cuts {
		w.cuts = append(w.cuts, cut{start + c.from, start + c.to})
	}
	return err
}
