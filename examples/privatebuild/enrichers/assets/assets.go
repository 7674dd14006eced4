// Package assets asks the company's inventory whose machine a host is and how much depends on it.
package assets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"funnelweb/framework"
)

// service is how findings and errors name the inventory.
const service = "assets"

// maxText bounds what is shown of an entry's texts, in characters.
const maxText = 200

// Config says how to reach the inventory.
type Config struct {
	URL   string           `yaml:"url"`   // base address; /hosts/NAME is added to its path
	Token framework.Secret `yaml:"token"` // goes with each call as a bearer token
	Fresh time.Duration    `yaml:"fresh"` // how long an answer may be used again
}

// Defaults lacks address and token; machines seldom change hands within an hour.
func Defaults() Config { return Config{Fresh: time.Hour} }

// Enricher looks hosts up. Make one with New.
type Enricher struct {
	hosts *url.URL
	token framework.Secret
	fresh time.Duration
	deps  framework.Deps
}

// New checks the configuration. Nothing is sent before the first lookup.
func New(config Config, deps framework.Deps) (*Enricher, error) {
	base, err := framework.ServiceURL(config.URL)
	errs := []error{err}
	if !config.Token.FitsHeader() {
		errs = append(errs, errors.New("token: is missing, or cannot be sent in a header"))
	}
	if config.Fresh <= 0 {
		errs = append(errs, errors.New("fresh: must be longer than 0"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Enricher{hosts: base.JoinPath("hosts"), token: config.Token, fresh: config.Fresh, deps: deps}, nil
}

// Kinds are hosts alone.
func (*Enricher) Kinds() []framework.Kind { return []framework.Kind{framework.Host} }

// entry is a machine in the inventory. Members that are not named here are ignored.
type entry struct {
	Owner string `json:"owner"` // a team
	Site  string `json:"site"`
	Tier  int    `json:"tier"` // from 1, on which the company depends, to 4
}

// Enrich looks a host up. One that the inventory does not have is a finding: it may be somebody's own machine. There is
// no verdict, since an inventory judges nothing.
func (e *Enricher) Enrich(ctx context.Context, indicator framework.Indicator) (framework.Finding, error) {
	now := e.deps.Now().UTC()
	finding := framework.Finding{Source: service, Indicator: indicator, AskedAt: now, StaleAt: now.Add(e.fresh)}
	address := e.hosts.JoinPath(url.PathEscape(indicator.Value)).String()
	var got entry
	err := framework.GetJSON(ctx, e.deps, service, address, http.Header{"Authorization": {"Bearer " + e.token.Reveal()}}, &got)
	if failure, ok := errors.AsType[*framework.ServiceError](err); ok && failure.Status == http.StatusNotFound {
		finding.Summary = "Not in the inventory: perhaps nobody's, perhaps not ours."
		return finding, nil
	}
	if err != nil {
		return framework.Finding{}, err
	}
	owner, site := framework.Line(got.Owner, maxText), framework.Line(got.Site, maxText)
	if owner == "" || got.Tier < 1 || got.Tier > 4 {
		return framework.Finding{}, &framework.ServiceError{
			Service: service, Op: "look up", Status: http.StatusOK, Reason: "the entry has no owner, or no tier from 1 to 4",
		}
	}
	finding.Summary = fmt.Sprintf("Tier %d machine of %s.", got.Tier, owner)
	finding.Facts = []framework.Fact{{Key: "owner", Label: "Owner", Value: owner}, {Key: "tier", Label: "Tier", Value: fmt.Sprint(got.Tier)}}
	if site != "" {
		finding.Facts = append(finding.Facts, framework.Fact{Key: "site", Label: "Site", Value: site})
	}
	return finding, nil
}
