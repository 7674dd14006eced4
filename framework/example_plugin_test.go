package framework_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"funnelweb/framework"
)

// KeyConfig is the configuration of the plugin key. In funnelweb.yaml it is before: [{key: {secret: "env:API_KEY"}}].
type KeyConfig struct {
	Secret framework.Secret `yaml:"secret"`
}

// KeyDefaults lacks the secret.
func KeyDefaults() KeyConfig { return KeyConfig{} }

// KeyPlugin lets those callers through who know the secret. Its method Security makes it an Authenticator.
type KeyPlugin struct{ secret framework.Secret }

// NewKeyPlugin refuses a configuration that would let nobody in.
func NewKeyPlugin(config KeyConfig, _ framework.Deps) (*KeyPlugin, error) {
	if config.Secret.IsZero() {
		return nil, errors.New("secret: is missing")
	}
	return &KeyPlugin{config.Secret}, nil
}

// Before compares in constant time, and says the same to everyone whom it refuses.
func (p *KeyPlugin) Before(_ context.Context, r *framework.Request) error {
	if !p.secret.Equal(r.Header.Get("X-Api-Key")) {
		return framework.Unauthorized("", "A valid key is needed in the header X-Api-Key.")
	}
	r.Identify("key")
	return nil
}

// Security describes the key in the OpenAPI document.
func (*KeyPlugin) Security() framework.SecurityScheme {
	return framework.SecurityScheme{Type: "apiKey", In: "header", Name: "X-Api-Key"}
}

// A before plugin sees headers and raw bytes; nothing has been decoded yet. An error ends the call.
func Example_plugin() {
	registry := framework.NewRegistry()
	framework.AddPlugin(registry, "key", KeyDefaults, NewKeyPlugin) // the line in plugins/plugins.go
	if err := registry.Err(); err != nil {
		fmt.Println(err)
	}

	// The server builds it from the configuration; a test builds it itself.
	plugin, err := NewKeyPlugin(KeyConfig{Secret: framework.NewSecret("open sesame")}, framework.Deps{})
	if err != nil {
		fmt.Println(err)
	}
	type answer struct {
		Text string `json:"text"`
	}
	hello := framework.Endpoint[struct{}, answer]{
		Method: http.MethodGet, Path: "/hello", ID: "hello", Summary: "Greet",
		Handle: func(context.Context, *struct{}) (*answer, error) { return &answer{"hello"}, nil },
	}
	funnel, err := framework.NewFunnel(framework.Info{Title: "example"}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		fmt.Println(err)
	}
	chain := framework.Chain{Before: []framework.Named[framework.Before]{{Name: "key", Part: plugin}}}
	if err := funnel.Mount(hello.Route(), chain); err != nil {
		fmt.Println(err)
	}

	for _, key := range []string{"open sesame", "guessed"} {
		request := httptest.NewRequest(http.MethodGet, "/hello", http.NoBody)
		request.Header.Set("X-Api-Key", key)
		recorder := httptest.NewRecorder()
		funnel.ServeHTTP(recorder, request)
		body, _, _ := strings.Cut(recorder.Body.String(), `,"request_id"`)
		fmt.Println(recorder.Code, body)
	}
	// Output:
	// 200 {"text":"hello"}
	// 401 {"title":"Unauthorized","status":401,"detail":"A valid key is needed in the header X-Api-Key."
}
