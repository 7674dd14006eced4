package framework

import "hash/maphash"

// distinct finds texts that repeat, in time and memory that grow with the texts alone: what they are may be up to an attacker.
type distinct struct {
	texts [][]byte
	table []uint32 // by hash, with the next place taken where one is: 1 + the place in texts; empty while the texts are few
}

// few is up to how many texts are compared rather than looked up.
const few = 16

// hashSeed is random, so that nobody can choose texts that share their places.
//
//nolint:gochecknoglobals // never changes
var hashSeed = maphash.MakeSeed()

// add reports whether a text is new, and keeps it, not a copy.
func (d *distinct) add(text []byte) bool {
	if len(d.table) == 0 {
		for _, earlier := range d.texts {
			if string(earlier) == string(text) {
				return false
			}
		}
	} else if place := d.find(text); d.table[place] != 0 {
		return false
	} else {
		d.table[place] = uint32(len(d.texts) + 1) //nolint:gosec // a document has fewer texts than bytes
	}
	if d.texts == nil {
		d.texts = make([][]byte, 0, few)
	}
	d.texts = append(d.texts, text)
	if len(d.texts) > few && 2*len(d.texts) > len(d.table) {
		d.grow()
	}
	return true
}

// find is the place of a text in the table, or the free one where it goes.
func (d *distinct) find(text []byte) int {
	mask := len(d.table) - 1
	place := int(maphash.Bytes(hashSeed, text)) & mask //nolint:gosec // only some of its bits are wanted
	for d.table[place] != 0 && string(d.texts[d.table[place]-1]) != string(text) {
		place = (place + 1) & mask
	}
	return place
}

// grow makes the table four times as large, which keeps it a power of two.
func (d *distinct) grow() {
	d.table = make([]uint32, max(8*few, 4*len(d.table)))
	for i, text := range d.texts {
		d.table[d.find(text)] = uint32(i + 1)
	}
}

// reset forgets everything but a little memory.
func (d *distinct) reset() {
	clear(d.texts)
	d.table = nil
	if d.texts = d.texts[:0]; cap(d.texts) > 2*few {
		d.texts = nil
	}
}
