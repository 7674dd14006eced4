package directory

import (
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// maxValues bounds the values of one attribute in an answer: MaxValRange of Active Directory.
const maxValues = 1500

// attribute is what is told of one attribute.
type attribute struct {
	name   string
	values []string
}

// show chooses what is told of entries.
func (s *session) show(entries []*entry, q query) []shown {
	list := make([]shown, 0, len(entries))
	for _, e := range entries {
		list = append(list, shown{e.dn, s.domain.choose(e, q)})
	}
	return list
}

// choose returns the attributes that a search wants: all that are stored when it names none or "*".
func (d *domain) choose(e *entry, q query) []attribute {
	var chosen []attribute
	seen := map[string]bool{}
	take := func(name, options string) {
		if key := strings.ToLower(name); !seen[key] {
			seen[key] = true
			chosen = append(chosen, d.values(e, key, options, q)...)
		}
	}
	for _, one := range q.wanted {
		if name, options, _ := strings.Cut(one, ";"); name != "*" && name != "1.1" {
			take(name, options)
		} else if name == "*" {
			for _, stored := range e.order {
				take(stored, "")
			}
		}
	}
	if len(q.wanted) == 0 {
		for _, stored := range e.order {
			take(stored, "")
		}
	}
	if q.typesOnly {
		for i := range chosen {
			chosen[i].values = nil
		}
	}
	return chosen
}

// values returns an attribute, or none when there are no values. Of more than maxValues there are a part and the name
// without values, which is how Active Directory says that there is more ([MS-ADTS] 3.1.1.3.1.3.3).
func (d *domain) values(e *entry, key, options string, q query) []attribute {
	kind, known := d.schema[key]
	if !known {
		return nil
	}
	values := e.all(key)
	if kind.computed && (q.scope == ldap.ScopeBaseObject || kind.name != "tokenGroups") {
		values = d.computed(e, kind.name)
	}
	first, last, ranged := parseRange(options)
	switch {
	case options != "" && !ranged, len(values) == 0, first >= len(values):
		return nil
	case !ranged && len(values) <= maxValues:
		return []attribute{{kind.name, values}}
	}
	end := min(len(values), first+maxValues, last+1)
	upTo := strconv.Itoa(end - 1)
	if end == len(values) {
		upTo = "*"
	}
	part := attribute{kind.name + ";range=" + strconv.Itoa(first) + "-" + upTo, values[first:end]}
	if ranged {
		return []attribute{part}
	}
	return []attribute{{kind.name, nil}, part}
}

// parseRange reads the option range=first-last, where last may be *.
func parseRange(option string) (first, last int, ok bool) {
	const end = 1 << 30
	value, found := strings.CutPrefix(strings.ToLower(option), "range=")
	low, high, both := strings.Cut(value, "-")
	if !found || !both {
		return 0, end - 1, false
	}
	first, err := strconv.Atoi(low)
	if high == "*" {
		high = strconv.Itoa(end - 1)
	}
	last, lastErr := strconv.Atoi(high)
	ok = err == nil && lastErr == nil && 0 <= first && first <= last && last < end
	return first, last, ok
}
