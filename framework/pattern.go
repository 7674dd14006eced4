package framework

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// pattern is a regular expression of a schema. Those are ECMA-262's (JSON Schema 2020-12, section 6.4), and ours are RE2's,
// which takes time in proportion to the text, whoever wrote that. Enforced is what is published: what the two read differently
// is translated, and what only one of them reads is refused.
type pattern struct {
	*regexp.Regexp
	published string
}

// String is the pattern as it is published.
func (p *pattern) String() string { return p.published }

// compilePattern reads an expression as ECMA-262 does with the flag u.
func compilePattern(published string) (*pattern, error) {
	t := &translation{rest: published}
	for t.rest != "" {
		if err := t.term(); err != nil {
			return nil, fmt.Errorf("the pattern %s: %w", published, err)
		}
	}
	compiled, err := regexp.Compile(t.out.String())
	if err != nil {
		return nil, fmt.Errorf("the pattern %s: %w", published, err)
	}
	return &pattern{compiled, published}, nil
}

// What ECMA-262 calls white space (section 22.2.2.9, CharacterClassEscape) and line ends (section 12.3), as ranges of RE2,
// and all that is neither.
const (
	ecmaSpace    = `\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	ecmaNotSpace = `\x{0}-\x{8}\x{e}-\x{1f}!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
	ecmaLineEnd  = `\n\r\x{2028}\x{2029}`
)

// The parts that both read, and mean the same by.
var (
	sharedGroup      = regexp.MustCompile(`^\((\?:)?`)
	sharedQuantifier = regexp.MustCompile(`^([*+?]|\{[0-9]+(,[0-9]*)?\})\??`)
	sharedEscape     = regexp.MustCompile(`^\\([dDwWtnrfv^$\\.*+?()[\]{}|/]|x[0-9A-Fa-f]{2}|[pP]\{[LMNPSZC][a-z]?\})`)
)

// translation turns an expression into one that means the same to RE2.
type translation struct {
	rest      string
	out       strings.Builder
	repeatsNo bool // what is before cannot be repeated
}

// take moves a part from the input, and writes another one in its place.
func (t *translation) take(part, written string) {
	t.rest = t.rest[len(part):]
	t.out.WriteString(written)
}

func (t *translation) term() error {
	c, wasNo := t.rest[0], t.repeatsNo
	t.repeatsNo = c == '^' || c == '$' || c == '|' || c == '('
	switch c {
	case '\\':
		return t.escape(false)
	case '[':
		return t.class()
	case '(':
		group := sharedGroup.FindString(t.rest)
		if group == "(" && strings.HasPrefix(t.rest, "(?") {
			return errors.New("the only groups are (…) and (?:…): there are no names, no flags, and no looking around")
		}
		t.take(group, group)
	case '*', '+', '?', '{':
		quantifier := sharedQuantifier.FindString(t.rest)
		if quantifier == "" || wasNo {
			return fmt.Errorf("%c repeats nothing; the character itself is written \\%c", c, c)
		}
		t.take(quantifier, quantifier)
		t.repeatsNo = true
	case '}', ']':
		return fmt.Errorf("%c closes nothing; the character itself is written \\%c", c, c)
	case '.':
		t.take(".", "[^"+ecmaLineEnd+"]")
	default:
		t.take(t.rest[:1], t.rest[:1])
	}
	return nil
}

// escape takes what begins with a backslash.
func (t *translation) escape(inClass bool) error {
	two := t.rest[:min(2, len(t.rest))]
	shared := sharedEscape.FindString(t.rest)
	switch {
	case two == `\s` && inClass:
		t.take(two, ecmaSpace)
	case two == `\S` && inClass:
		t.take(two, ecmaNotSpace)
	case two == `\s`:
		t.take(two, "["+ecmaSpace+"]")
	case two == `\S`:
		t.take(two, "["+ecmaNotSpace+"]")
	case two == `\-` && inClass:
		t.take(two, two)
	case (two == `\b` || two == `\B`) && !inClass:
		t.take(two, two)
		t.repeatsNo = true
	case shared != "":
		t.take(shared, shared)
	default:
		return fmt.Errorf(`%s is not read alike by RE2 and ECMA-262: take the character itself, \xHH, or a class`, two)
	}
	return nil
}

// class takes what is in square brackets.
func (t *translation) class() error {
	t.take("[", "[")
	if strings.HasPrefix(t.rest, "^") {
		t.take("^", "^")
	}
	if strings.HasPrefix(t.rest, "]") {
		return errors.New(`a class is empty; the bracket itself is written \]`)
	}
	for t.rest != "" && t.rest[0] != ']' {
		switch {
		case t.rest[0] == '\\':
			set := strings.ContainsAny(t.rest[1:min(2, len(t.rest))], "dDwWsSpP")
			if err := t.escape(true); err != nil {
				return err
			}
			if set && strings.HasPrefix(t.rest, "-") && !strings.HasPrefix(t.rest, "-]") {
				return errors.New(`a range begins with a class; the character itself is written \-`)
			}
		case strings.HasPrefix(t.rest, "[:"):
			return errors.New("there are no classes such as [:alpha:]: write the characters out")
		default:
			t.take(t.rest[:1], t.rest[:1])
		}
	}
	if t.rest == "" {
		return errors.New("a class is not closed")
	}
	t.take("]", "]")
	return nil
}
