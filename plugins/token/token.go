// Package token lets only those callers through who send a secret token: in the Authorization header, in a header of
// its own, in the query or as the last segment of the path.
package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"funnelweb/framework"
)

// minSecret is the least length of a secret in bytes: 128 bits when each byte is random.
const minSecret = 16

// Where a token may be sent.
const (
	inAuthorization = "authorization"
	inHeader        = "header"
	inQuery         = "query"
	inPath          = "path"
)

// Config says which tokens are good and where they are sent.
type Config struct {
	// Secrets are the good tokens, of at least 16 bytes each. Several allow a change without a gap: add the new one,
	// change the senders, remove the old one.
	Secrets []framework.Secret `yaml:"secrets"`
	// Tokens are further ones, each with a name, and with what it is good for where an endpoint tells callers apart.
	Tokens []Token `yaml:"tokens"`
	// In is where the token is sent: authorization (as "Bearer TOKEN", the default), header, query or path. The last
	// two are for senders that can do no better, as Splunk: proxies may log them.
	In string `yaml:"in"`
	// Name of the header, query parameter or path parameter; X-Api-Token, token or token when empty.
	Name string `yaml:"name"`
}

// Defaults takes the token from the Authorization header.
func Defaults() Config { return Config{In: inAuthorization} }

// Plugin checks tokens. It is a framework.Authenticator and a framework.PathExtender.
type Plugin struct {
	secrets []framework.Secret
	names   []string            // who calls with which of them
	scopes  [][]framework.Scope // what each is limited to; nil when it is not
	in      string
	name    string
	refusal *framework.Problem // the same whatever was wrong, so that it tells nothing
}

// New refuses a configuration that would let anyone in, or nobody.
func New(c Config, _ framework.Deps) (*Plugin, error) {
	p := &Plugin{in: c.In}
	var err error
	if p.name, err = place(c.In, c.Name); err != nil {
		return nil, err
	}
	if len(c.Secrets)+len(c.Tokens) == 0 {
		return nil, errors.New("secrets: at least one is needed, or one of tokens")
	}
	for i, secret := range c.Secrets {
		if err := check(secret.Reveal(), c.In); err != nil {
			return nil, fmt.Errorf("secrets[%d]: %w", i, err)
		}
	}
	for i, secret := range c.Secrets {
		p.add(fmt.Sprintf("token:%d", i+1), secret, nil)
	}
	if err := p.addNamed(c.Tokens); err != nil {
		return nil, err
	}
	p.refusal = p.refuse()
	return p, nil
}

func (p *Plugin) add(name string, secret framework.Secret, scopes []framework.Scope) {
	p.secrets, p.names, p.scopes = append(p.secrets, secret), append(p.names, name), append(p.scopes, scopes)
}

// pathName is what a route may name a parameter.
var pathName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// place returns the name to look under, checked for what it names.
func place(in, name string) (string, error) {
	switch in {
	case inAuthorization:
		if name != "" {
			return "", errors.New("name: the Authorization header has no other name; leave it out, or say in: header")
		}
		return "Authorization", nil
	case inHeader:
		name = http.CanonicalHeaderKey(orElse(name, "X-Api-Token"))
		if err := framework.CheckHeader(name); err != nil {
			return "", fmt.Errorf("name: %w", err)
		}
		if name == "Authorization" {
			return "", errors.New("name: a token cannot be in the header Authorization without its scheme: leave out in and name")
		}
		return name, nil
	case inQuery:
		return orElse(name, "token"), nil
	case inPath:
		name = orElse(name, "token")
		if !pathName.MatchString(name) {
			return "", errors.New("name: a path parameter is a-z, 0-9 and _, and begins with a letter")
		}
		return name, nil
	default:
		return "", errors.New("in: one of authorization, header, query, path")
	}
}

func orElse(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

// check refuses a secret that can be guessed, or that cannot arrive where it is sent.
func check(secret, in string) error {
	if len(secret) < minSecret {
		return fmt.Errorf("shorter than %d bytes, so it could be guessed; make one with: openssl rand -hex 32", minSecret)
	}
	unsendable := func(r rune) bool { return r <= ' ' || r > '~' }
	if in != inQuery && strings.ContainsFunc(secret, unsendable) {
		return errors.New("has a space or a character outside ASCII, which does not arrive unchanged")
	}
	if in == inPath && (strings.Contains(secret, "/") || strings.Trim(secret, ".") == "") {
		return errors.New("has a slash, which ends a segment of the path, or only dots")
	}
	return nil
}

func (p *Plugin) refuse() *framework.Problem {
	switch p.in {
	case inAuthorization: // a challenge has at least one parameter (RFC 6750 section 3)
		return framework.Unauthorized(`Bearer realm="funnelweb"`, "A valid token is needed: send the header Authorization: Bearer TOKEN.")
	case inHeader:
		return framework.Unauthorized("", "A valid token is needed, once, in the header "+p.name+".")
	case inQuery:
		return framework.Unauthorized("", "A valid token is needed, once, in the query parameter "+p.name+".")
	default:
		return framework.Unauthorized("", "A valid token is needed as the last segment of the path.")
	}
}

// HeadersOnly is true: a caller who is refused is not waited for.
func (p *Plugin) HeadersOnly() bool { return true }

// Before lets the call go on when it carries one of the secrets, and says which by "token:NAME", or by "token:1", "token:2"
// and so on.
func (p *Plugin) Before(_ context.Context, r *framework.Request) error {
	sent := p.sent(r)
	matched := 0
	for i, secret := range p.secrets { // to the end: the time taken does not tell which one matched
		if secret.Equal(sent) {
			matched = i + 1
		}
	}
	if matched == 0 {
		return p.refusal
	}
	r.Identify(p.names[matched-1])
	if scopes := p.scopes[matched-1]; scopes != nil {
		r.Limit(scopes...)
	}
	return nil
}

// sent returns the token of the request, or "" when there is none or more than one: which of two counts is a
// question that a proxy in front may answer differently.
func (p *Plugin) sent(r *framework.Request) string {
	switch p.in {
	case inAuthorization:
		scheme, token, _ := strings.Cut(only(r.Header.Values(p.name)), " ")
		if !strings.EqualFold(scheme, "Bearer") { // schemes know no case (RFC 9110 section 11.1)
			return ""
		}
		return strings.TrimLeft(token, " ")
	case inHeader:
		return only(r.Header.Values(p.name))
	case inQuery:
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return ""
		}
		return only(query[p.name])
	default:
		return r.PathParam(p.name)
	}
}

func only(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// Security describes the token. OpenAPI has no word for one in the path: then the scheme is empty.
func (p *Plugin) Security() framework.SecurityScheme {
	switch p.in {
	case inAuthorization:
		return framework.SecurityScheme{Type: "http", Scheme: "bearer"}
	case inPath:
		return framework.SecurityScheme{}
	default:
		return framework.SecurityScheme{Type: "apiKey", In: p.in, Name: p.name}
	}
}

// PathSegment returns the name of the path parameter when the token is in the path.
func (p *Plugin) PathSegment() string {
	if p.in == inPath {
		return p.name
	}
	return ""
}
