package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/go-json-experiment/json"
)

// redacted is what stands in a log line in place of a secret; the same as what a framework.Secret prints.
const redacted = "[secret]"

// redacting wraps a logger so that none of the secrets is written by it, in the clear or encoded, whoever puts one into an
// error: a driver that quotes its address, a service that repeats the token it was sent, a handler of one's own.
func redacting(log *slog.Logger, secrets []string) *slog.Logger {
	replacer := newRedactor(secrets)
	if replacer == nil {
		return log
	}
	return slog.New(&redactingHandler{log.Handler(), replacer})
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
