// Package jwt lets only those callers through who send a signed JSON Web Token (RFC 7519) as a bearer token.
package jwt

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"funnelweb/framework"
)

// maxToken bounds a token in bytes, well above what identity providers make.
const maxToken = 16 << 10

// leeway is how far the sender's clock may be off.
const leeway = 30 * time.Second

// Plugin checks tokens. It is a framework.Authenticator.
type Plugin struct {
	parser  *gojwt.Parser
	claims  *gojwt.Validator // makes the parser's checks of claims alone
	keys    keyring
	refusal *framework.Problem // the same whatever was wrong, so that it tells nothing; the log has the cause

	types       []string // good values of the header typ, without "application/", in lower case; "" is none
	issuerClaim string   // names the issuer among several; empty for one
	noAudience  bool     // refuse a token that is for somebody, since none of them can be us
}

// New refuses a configuration that would let in whoever signs a token, or tokens that were made for others.
func New(c Config, d framework.Deps) (*Plugin, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	keys, err := newKeyring(c, d)
	if err != nil {
		return nil, err
	}
	options := c.options(d.Now)
	p := &Plugin{
		parser: gojwt.NewParser(options...), claims: gojwt.NewValidator(options...), keys: keys, types: []string{"", "jwt", "at+jwt"},
		noAudience: len(c.Audience) == 0 && !c.AnyAudience,
		// The same for all, and so without error="invalid_token", which is not for who sends none (RFC 6750 section 3.1).
		refusal: framework.Unauthorized(`Bearer realm="funnelweb"`, "A valid token is needed: send the header Authorization: Bearer TOKEN."),
	}
	if c.Typ != "" {
		p.types = []string{mediaType(c.Typ)}
	}
	if len(c.Issuers) > 0 {
		p.issuerClaim = c.IssuerClaim
	}
	return p, nil
}

// options are the checks that the library makes. That of iat refuses a token of the future.
func (c Config) options(now func() time.Time) []gojwt.ParserOption {
	options := []gojwt.ParserOption{
		gojwt.WithValidMethods(c.algorithms()), gojwt.WithStrictDecoding(),
		gojwt.WithTimeFunc(now), gojwt.WithLeeway(leeway), gojwt.WithIssuedAt(),
	}
	if !c.WithoutExpiry {
		options = append(options, gojwt.WithExpirationRequired())
	}
	if len(c.Audience) > 0 {
		options = append(options, gojwt.WithAudience(c.Audience...))
	}
	if c.Issuer != "" {
		options = append(options, gojwt.WithIssuer(c.Issuer))
	}
	return options
}

// HeadersOnly is true: a caller who is refused is not waited for.
func (p *Plugin) HeadersOnly() bool { return true }

// Before lets the call go on when its token is good, and says for whom by "jwt:SUBJECT".
func (p *Plugin) Before(ctx context.Context, r *framework.Request) error {
	token, err := bearer(r.Header.Values("Authorization"))
	if err != nil {
		return p.refuse(err)
	}
	found := &claims{issuerClaim: p.issuerClaim}
	_, err = p.parser.ParseWithClaims(token, found, func(token *gojwt.Token) (any, error) {
		header, err := readHeader(token.Raw)
		if err != nil {
			return nil, err
		}
		if err := p.acceptable(header, found); err != nil {
			return nil, err
		}
		key, err := p.keys.key(ctx, found.issuer, header)
		if err == nil {
			return key, nil
		}
		// Nobody needs to come again with a token that is no good by whatever key.
		return nil, cmp.Or(p.claims.Validate(found), err)
	})
	if err != nil {
		return p.refuse(err)
	}
	r.Identify(identity(found))
	return nil
}

var errNoToken = errors.New("no bearer token, or more than one, or one that is too long")

// bearer returns the one token. Of two headers a proxy in front may have looked at the other one.
func bearer(values []string) (string, error) {
	if len(values) != 1 || len(values[0]) > maxToken {
		return "", errNoToken
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") { // schemes know no case (RFC 9110 section 11.1)
		return "", errNoToken
	}
	return strings.TrimLeft(token, " "), nil
}

// refuse answers 401 whatever is wrong with the token, and lets pass what is wrong with us.
func (p *Plugin) refuse(err error) error {
	if problem, ok := errors.AsType[*framework.Problem](err); ok {
		return problem
	}
	refusal := *p.refusal
	refusal.Cause = cause(err)
	return &refusal
}

// cause tells what is wrong in words of our own: the library's may quote the token.
func cause(err error) error {
	for _, known := range []error{
		errNoToken, errHeader, errCritical, errType, errAudience, errClaims, errNoKey, errIssuer,
		gojwt.ErrTokenExpired, gojwt.ErrTokenNotValidYet, gojwt.ErrTokenUsedBeforeIssued, gojwt.ErrTokenInvalidAudience,
		gojwt.ErrTokenInvalidIssuer, gojwt.ErrTokenRequiredClaimMissing, gojwt.ErrTokenSignatureInvalid,
		gojwt.ErrTokenUnverifiable,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return gojwt.ErrTokenMalformed
}

// plainSubject is a subject that stands in the log as it is.
var plainSubject = regexp.MustCompile(`^[A-Za-z0-9._@|:/+=-]{1,128}$`)

// identity names the subject, behind the issuer where there are several: they may give the same name to different
// people. What cannot stand in a log line is hashed, so that two subjects never become one.
func identity(c *claims) string {
	name, between := "jwt", ":"
	if c.issuerClaim != "" {
		name, between = "jwt:"+c.issuer, " "
	}
	switch {
	case c.subject == "":
		return name
	case plainSubject.MatchString(c.subject):
		return name + between + c.subject
	default:
		return name + between + "~" + framework.Fingerprint(c.subject)
	}
}

// Security describes the token.
func (p *Plugin) Security() framework.SecurityScheme {
	return framework.SecurityScheme{Type: "http", Scheme: "bearer", BearerFormat: "JWT"}
}

// Refusals lists the status of calls whose token cannot be checked at the moment, where public keys are fetched.
func (p *Plugin) Refusals() []int {
	if len(p.keys.sources) == 0 {
		return nil
	}
	return []int{http.StatusServiceUnavailable}
}

// noRedirect keeps a client from following: the address of the keys is a matter of the configuration alone.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
