package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
	"funnelweb/internal/app"
)

const (
	clientTimeout  = 30 * time.Second
	maxClientBytes = 64 << 20
)

// serverFlags say which running server to ask.
type serverFlags struct {
	configFlag
	URL       string `help:"Base URL of the server. Default: the listen address of the configuration." placeholder:"URL"`
	TokenFile string `help:"File with the access token. Default: access-token in the data directory of the configuration." placeholder:"FILE"`
	JSON      bool   `name:"json" help:"Print the server's answer as JSON."`
}

// client calls the operators' API of a running server.
type client struct {
	base  string
	token framework.Secret
	http  *http.Client
}

func (f serverFlags) client() (*client, error) {
	base, file := f.URL, f.TokenFile
	if base == "" || file == "" {
		config, err := f.read()
		if config == nil {
			return nil, usageError{err}
		}
		// Only listen and data are needed here: secrets that this user may not read are no mistake of the call.
		if base == "" {
			base = baseURL(config)
		}
		if file == "" {
			file = app.TokenFile(config.Data)
		}
	}
	token, err := framework.ResolveSecret("file:" + file)
	if err != nil {
		return nil, fmt.Errorf("%w\nName the access token of the server with --token-file", err)
	}
	return &client{strings.TrimSuffix(base, "/"), token, &http.Client{Timeout: clientTimeout}}, nil
}

// baseURL is where a server with this configuration is reached from its own machine.
func baseURL(config *app.Config) string {
	if config.Server.TLS != nil {
		return "https://" + config.Listen
	}
	return "http://" + config.Listen
}

// get reads something and decodes the answer into out. The raw answer is returned for --json.
func (c *client) get(ctx context.Context, path string, out any) ([]byte, error) {
	return c.send(ctx, http.MethodGet, path, nil, out)
}

// send makes a call with a body, unless that is nil, and decodes the answer into out, unless that is nil.
func (c *client) send(ctx context.Context, method, path string, in, out any) ([]byte, error) {
	var sent io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("make a call to %s: %w", c.base, err)
		}
		sent = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, sent)
	if err != nil {
		return nil, fmt.Errorf("make a call to %s: %w", c.base, err)
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("no server answers: %w\nIs it running? Name its address with --url", err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxClientBytes))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return nil, refused(response.StatusCode, body)
	}
	if out == nil || len(body) == 0 {
		return body, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return nil, fmt.Errorf("the answer is not that of a Funnelweb server: %w", err)
	}
	return body, nil
}

// refusal is an answer of the server that is no success.
type refusal struct {
	error

	status int
}

// Unwrap returns what people are told.
func (r refusal) Unwrap() error { return r.error }

// refused tells a problem to people.
func refused(status int, body []byte) error {
	var problem framework.Problem
	if err := json.Unmarshal(body, &problem); err != nil || problem.Title == "" {
		return refusal{fmt.Errorf("the server answered with status %d and no problem: is this a Funnelweb server?", status), status}
	}
	lines := []string{fmt.Sprintf("the server refused (%d %s): %s", problem.Status, problem.Title, problem.Detail)}
	for _, field := range problem.Errors {
		lines = append(lines, fmt.Sprintf("  %s %s: %s", field.In, field.Pointer, field.Message))
	}
	if problem.Status == http.StatusUnauthorized {
		lines = append(lines, "Name the access token of the server with --token-file")
	}
	return refusal{errors.New(strings.Join(append(lines, "request id "+problem.RequestID), "\n")), status}
}

// escape makes an id from the command line safe in a path.
func escape(id string) string { return url.PathEscape(id) }

// stamp writes a time for people, in UTC.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// printJSON writes an answer as it came, with a line feed.
func (p *program) printJSON(body []byte) error {
	_, err := fmt.Fprintf(p.stdout, "%s\n", body)
	return err
}

// maxCell bounds a text from the server in a table, in characters.
const maxCell = 200
