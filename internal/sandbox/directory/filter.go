package directory

import (
	"errors"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// truth is a value of the logic of filters, which knows a third one (RFC 4511 section 4.5.1.7). In this order, "and" is
// the least of its parts and "or" the greatest.
type truth int

const (
	no truth = iota
	undefined
	yes
)

func is(condition bool) truth {
	if condition {
		return yes
	}
	return no
}

// A filter says of an entry whether it is meant.
type filter interface {
	match(t *tree, e *entry) truth
}

// maxDepth bounds how deep filters are nested.
const maxDepth = 100

// errFilter says that what was sent is no filter.
var errFilter = errors.New("malformed filter")

// parseFilter reads a filter as it comes over the wire.
func parseFilter(packet *ber.Packet, depth int) (filter, error) {
	if packet.ClassType != ber.ClassContext || depth > maxDepth {
		return nil, errFilter
	}
	switch packet.Tag {
	case ldap.FilterAnd, ldap.FilterOr:
		return parseSet(packet, depth)
	case ldap.FilterNot:
		if len(packet.Children) != 1 {
			return nil, errFilter
		}
		inner, err := parseFilter(packet.Children[0], depth+1)
		return not{inner}, err
	case ldap.FilterEqualityMatch, ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual, ldap.FilterApproxMatch:
		values, err := octetStrings(packet, 2)
		if err != nil {
			return nil, err
		}
		return comparison{attribute: values[0], value: values[1], how: packet.Tag}, nil
	case ldap.FilterSubstrings:
		return parseSubstrings(packet)
	case ldap.FilterPresent:
		return present{packet.Data.String()}, nil
	case ldap.FilterExtensibleMatch:
		return parseExtensible(packet)
	default:
		return nil, errFilter
	}
}

func parseSet(packet *ber.Packet, depth int) (filter, error) {
	parts := make([]filter, 0, len(packet.Children))
	for _, child := range packet.Children {
		part, err := parseFilter(child, depth+1)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if packet.Tag == ldap.FilterAnd {
		return and(parts), nil
	}
	return or(parts), nil
}

func octetStrings(packet *ber.Packet, count int) ([]string, error) {
	if len(packet.Children) != count {
		return nil, errFilter
	}
	values := make([]string, count)
	for i, child := range packet.Children {
		if child.ClassType != ber.ClassUniversal || child.Tag != ber.TagOctetString || child.TagType != ber.TypePrimitive {
			return nil, errFilter
		}
		values[i] = child.Data.String()
	}
	return values, nil
}

func parseSubstrings(packet *ber.Packet) (filter, error) {
	if len(packet.Children) != 2 || len(packet.Children[1].Children) == 0 {
		return nil, errFilter
	}
	parsed := substrings{attribute: packet.Children[0].Data.String()}
	parts := packet.Children[1].Children
	for i, part := range parts {
		value := part.Data.String()
		switch {
		case part.ClassType != ber.ClassContext || value == "":
			return nil, errFilter
		case part.Tag == ldap.FilterSubstringsInitial && i == 0:
			parsed.initial = value
		case part.Tag == ldap.FilterSubstringsAny:
			parsed.middle = append(parsed.middle, value)
		case part.Tag == ldap.FilterSubstringsFinal && i == len(parts)-1:
			parsed.final = value
		default:
			return nil, errFilter
		}
	}
	return parsed, nil
}

func parseExtensible(packet *ber.Packet) (filter, error) {
	var parsed extensible
	for _, child := range packet.Children {
		if child.ClassType != ber.ClassContext {
			return nil, errFilter
		}
		value := child.Data.String()
		switch child.Tag {
		case ldap.MatchingRuleAssertionMatchingRule:
			parsed.rule = value
		case ldap.MatchingRuleAssertionType:
			parsed.attribute = value
		case ldap.MatchingRuleAssertionMatchValue:
			parsed.value = value
		case ldap.MatchingRuleAssertionDNAttributes: // Active Directory takes no notice of it
		default:
			return nil, errFilter
		}
	}
	return parsed, nil
}

type and []filter

func (f and) match(t *tree, e *entry) truth {
	result := yes
	for _, part := range f {
		result = min(result, part.match(t, e))
	}
	return result
}

type or []filter

func (f or) match(t *tree, e *entry) truth {
	result := no
	for _, part := range f {
		result = max(result, part.match(t, e))
	}
	return result
}

type not struct{ inner filter }

func (f not) match(t *tree, e *entry) truth { return yes - f.inner.match(t, e) }

type present struct{ attribute string }

func (f present) match(t *tree, e *entry) truth {
	if _, known := t.searchable(f.attribute); !known {
		return undefined
	}
	return is(len(e.all(f.attribute)) > 0)
}

type substrings struct {
	attribute, initial, final string
	middle                    []string
}

func (f substrings) match(t *tree, e *entry) truth {
	kind, known := t.searchable(f.attribute)
	if !known || kind.syntax != text {
		return undefined
	}
	return is(slices.ContainsFunc(e.all(f.attribute), f.in))
}

func (f substrings) in(value string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(value), strings.ToLower(f.initial))
	for _, part := range f.middle {
		if !ok {
			return false
		}
		_, rest, ok = strings.Cut(rest, strings.ToLower(part))
	}
	return ok && strings.HasSuffix(rest, strings.ToLower(f.final))
}

// searchable looks up an attribute that a filter may name.
func (t *tree) searchable(name string) (attributeType, bool) {
	kind, known := t.schema[strings.ToLower(name)]
	return kind, known && !kind.computed
}
