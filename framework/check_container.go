package framework

import (
	"bytes"
	"reflect"
)

func (w *walk) items(rules *arrayRules, f *form, into reflect.Value) {
	items := 0
	var seen distinct
	fill := w.filling(f, formSlice, into)
	if rules.unique {
		w.uniques++
	}
	for w.open(); w.next(); {
		start := w.at
		item, at := fill.item(into, items)
		w.value(rules.items, item, at)
		items++
		if rules.unique && !w.broken {
			w.unlike(&seen, start)
		}
	}
	if rules.unique {
		w.uniques--
	}
	fill.finish(into)
	if items < rules.minItems {
		w.violate("minItems", "must have at least "+count(rules.minItems, "item"))
	}
	if rules.maxItems >= 0 && items > rules.maxItems {
		w.violate("maxItems", "must have at most "+count(rules.maxItems, "item"))
	}
}

// unlike holds the item that was just read against the earlier ones.
func (w *walk) unlike(seen *distinct, start int) {
	if w.full() {
		return
	}
	if w.drop {
		w.dropped = w.cuts
	}
	key := w.canonical(start)
	if !seen.add(key) {
		w.violate("uniqueItems", "must not repeat an earlier item")
	}
	if w.uniques > 1 {
		w.remember(start, key)
	}
}

func (w *walk) members(rules *objectRules, f *form, into reflect.Value) {
	members, kept, met := 0, 0, uint64(0) // met has the bits of the declared members so far
	fill := w.filling(f, formStruct|formMap, into)
	w.open()
	for before := w.at; w.next(); before = w.at {
		members++
		name := w.top().name
		known, declared := rules.find(name, members-1)
		switch bit := known.bit(); {
		case bit&met != 0:
			w.fail() // it repeats
			return
		case bit != 0:
			met |= bit
		default:
			w.unique()
		}
		switch {
		case declared:
		case rules.additional != nil:
			known = &rules.others
		default:
			w.undeclared(before)
			continue
		}
		if kept == 0 && members > 1 { // the members before were all cut: so is the comma after them
			w.cuts = append(w.cuts, cut{before, before + bytes.IndexByte(w.document[before:], ',') + 1})
		}
		kept++
		member, at := fill.member(name, members-1, into)
		w.value(known.node, member, at)
		fill.put(name, into, at)
	}
	w.checkMembers(rules, members, met)
}

// find looks a member up. Most senders keep to the order of the schema: guess is where in it the member would be then.
func (rules *objectRules) find(name []byte, guess int) (known *property, declared bool) {
	if guess < len(rules.required) && rules.required[guess] == string(name) && rules.inOrder[guess] != nil {
		return rules.inOrder[guess], true
	}
	known, declared = rules.properties[string(name)]
	return known, declared
}

// undeclared passes over a member that the schema does not have; the name has been read.
func (w *walk) undeclared(before int) {
	if !w.drop {
		w.violate("additionalProperties", "is not a member that is known here")
	}
	w.scanner.value()
	w.cuts = append(w.cuts, cut{before, w.at})
}

func (w *walk) checkMembers(rules *objectRules, members int, met uint64) {
	for i, name := range rules.required {
		if met&(1<<i) == 0 { // the required members have the first bits
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
		w.violateAt(string(w.pointer().AppendToken(member)), rule, message)
	}
}

// choose checks an object by the shape that its discriminator names. The object is read whole first, since the
// discriminator may be its last member.
func (w *walk) choose(rules *choiceRules) {
	object := w.scanner.value()
	if w.broken {
		return
	}
	start := w.at - len(object)
	name, found := discriminatorOf(object, rules.discriminator)
	shape, known := rules.shapes[name]
	switch {
	case !found:
		w.violateBelow(rules.discriminator, "required", "is missing, or is no string")
		return
	case !known:
		w.violateBelow(rules.discriminator, "enum", "must be one of the listed values")
		return
	}
	undeclared := Reject
	if w.drop {
		undeclared = Drop
	}
	violations, cuts, err := shape.check(object, undeclared)
	if err != nil {
		w.fail()
		return
	}
	for _, v := range violations {
		if !w.full() {
			w.violateAt(string(w.pointer())+v.Pointer, v.Rule, v.Message)
		}
	}
	for _, c := range cuts {
		w.cuts = append(w.cuts, cut{start + c.from, start + c.to})
	}
}
