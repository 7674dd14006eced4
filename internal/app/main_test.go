package app_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"funnelweb/actions"
	"funnelweb/endpoints"
	"funnelweb/enrichers"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/app"
	"funnelweb/plugins"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(childVariable); file != "" {
		if err := child(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// parts are those of the program.
func parts() *framework.Registry {
	registry := framework.NewRegistry()
	plugins.Register(registry)
	enrichers.Register(registry)
	endpoints.Register(registry)
	actions.Register(registry)
	return registry
}

const goodToken = "a-token-of-enough-length"

// options writes an access token and returns options that name it.
func options(t *testing.T, log *frameworktest.Log) app.Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(goodToken), 0o600); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	if log != nil {
		logger = log.Logger()
	}
	return app.Options{Version: "test", Log: logger, Now: time.Now, TokenFile: file}
}

// mistakes parses and builds a configuration and returns what is wrong with it.
func mistakes(t *testing.T, text string) []string {
	t.Helper()
	config, parseErr := app.ParseConfig([]byte(text))
	if config == nil {
		return []string{parseErr.Error()}
	}
	_, buildErr := app.Build(t.Context(), config, parts(), options(t, nil))
	return app.Mistakes(joined{parseErr, buildErr})
}

// joined is two errors, either of which may be nil.
type joined [2]error

func (j joined) Error() string { return "joined" }

func (j joined) Unwrap() []error {
	var all []error
	for _, err := range j {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// build makes a server of a configuration.
func build(t *testing.T, text string, options app.Options) (*app.Server, error) {
	t.Helper()
	config, err := app.ParseConfig([]byte(text))
	if err != nil {
		return nil, err
	}
	return app.Build(t.Context(), config, parts(), options)
}

// start runs a server until the test ends and returns its base URL and a function that drains it.
func start(t *testing.T, text string, log *frameworktest.Log) (base string, drain func() error) {
	t.Helper()
	server, err := build(t, text, options(t, log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	serving, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- server.Run(ctx, func(url string) { serving <- url }) }()
	var result error
	drained := false
	drain = func() error {
		if !drained {
			drained = true
			stop()
			result = <-ended
		}
		return result
	}
	t.Cleanup(func() {
		if err := drain(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	select {
	case base = <-serving:
	case err := <-ended:
		drained, result = true, nil
		t.Fatal(err)
	}
	return base, drain
}

func get(t *testing.T, url, token string) (int, string) {
	t.Helper()
	return send(t, http.MethodGet, url, token, "")
}

func send(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}
