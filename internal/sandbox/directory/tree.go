package directory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// entry is an object of the directory.
type entry struct {
	dn         string
	id         string              // the DN in a form that all ways to write it have in common
	parent     string              // the id of what it lies in, or ""
	root       string              // the id of the naming context that it is part of
	attributes map[string][]string // by name in lower case; never empty
	order      []string            // their names, as they were first set
	password   framework.Secret
}

func (e *entry) set(name string, values ...string) {
	key := strings.ToLower(name)
	values = slices.DeleteFunc(slices.Clone(values), func(value string) bool { return value == "" })
	if len(values) == 0 {
		delete(e.attributes, key)
		e.order = slices.DeleteFunc(e.order, func(one string) bool { return one == key })
		return
	}
	if _, there := e.attributes[key]; !there {
		e.order = append(e.order, key)
	}
	e.attributes[key] = values
}

func (e *entry) add(name, value string) { e.set(name, append(e.all(name), value)...) }

func (e *entry) all(name string) []string { return e.attributes[strings.ToLower(name)] }

func (e *entry) first(name string) string {
	if values := e.all(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (e *entry) is(class string) bool {
	return slices.ContainsFunc(e.all("objectClass"), func(one string) bool { return strings.EqualFold(one, class) })
}

// tree holds all entries: by id, and in the order in which they were made.
type tree struct {
	schema  schema
	entries map[string]*entry
	order   []*entry
}

// put adds an empty entry. What it lies in must be there, unless it is the root of a naming context.
func (t *tree) put(name string, root bool) (*entry, error) {
	parsed, err := ldap.ParseDN(name)
	if err != nil || len(parsed.RDNs) == 0 {
		return nil, fmt.Errorf("%q is no distinguished name", name)
	}
	made := &entry{dn: name, id: idOf(parsed), attributes: map[string][]string{}}
	if _, there := t.entries[made.id]; there {
		return nil, fmt.Errorf("%s is there twice", name)
	}
	if root {
		made.root = made.id
	} else {
		above, there := t.entries[idOf(&ldap.DN{RDNs: parsed.RDNs[1:]})]
		if !there {
			return nil, fmt.Errorf("there is nothing that %s could lie in", name)
		}
		made.parent, made.root = above.id, above.root
	}
	t.entries[made.id], t.order = made, append(t.order, made)
	return made, nil
}

// find returns the entry with a DN, however it is written.
func (t *tree) find(name string) (*entry, bool) {
	id, ok := parseID(name)
	if !ok {
		return nil, false
	}
	found, ok := t.entries[id]
	return found, ok
}

// inside reports whether an entry is in the scope of a search from base. A search does not go over into the next
// naming context.
func (t *tree) inside(e, base *entry, scope int) bool {
	switch scope {
	case ldap.ScopeBaseObject:
		return e == base
	case ldap.ScopeSingleLevel:
		return e.parent == base.id && e.root == base.root
	default:
		return e.root == base.root && t.below(e, base)
	}
}

// below reports whether an entry is the base or lies in it, however deep.
func (t *tree) below(e, base *entry) bool {
	for ; e != nil; e = t.entries[e.parent] {
		if e == base {
			return true
		}
	}
	return false
}

// link keeps the other side of an attribute that refers to another entry.
func (t *tree) link(from *entry, attribute, to string) error {
	target, there := t.find(to)
	if !there {
		return fmt.Errorf("%s of %s is %s, which is not there", attribute, from.dn, to)
	}
	from.add(attribute, target.dn)
	target.add(backLinks()[attribute], from.dn)
	return nil
}

func parseID(name string) (string, bool) {
	parsed, err := ldap.ParseDN(name)
	if err != nil {
		return "", false
	}
	return idOf(parsed), true
}

// idOf folds the case of names and values.
func idOf(parsed *ldap.DN) string {
	parts := make([]string, len(parsed.RDNs))
	for i, rdn := range parsed.RDNs {
		pairs := make([]string, len(rdn.Attributes))
		for j, pair := range rdn.Attributes {
			pairs[j] = strings.ToLower(pair.Type) + "=" + ldap.EscapeDN(strings.ToLower(pair.Value))
		}
		slices.Sort(pairs)
		parts[i] = strings.Join(pairs, "+")
	}
	return strings.Join(parts, ",")
}
