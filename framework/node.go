package framework

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
	kinds    kinds
	integer  bool
	unsigned bool // an integer of 64 bits without a sign; else it has one

	enum   *enumRules
	oneOf  []*node // alternatives that differ in their kinds
	choice *choiceRules
	str    *stringRules
	num    *numberRules
	array  *arrayRules
	object *objectRules
}

// enumRules are the values that are allowed.
type enumRules struct {
	texts  map[string]struct{} // strings, as they are
	others map[string]struct{} // all else, in canonical form
}

func (e *enumRules) allowsText(text []byte) bool {
	_, listed := e.texts[string(text)]
	return listed
}

// allows takes what scanner.canonical returns.
func (e *enumRules) allows(key []byte) bool {
	_, listed := e.others[string(key)]
	return listed
}

// choiceRules are alternatives that a member tells apart.
type choiceRules struct {
	discriminator string
	shapes        map[string]*node
}

type stringRules struct {
	minLength, maxLength int // in code points; -1 for no rule
	pattern              *pattern
	format               string
	valid                func([]byte) bool
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
	required               []string    // in the order of the schema
	inOrder                []*property // those of required
	additional             *node       // nil when undeclared members are not allowed
	others                 property    // with additional
	minMembers, maxMembers int         // -1 for no rule
}

type property struct {
	node   *node
	number int // from 1 on: first come the required ones, in their order
}

// bit is the property's own in a set; there is none for what is not declared, and for what is one too many.
func (p *property) bit() uint64 {
	if p == nil || p.number < 1 || p.number > setSize {
		return 0
	}
	return 1 << (p.number - 1)
}

// setSize is the width of the bit set in which a walk marks the members that it has met; no more can be required.
const setSize = 64

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
