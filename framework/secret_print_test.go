package framework_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// A part keeps its secrets in unexported fields, where fmt sees values and calls no methods.
func TestASecretInAnUnexportedFieldIsNotPrinted(t *testing.T) {
	t.Parallel()
	const canary = "canary-0123456789"
	type part struct{ token framework.Secret }
	held := part{framework.NewSecret(canary)}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("part", "value", held, "pointer", &held)
	frameworktest.LeaksNoSecret(t, canary, log.String(),
		fmt.Sprintf("%v %+v %#v", held, held, held),
		fmt.Sprintf("%v %+v %#v", &held, []part{held}, map[string]part{"a": held}))
	if got := held.token.Reveal(); got != canary {
		t.Errorf("revealed %q", got)
	}
	if !(framework.Secret{}).IsZero() || !framework.NewSecret("").IsZero() || (framework.Secret{}).Equal("") {
		t.Error("an empty secret is one")
	}
}
