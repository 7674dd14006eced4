package scrub

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"funnelweb/framework"
)

// renamed gives the names of members that held something to take out. Names that differed still do, and one has the same name
// wherever it stands: so no member is lost to whoever reads the answer, and rows of a list keep their columns.
type renamed struct {
	answer  *framework.Response
	instead map[string]string // by what they were
	taken   map[string]int    // all names of the document, and those that were given: how often one was asked for
}

// rename returns what takes the place of a name, or nil when it stays.
func (r rules) rename(raw jsontext.Value, names *renamed, found *counts) ([]byte, error) {
	text, err := unquoted(raw)
	if err != nil {
		return nil, err
	}
	var inName counts
	scrubbed, changed := r.text(text, &inName)
	if !changed || names.answer.IsDeclared(string(text)) {
		return nil, nil
	}
	for what, count := range inName {
		found.addMany(what, count)
	}
	return quoted([]byte(names.give(string(text), string(scrubbed))))
}

// give finds a name that is not taken: [card], else [card] 2.
func (n *renamed) give(was, wanted string) string {
	if given, known := n.instead[was]; known {
		return given
	}
	if n.instead == nil {
		n.instead, n.taken = map[string]string{}, namesIn(n.answer.Body)
	}
	given := wanted
	for _, taken := n.taken[given]; taken; _, taken = n.taken[given] {
		n.taken[wanted]++
		given = wanted + " " + strconv.Itoa(n.taken[wanted]+1)
	}
	n.taken[given] = 0
	n.instead[was] = given
	return given
}

// namesIn lists the names of a document, as far as it is one.
func namesIn(document []byte) map[string]int {
	decoder := jsontext.NewDecoder(bytes.NewReader(document), jsontext.AllowDuplicateNames(true))
	all := map[string]int{}
	for {
		text, isName, err := nextText(decoder)
		if err != nil {
			return all
		}
		if !isName {
			continue
		}
		if name, err := unquoted(text); err == nil {
			all[string(name)] = 0
		}
	}
}
