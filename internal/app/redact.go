package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
)

// leastRedacted is the least length in bytes of a secret that is looked for in log lines: a shorter one turns up in words.
const leastRedacted = 8

// redacted is what stands in a log line in place of a secret; the same as what a framework.Secret prints.
const redacted = "[secret]"

// redacting wraps a logger so that no secret of the configuration is written by it, whoever puts one into an error: a
// driver that quotes its address, a service that repeats the token it was sent, a handler of one's own.
func redacting(log *slog.Logger, config *Config) *slog.Logger {
	secrets := config.secrets()
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may begin with another
	var pairs []string
	for _, secret := range secrets {
		quoted := strconv.Quote(secret)
		for _, form := range []string{secret, quoted[1 : len(quoted)-1], url.QueryEscape(secret), url.PathEscape(secret), (&url.URL{Path: secret}).EscapedPath()} {
			pairs = append(pairs, form, redacted)
		}
	}
	if len(pairs) == 0 {
		return log
	}
	return slog.New(&redactingHandler{log.Handler(), strings.NewReplacer(pairs...)})
}

// secrets are the values of all references in the configuration. Those that cannot be resolved are mistakes, which the
// parts report.
func (c *Config) secrets() []string {
	var found []string
	collect := func(node *yaml.Node) {
		eachScalar(node, func(text string) {
			secret, err := framework.ResolveSecret(text)
			if value := secret.Reveal(); err == nil && len(value) >= leastRedacted {
				found = append(found, value)
			}
		})
	}
	for _, node := range []*yaml.Node{&c.Archive, &c.Jira, &c.Enrichers} {
		collect(node)
	}
	for i := range c.Endpoints {
		collect(&c.Endpoints[i].With)
		for _, list := range [][]yaml.Node{c.Endpoints[i].Before, c.Endpoints[i].After} {
			for j := range list {
				collect(&list[j])
			}
		}
	}
	for i := range c.Automations {
		collect(&c.Automations[i].Do)
	}
	return found
}

func eachScalar(node *yaml.Node, visit func(string)) {
	if node.Kind == yaml.ScalarNode {
		visit(node.Value)
	}
	for _, child := range node.Content { // an alias has none: what it stands for is visited where it is defined
		eachScalar(child, visit)
	}
}

// redactingHandler replaces secrets in messages and attributes.
type redactingHandler struct {
	slog.Handler
	replacer *strings.Replacer
}

// Handle passes a record on without secrets.
func (h *redactingHandler) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, h.replacer.Replace(record.Message), record.PC)
	record.Attrs(func(attribute slog.Attr) bool {
		clean.AddAttrs(h.clean(attribute))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h *redactingHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attributes))
	for i, attribute := range attributes {
		clean[i] = h.clean(attribute)
	}
	return &redactingHandler{h.Handler.WithAttrs(clean), h.replacer}
}

// WithGroup implements slog.Handler.
func (h *redactingHandler) WithGroup(name string) slog.Handler {
	return &redactingHandler{h.Handler.WithGroup(name), h.replacer}
}

// clean replaces a value by its text where that holds a secret.
func (h *redactingHandler) clean(attribute slog.Attr) slog.Attr {
	value := attribute.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		return slog.String(attribute.Key, h.replacer.Replace(value.String()))
	case slog.KindGroup:
		var members []slog.Attr
		for _, member := range value.Group() {
			members = append(members, h.clean(member))
		}
		return slog.Attr{Key: attribute.Key, Value: slog.GroupValue(members...)}
	case slog.KindAny:
		if clean, changed := h.cleanAny(value.Any()); changed {
			return slog.String(attribute.Key, clean)
		}
	default: // numbers, times and truths hold none
	}
	return slog.Attr{Key: attribute.Key, Value: value}
}

// cleanAny looks at a value as text and as JSON, since either may be what the inner handler writes.
func (h *redactingHandler) cleanAny(value any) (clean string, changed bool) {
	text := fmt.Sprintf("%+v", value)
	if raw, ok := value.([]byte); ok {
		text = string(raw)
	}
	clean = h.replacer.Replace(text)
	if clean != text {
		return clean, true
	}
	encoded, err := json.Marshal(value)
	return clean, err == nil && h.replacer.Replace(string(encoded)) != string(encoded)
}
