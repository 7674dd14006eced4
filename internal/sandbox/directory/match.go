package directory

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// The matching rules of Active Directory ([MS-ADTS] 3.1.1.3.4.4).
const (
	ruleBitAnd = "1.2.840.113556.1.4.803"  // all bits asserted are set
	ruleBitOr  = "1.2.840.113556.1.4.804"  // any bit asserted is set
	ruleChain  = "1.2.840.113556.1.4.1941" // the DN asserted is reached by following the attribute
)

// comparison is attribute=value, >=, <= or ~=, which Active Directory takes for =.
type comparison struct {
	attribute, value string
	how              ber.Tag
}

func (f comparison) match(t *tree, e *entry) truth {
	if strings.EqualFold(f.attribute, "anr") {
		return is(f.how == ldap.FilterEqualityMatch && ambiguousName(e, f.value))
	}
	kind, known := t.searchable(f.attribute)
	if !known {
		return undefined
	}
	if f.how == ldap.FilterGreaterOrEqual || f.how == ldap.FilterLessOrEqual {
		return f.ordered(kind, e)
	}
	asserted, ok := t.normal(kind, f.value)
	if !ok {
		return undefined
	}
	return is(slices.ContainsFunc(e.all(f.attribute), func(value string) bool {
		have, ok := t.normal(kind, value)
		return ok && have == asserted
	}))
}

func (f comparison) ordered(kind attributeType, e *entry) truth {
	var compare func(a, b string) int
	switch kind.syntax {
	case text:
		compare = func(a, b string) int { return strings.Compare(fold(a), fold(b)) }
	case integer:
		if _, err := strconv.ParseInt(f.value, 10, 64); err != nil {
			return undefined
		}
		compare = compareIntegers
	default:
		return undefined
	}
	return is(slices.ContainsFunc(e.all(f.attribute), func(value string) bool {
		if f.how == ldap.FilterGreaterOrEqual {
			return compare(value, f.value) >= 0
		}
		return compare(value, f.value) <= 0
	}))
}

func compareIntegers(a, b string) int {
	left, leftErr := strconv.ParseInt(a, 10, 64)
	right, rightErr := strconv.ParseInt(b, 10, 64)
	if leftErr != nil || rightErr != nil {
		return strings.Compare(a, b) // what is stored is a number, and the filter's was checked
	}
	return cmp.Compare(left, right)
}

// normal gives a value the form in which equal ones are the same.
func (t *tree) normal(kind attributeType, value string) (string, bool) {
	switch kind.syntax {
	case integer:
		number, err := strconv.ParseInt(value, 10, 64)
		return strconv.FormatInt(number, 10), err == nil
	case dn:
		return parseID(value)
	case category:
		if named, known := classOf(value); known {
			return parseID("CN=" + named.category + ",CN=Schema,CN=Configuration," + t.order[0].dn)
		}
		return parseID(value)
	case octets:
		return value, true
	case sid:
		if parsed, ok := parseSID(value); ok {
			return parsed, true
		}
		return value, true
	default:
		return fold(value), true
	}
}

// fold drops what does not count in text: case, and spaces before, after and beside others (RFC 4518).
func fold(value string) string {
	parts := strings.FieldsFunc(strings.ToLower(value), func(r rune) bool { return r == ' ' })
	return strings.Join(parts, " ")
}

// extensible is attribute:rule:=value.
type extensible struct{ attribute, rule, value string }

func (f extensible) match(t *tree, e *entry) truth {
	kind, known := t.searchable(f.attribute)
	if !known {
		return undefined
	}
	switch f.rule {
	case "":
		return comparison{attribute: f.attribute, value: f.value, how: ldap.FilterEqualityMatch}.match(t, e)
	case ruleBitAnd, ruleBitOr:
		return f.bits(kind, e)
	case ruleChain:
		target, ok := parseID(f.value)
		if !ok || kind.syntax != dn {
			return undefined
		}
		return is(t.reaches(e, f.attribute, target))
	default:
		return undefined
	}
}

func (f extensible) bits(kind attributeType, e *entry) truth {
	asserted, err := strconv.ParseInt(f.value, 10, 64)
	if err != nil || kind.syntax != integer {
		return undefined
	}
	return is(slices.ContainsFunc(e.all(f.attribute), func(value string) bool {
		have, err := strconv.ParseInt(value, 10, 64)
		if f.rule == ruleBitAnd {
			return err == nil && have&asserted == asserted
		}
		return err == nil && have&asserted != 0
	}))
}

// reaches reports whether following an attribute from entry to entry leads to the target. Circles do no harm.
func (t *tree) reaches(from *entry, attribute, target string) bool {
	seen := map[string]bool{}
	for next := t.targets(from, attribute); len(next) > 0; next = next[1:] {
		if next[0] == target {
			return true
		}
		if e, there := t.entries[next[0]]; there && !seen[e.id] {
			seen[e.id] = true
			next = append(next, t.targets(e, attribute)...)
		}
	}
	return false
}

func (t *tree) targets(e *entry, attribute string) []string {
	var targets []string
	for _, value := range e.all(attribute) {
		if id, ok := parseID(value); ok {
			targets = append(targets, id)
		}
	}
	return targets
}

// ambiguousName is the attribute anr, which is short for: one of these begins with the value, or given name and surname
// begin with its two halves, either way round ([MS-ADTS] 3.1.1.3.1.3.2).
func ambiguousName(e *entry, value string) bool {
	begins := func(attribute, value string) bool {
		return slices.ContainsFunc(e.all(attribute), func(have string) bool {
			return value != "" && strings.HasPrefix(strings.ToLower(have), strings.ToLower(value))
		})
	}
	for _, attribute := range []string{"displayName", "givenName", "name", "physicalDeliveryOfficeName", "proxyAddresses", "sAMAccountName", "sn"} {
		if begins(attribute, value) {
			return true
		}
	}
	one, other, two := strings.Cut(value, " ")
	return two && (begins("givenName", one) && begins("sn", other) || begins("givenName", other) && begins("sn", one))
}
