package jira

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"funnelweb/framework"

	gojira "github.com/andygrunwald/go-jira"
)

// The flavours of Jira. They differ in how a client proves who it is and in how it searches.
const (
	Cloud      = "cloud"
	DataCenter = "datacenter"
)

// Config says which Jira to use and how to be let in.
type Config struct {
	URL    string           `yaml:"url"`    // base address, such as https://example.atlassian.net; https unless the host is this machine
	User   string           `yaml:"user"`   // Cloud: the e-mail address of the token's owner; not used with datacenter
	Token  framework.Secret `yaml:"token"`  // Cloud: an API token; Data Center: a personal access token
	Flavor string           `yaml:"flavor"` // cloud (default) or datacenter
}

// Defaults is a Cloud site.
func Defaults() Config { return Config{Flavor: Cloud} }

// New makes a client. It reports every mistake of the configuration at once and does no input or output.
func New(config Config, deps framework.Deps) (*Client, error) {
	if config.Flavor == "" {
		config.Flavor = Cloud
	}
	base, err := baseURL(config.URL)
	if err = errors.Join(err, config.checkAccess()); err != nil {
		return nil, err
	}
	if deps.HTTP == nil || deps.Now == nil {
		return nil, errors.New("the HTTP client and the clock are missing")
	}
	plain := *deps.HTTP
	// Jira's REST API never redirects; a redirect leads to a login page, and following it would turn a POST into a GET.
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	api, err := gojira.NewClient(&sender{http: &plain, authorization: config.authorization(), agent: "funnelweb/" + deps.Version}, base.String())
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	return &Client{
		api: api, base: base, now: deps.Now, searchPath: config.searchPath(),
		redact: strings.NewReplacer(config.Token.Reveal(), hidden, strings.TrimPrefix(config.authorization().Reveal(), "Basic "), hidden).Replace,
	}, nil
}

func (c Config) checkAccess() error {
	var mistakes []error
	if c.Flavor != Cloud && c.Flavor != DataCenter {
		mistakes = append(mistakes, fmt.Errorf("flavor: is %s or %s", Cloud, DataCenter))
	}
	if c.Flavor == Cloud && (c.User == "" || strings.ContainsAny(c.User, ":\r\n")) { // RFC 7617 section 2: no colon in a user-id
		mistakes = append(mistakes, errors.New("user: is the e-mail address that the API token belongs to"))
	}
	if c.Token.IsZero() {
		mistakes = append(mistakes, errors.New("token: is missing"))
	}
	return errors.Join(mistakes...)
}

// baseURL parses the address and ends its path with a slash, so that paths resolve below it.
func baseURL(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	switch {
	case text == "":
		return nil, errors.New("url: is missing")
	case err != nil || base.Hostname() == "" || (base.Scheme != "https" && base.Scheme != "http"):
		return nil, errors.New("url: is not an absolute https address") // url.Parse quotes the text, which may hold a password
	case base.User != nil:
		return nil, errors.New("url: holds a user or password; they belong in user and token")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("url: has a query or fragment; give the base address alone")
	case base.Scheme == "http" && !isLoopback(base.Hostname()):
		return nil, errors.New("url: is http, so the token would travel in the clear; only this machine may be reached so")
	}
	base.Path = strings.TrimRight(base.Path, "/") + "/"
	return base, nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.IsLoopback()
}

func (c Config) authorization() framework.Secret {
	if c.Flavor == DataCenter {
		return framework.NewSecret("Bearer " + c.Token.Reveal())
	}
	var request http.Request
	request.Header = http.Header{}
	request.SetBasicAuth(c.User, c.Token.Reveal())
	return framework.NewSecret(request.Header.Get("Authorization"))
}

// searchPath is where issues are searched. Cloud removed /search (CHANGE-2046: it answers 410), Data Center has only that.
func (c Config) searchPath() string {
	if c.Flavor == DataCenter {
		return "rest/api/2/search"
	}
	return "rest/api/2/search/jql"
}
