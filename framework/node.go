package framework

import "regexp"

// kinds is a set of JSON kinds.
type kinds uint8

const (
	isNull kinds = 1 << iota
	isBool
	isNumber
	isString
	isArray
	isObject
	isAny = isNull | isBool | isNumber | isString | isArray | isObject
)

// node checks one place of a document. It is compiled from the published schema and never changes afterwards.
type node struct {
	kinds   kinds
	integer bool
	bits    int // 32 or 64 for an integer with a format

	enum   map[string]struct{} // canonicalKey of the allowed values; nil for no rule
	oneOf  []*node             // alternatives that differ in their kinds
	choice *choiceRules
	str    *stringRules
	num    *numberRules
	array  *arrayRules
	object *objectRules
}

// choiceRules are alternatives that a member tells apart.
type choiceRules struct {
	discriminator string
	shapes        map[string]*node
}

type stringRules struct {
	minLength, maxLength int // in code points; -1 for no rule
	pattern              *regexp.Regexp
	format               string
	valid                func(string) bool
}

// numberRules are bounds; each is nil for no rule.
type numberRules struct{ minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf *bound }

// bound is a limit as a number and as the schema publishes it.
type bound struct {
	decimal
	approximate float64
}

type arrayRules struct {
	items              *node
	minItems, maxItems int // -1 for no rule
	unique             bool
}

type objectRules struct {
	properties             map[string]*property
	required               []string // in the order of the schema
	additional             *node    // nil when undeclared members are not allowed
	minMembers, maxMembers int      // -1 for no rule
}

type property struct {
	node     *node
	required int // index into required, -1 when optional
}

// maxRequired is the width of the bit set in which a walk marks the required members that it has met.
const maxRequired = 64

func indexOf(names []string, name string) int {
	for i, candidate := range names {
		if candidate == name {
			return i
		}
	}
	return -1
}

func orNone(limit *int) int {
	if limit == nil {
		return -1
	}
	return *limit
}
