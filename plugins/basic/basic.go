// Package basic lets only those callers through who send a user name and password by HTTP's own Basic scheme.
package basic

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"funnelweb/framework"
)

// minPassword is the least length of a password in bytes.
const minPassword = 12

// maxName bounds a user name in bytes: it stands in every log line.
const maxName = 64

// maxCredentials bounds what is decoded, in bytes as sent.
const maxCredentials = 8 << 10

// Config says who may call.
type Config struct {
	// Users may call, each with their password. A name that is listed twice has two good passwords, which allows a
	// change without a gap.
	Users []User `yaml:"users"`
	// Realm is shown to people who are asked for a password: visible ASCII, without quotes. "funnelweb" when left out.
	Realm string `yaml:"realm"`
}

// User is a name and its password.
type User struct {
	// Name has 1 to 64 bytes, without colon and control characters. It is written to the log.
	Name string `yaml:"name"`
	// Password has at least 12 bytes.
	Password framework.Secret `yaml:"password"`
}

// Defaults knows nobody.
func Defaults() Config { return Config{Realm: "funnelweb"} }

// Plugin checks passwords. It is a framework.Authenticator.
type Plugin struct {
	users   []user
	refusal *framework.Problem // the same whatever was wrong, so that it tells nothing
}

type user struct {
	identity string
	name     [sha256.Size]byte
	password framework.Secret
}

// New refuses a configuration that would let nobody in, or somebody who guesses.
func New(c Config, _ framework.Deps) (*Plugin, error) {
	if len(c.Users) == 0 {
		return nil, errors.New("users: at least one is needed")
	}
	if !realmText.MatchString(c.Realm) {
		return nil, errors.New("realm: 1 to 64 visible ASCII characters or spaces, without quotes and backslashes")
	}
	var wrong []error
	p := &Plugin{}
	for i, configured := range c.Users {
		if err := check(configured); err != nil {
			wrong = append(wrong, fmt.Errorf("users[%d].%w", i, err))
		}
		p.users = append(p.users, user{"basic:" + configured.Name, sha256.Sum256([]byte(configured.Name)), configured.Password})
	}
	// Told that it is UTF-8, browsers send names and passwords so (RFC 7617 section 2.1).
	p.refusal = framework.Unauthorized(`Basic realm="`+c.Realm+`", charset="UTF-8"`, "A valid user name and password are needed, by the Basic scheme.")
	return p, errors.Join(wrong...)
}

var realmText = regexp.MustCompile(`^[ !#-\[\]-~]{1,64}$`)

// check refuses what cannot be sent (RFC 7617 section 2) and what could be guessed.
func check(u User) error {
	if u.Name == "" || len(u.Name) > maxName || !sendable(u.Name) || strings.Contains(u.Name, ":") {
		return errors.New("name: 1 to 64 bytes of UTF-8 without colons and control characters")
	}
	if len(u.Password.Reveal()) < minPassword {
		return fmt.Errorf("password: shorter than %d bytes, so it could be guessed; make one with: openssl rand -hex 16", minPassword)
	}
	if !sendable(u.Password.Reveal()) {
		return errors.New("password: has control characters, which cannot be sent, or is not UTF-8")
	}
	return nil
}

func sendable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// HeadersOnly is true: a caller who is refused is not waited for.
func (p *Plugin) HeadersOnly() bool { return true }

// Before lets the call go on when name and password are those of a user, and says whose by "basic:NAME".
func (p *Plugin) Before(_ context.Context, r *framework.Request) error {
	name, password := sent(r.Header.Values("Authorization"))
	hashed := sha256.Sum256([]byte(name))
	matched := -1
	for i, user := range p.users { // to the end, and the password of each: the time taken tells nothing about either
		isPassword := user.password.Equal(password)
		isName := subtle.ConstantTimeCompare(hashed[:], user.name[:]) == 1
		if isName && isPassword {
			matched = i
		}
	}
	if matched < 0 {
		return p.refusal
	}
	r.Identify(p.users[matched].identity)
	return nil
}

// sent returns what the one header says, or nothing. Of two headers a proxy in front may have looked at the other one.
func sent(values []string) (name, password string) {
	if len(values) != 1 || len(values[0]) > maxCredentials {
		return "", ""
	}
	scheme, encoded, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Basic") { // schemes know no case (RFC 9110 section 11.1)
		return "", ""
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(strings.TrimLeft(encoded, " "))
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // which the decoder skips
		return "", ""
	}
	name, password, _ = strings.Cut(string(decoded), ":")
	return name, password
}

// Security describes the scheme.
func (p *Plugin) Security() framework.SecurityScheme {
	return framework.SecurityScheme{Type: "http", Scheme: "basic"}
}
