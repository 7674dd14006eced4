// Package scrub takes payment card numbers, US social security numbers, bank accounts, keys and whatever else is
// configured out of answers before they leave.
package scrub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"mime"
	"regexp"
	"slices"
	"strings"
	"sync"

	"funnelweb/framework"
)

// Config says what is taken out. At least one of the fields is needed.
type Config struct {
	// Cards takes out payment card numbers: 13 to 19 digits, in one piece or in groups, that begin as an issuer's
	// numbers do and whose check digit is right. [card] takes their place.
	Cards bool `yaml:"cards"`
	// SSN takes out US social security numbers written in groups, such as 078-05-1120, or behind their name, unless they
	// were never given out. [ssn] takes their place.
	SSN bool `yaml:"ssn"`
	// IBAN takes out international bank account numbers whose check digits are right. [iban] takes their place.
	IBAN bool `yaml:"iban"`
	// Keys takes out keys and tokens that are known by their form (the README lists them), JSON Web Tokens, private keys,
	// passwords in addresses and what is sent in the header Authorization. [aws_key] and the like take their place.
	Keys bool `yaml:"keys"`
	// Patterns are applied after those, in their order.
	Patterns []Pattern `yaml:"patterns"`
}

// Pattern is a further kind of text to be taken out.
type Pattern struct {
	// Name in brackets takes its place: 1 to 32 of a-z, 0-9, _ and -.
	Name string `yaml:"name"`
	// Pattern is a regular expression (RE2, https://golang.org/s/re2syntax).
	Pattern string `yaml:"pattern"`
}

// Defaults takes nothing out, so that a configuration says what it wants.
func Defaults() Config { return Config{} }

// Plugin scrubs answers. It is a framework.After.
type Plugin struct {
	log *slog.Logger
	rules
}

// rules are what a Config was compiled to.
type rules struct {
	cards, ssn, iban, keys bool

	patterns []pattern
	readers  *sync.Pool // of *reader
}

type pattern struct {
	name        string
	expression  *regexp.Regexp
	replacement []byte
}

// counts says how often something was taken out, by name. It is nil while that is nothing.
type counts map[string]int

func (c *counts) add(name string) { c.addMany(name, 1) }

func (c *counts) addMany(name string, count int) {
	if *c == nil {
		*c = counts{}
	}
	(*c)[name] += count
}

// New compiles the patterns.
func New(c Config, d framework.Deps) (*Plugin, error) {
	p := &Plugin{log: d.Log, rules: rules{cards: c.Cards, ssn: c.SSN, iban: c.IBAN, keys: c.Keys, readers: newReaders()}}
	if !c.Cards && !c.SSN && !c.IBAN && !c.Keys && len(c.Patterns) == 0 {
		return nil, errors.New("nothing to take out: say cards: true, ssn: true, iban: true, keys: true or patterns")
	}
	var wrong []error
	taken := map[string]bool{}
	for _, name := range append(secretNames(), "card", "ssn", "iban") {
		taken[name] = true
	}
	for i, configured := range c.Patterns {
		compiled, err := compile(configured, taken)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("patterns[%d].%w", i, err))
		}
		p.patterns = append(p.patterns, compiled)
	}
	return p, errors.Join(wrong...)
}

var patternName = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

func compile(configured Pattern, taken map[string]bool) (pattern, error) {
	if !patternName.MatchString(configured.Name) {
		return pattern{}, errors.New("name: 1 to 32 of a-z, 0-9, _ and -")
	}
	if taken[configured.Name] {
		return pattern{}, fmt.Errorf("name: %s is taken", configured.Name)
	}
	expression, err := regexp.Compile(configured.Pattern)
	if err != nil {
		return pattern{}, fmt.Errorf("pattern: %w", err)
	}
	replacement := []byte("[" + configured.Name + "]")
	taken[configured.Name] = true
	harmless := []string{""}
	for _, name := range slices.Sorted(maps.Keys(taken)) {
		harmless = append(harmless, "["+name+"]")
	}
	for _, harmless := range harmless {
		if expression.MatchString(harmless) {
			return pattern{}, fmt.Errorf("pattern: matches %q, so it would match everywhere or what was taken out already", harmless)
		}
	}
	return pattern{configured.Name, expression, replacement}, nil
}

// errEncoded and errNotJSON keep an answer from leaving that cannot be looked through.
var (
	errEncoded = errors.New("scrub: the answer is compressed and cannot be looked through")
	errNotJSON = errors.New("scrub: the answer says it is JSON and is not")
)

// After scrubs every string and number in a JSON answer, and every name that its schema does not declare, and the whole of any other.
func (p *Plugin) After(ctx context.Context, r *framework.Request, response *framework.Response) error {
	if len(response.Body) == 0 {
		return nil
	}
	if coding := response.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return errEncoded
	}
	var found counts
	if isJSON(response.Header.Get("Content-Type")) {
		body, err := p.json(response, &found)
		if err != nil {
			return err
		}
		response.Body = body
	} else {
		response.Body, _ = p.text(response.Body, &found)
	}
	if len(found) > 0 {
		p.log.LogAttrs(ctx, slog.LevelDebug, "answer scrubbed", slog.String("request_id", r.ID), slog.Any("taken_out", found))
	}
	return nil
}

func isJSON(contentType string) bool {
	if contentType == "application/json" || contentType == framework.ProblemType { // what the funnel says
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && (mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"))
}
