package jira

import (
	"errors"
	"fmt"
	"net/http"
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
	// CAFile is a file in PEM with the authorities to trust, for a Data Center with one of the house's own; the system's when empty.
	CAFile string `yaml:"ca_file"`
}

// Defaults is a Cloud site.
func Defaults() Config { return Config{Flavor: Cloud} }

// New makes a client. It reports every mistake of the configuration at once; all it reads is the file of authorities.
func New(config Config, deps framework.Deps) (*Client, error) {
	if config.Flavor == "" {
		config.Flavor = Cloud
	}
	if deps.HTTP == nil || deps.Now == nil {
		return nil, errors.New("the HTTP client and the clock are missing")
	}
	base, err := framework.ServiceURL(config.URL)
	plain, untrusted := framework.Trusting(deps.HTTP, config.CAFile)
	if untrusted != nil {
		untrusted = fmt.Errorf("ca_file: %w", untrusted)
	}
	if err = errors.Join(err, config.checkAccess(), untrusted); err != nil {
		return nil, err
	}
	// Jira's REST API never redirects; a redirect leads to a login page, and following it would turn a POST into a GET.
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	api, err := gojira.NewClient(&sender{http: plain, authorization: config.authorization(), agent: "funnelweb/" + deps.Version}, base.String())
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	return &Client{
		api: api, base: base, now: deps.Now, searchPath: config.searchPath(), flavor: config.Flavor,
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
	if !c.Token.FitsHeader() {
		mistakes = append(mistakes, errors.New("token: is missing, or holds what no token has: blanks, letters beyond ASCII"))
	}
	return errors.Join(mistakes...)
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
