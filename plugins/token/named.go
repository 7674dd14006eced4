package token

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"funnelweb/framework"
)

// Token is a good token with a name.
type Token struct {
	// Name has 1 to 63 of a-z, 0-9, - and _, and begins with a letter. It is written to the log, and to the audit log.
	Name string `yaml:"name"`
	// Secret has at least 16 bytes.
	Secret framework.Secret `yaml:"secret"`
	// Scopes limit what the token is good for, on endpoints that tell callers apart: read, admin. Everything when left out.
	Scopes []framework.Scope `yaml:"scopes"`
}

// tokenName has no name that the place of a secret without one has.
var tokenName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// addNamed adds the tokens with names. A name that is listed twice has two good tokens.
func (p *Plugin) addNamed(tokens []Token) error {
	var wrong []error
	for i, token := range tokens {
		if err := token.check(p.in); err != nil {
			wrong = append(wrong, fmt.Errorf("tokens[%d].%w", i, err))
		} else if at := slices.IndexFunc(p.secrets, token.isSecret); at >= 0 {
			wrong = append(wrong, fmt.Errorf("tokens[%d].secret: is also that of %s, so that nobody could tell them apart", i, p.names[at]))
		}
		p.add("token:"+token.Name, token.Secret, token.Scopes)
	}
	return errors.Join(wrong...)
}

func (t Token) isSecret(other framework.Secret) bool { return other.Equal(t.Secret.Reveal()) }

func (t Token) check(in string) error {
	if !tokenName.MatchString(t.Name) {
		return errors.New("name: 1 to 63 of a-z, 0-9, - and _, beginning with a letter")
	}
	if t.Scopes != nil && len(t.Scopes) == 0 {
		return errors.New("scopes: name at least one, or leave them out for all")
	}
	for _, scope := range t.Scopes {
		if !slices.Contains(framework.Scopes(), scope) {
			return fmt.Errorf("scopes: %v are all there are", framework.Scopes())
		}
	}
	if err := check(t.Secret.Reveal(), in); err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	return nil
}
