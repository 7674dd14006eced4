package app

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
)

// leastRedacted is the least length in bytes of a secret that is looked for in log lines: a shorter one turns up in words,
// and encoded in what is no secret at all.
const leastRedacted = 8

// ownSecrets are references to what no configuration names: the credentials that the SDK of AWS finds by itself.
const ownSecrets = "env:AWS_SECRET_ACCESS_KEY env:AWS_SESSION_TOKEN"

// secrets are the values that no log line may hold: of all references in the configuration, passwords in addresses, and the
// access token. References that cannot be resolved are mistakes, which the parts report.
func (c *Config) secrets(tokenFile string) []string {
	found := collected{}
	for _, reference := range append(strings.Fields(ownSecrets), "file:"+tokenFile) {
		found.add(reference, nil)
	}
	if c.root != nil {
		found.collect(c.root)
	}
	for i := range c.Endpoints { // some of it may have been added since
		found.collect(&c.Endpoints[i].With)
	}
	return found.values
}

// collected are secrets, and the pairs of a user and a password as HTTP's Basic scheme joins them.
type collected struct{ values []string }

// add takes over what a text in the configuration stands for. Names are those of users that may go with it.
func (c *collected) add(text string, names []string) {
	if address, err := url.Parse(text); err == nil && address.User != nil {
		password, _ := address.User.Password()
		c.keep(password, []string{address.User.Username()})
		return
	}
	if secret, err := framework.ResolveSecret(text); err == nil {
		c.keep(secret.Reveal(), names)
	}
}

func (c *collected) keep(secret string, names []string) {
	if len(secret) < leastRedacted {
		return
	}
	c.values = append(c.values, secret)
	for _, name := range names {
		c.values = append(c.values, name+":"+secret)
	}
}

// collect goes through a node. What stands beside a secret may be the name of its user.
func (c *collected) collect(node *yaml.Node) {
	var names []string
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			if key := node.Content[i].Value; key == "user" || key == "name" || key == "username" {
				names = append(names, node.Content[i+1].Value)
			}
		}
	}
	for _, child := range node.Content { // an alias has none: what it stands for is visited where it is defined
		if child.Kind == yaml.ScalarNode {
			c.add(child.Value, names)
		}
		c.collect(child)
	}
}

// newRedactor makes what replaces secrets in texts, once for all lines. It is nil when there is nothing to look for.
func newRedactor(secrets []string) *strings.Replacer {
	var all []string
	for _, secret := range secrets {
		all = append(all, forms(secret)...)
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) }) // one may begin with another
	var pairs []string
	for _, form := range slices.Compact(all) {
		pairs = append(pairs, form, redacted)
	}
	if len(pairs) == 0 {
		return nil
	}
	return strings.NewReplacer(pairs...)
}

// forms are how a secret may be written: as it is, quoted by Go and in JSON, in a URL, in hex and in base64.
func forms(secret string) []string {
	quoted := strconv.Quote(secret)
	encoded := hex.EncodeToString([]byte(secret))
	all := []string{
		secret, quoted[1 : len(quoted)-1], encoded, strings.ToUpper(encoded),
		url.QueryEscape(secret), url.PathEscape(secret), (&url.URL{Path: secret}).EscapedPath(), url.UserPassword("", secret).String()[1:],
		percent(secret, "%%%02x"), percent(secret, "%%%02X"),
	}
	for _, escape := range []bool{false, true} {
		if text, err := json.Marshal(secret, jsontext.EscapeForHTML(escape)); err == nil {
			all = append(all, string(text[1:len(text)-1]))
		}
	}
	for before := range 3 {
		all = append(all, base64Forms(secret, before)...)
	}
	return all
}

// percent writes every byte in percent encoding, as some senders do.
func percent(secret, format string) string {
	var text strings.Builder
	for _, b := range []byte(secret) {
		_, _ = fmt.Fprintf(&text, format, b)
	}
	return text.String()
}

// base64Forms are how a secret looks in the base64 of a longer text, when it stands behind that many bytes more than a
// multiple of three: at the end of the text, with padding and without, and in its middle. Characters at either end that hold
// bits of what stands around it are left out.
func base64Forms(secret string, before int) []string {
	padded := make([]byte, before, before+len(secret))
	padded = append(padded, secret...)
	first := []int{0, 2, 3}[before]
	var all []string
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		full := encoding.EncodeToString(padded)[first:]
		ended := strings.TrimRight(full, "=")
		all = append(all, full, ended)
		if len(ended) < len(full) {
			all = append(all, ended[:len(ended)-1])
		}
	}
	return all
}
