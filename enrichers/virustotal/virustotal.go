// Package virustotal asks VirusTotal what its engines think of a file hash, an address, a domain or a URL. It looks
// up only: nothing is ever submitted, and what is private or internal is not asked about.
package virustotal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"funnelweb/framework"
)

// service is how findings, errors and the shared quota name VirusTotal.
const service = "virustotal"

// formatVersion changes when findings are put into other words: kept ones are not used any more then.
const formatVersion = "v2"

// unknownFresh bounds how long "never seen" may be used: new malware is uploaded within hours of its first use.
const unknownFresh = time.Hour

// Config holds the key and the limits that come with it.
type Config struct {
	Key              framework.Secret `yaml:"key"`
	URL              string           `yaml:"url"`               // root of API v3
	PerMinute        int              `yaml:"per_minute"`        // lookups; 0 for a key without that limit
	PerDay           int              `yaml:"per_day"`           // lookups from 00:00 to 24:00 UTC; 0 for a key without that limit
	MaliciousFrom    int64            `yaml:"malicious_from"`    // engines that make a verdict malicious; fewer make it suspicious
	InternalNames    []string         `yaml:"internal_names"`    // further domains that, with all below them, are never sent
	InternalNetworks []string         `yaml:"internal_networks"` // blocks of addresses that are never sent, besides private and reserved ones
	Timeout          time.Duration    `yaml:"timeout"`           // for one answer
	Fresh            time.Duration    `yaml:"fresh"`             // how long an answer is used again
	User             string           `yaml:"user"`              // id of the key's owner, for check --online to tell what is left of the quota
}

// Defaults returns the limits of a free key: 4 lookups a minute and 500 a day.
func Defaults() Config {
	return Config{
		URL: "https://www.virustotal.com/api/v3", PerMinute: 4, PerDay: 500, MaliciousFrom: 3,
		Timeout: 20 * time.Second, Fresh: 24 * time.Hour,
	}
}

// Enricher looks indicators up. Make one with New.
type Enricher struct {
	config   Config
	base     *url.URL
	http     *http.Client
	quota    framework.Quota
	now      func() time.Time
	agent    string
	internal []string
	networks []netip.Prefix
	answers  framework.Answers
	key      keyState
}

// New checks the configuration. Nothing is sent before the first lookup.
func New(config Config, deps framework.Deps) (*Enricher, error) {
	base, baseErr := framework.ServiceURL(config.URL)
	internal, namesErr := parseNames(config.InternalNames)
	networks, networksErr := parseNetworks(config.InternalNetworks)
	errs := []error{baseErr, namesErr, networksErr}
	if !config.Key.FitsHeader() {
		errs = append(errs, errors.New("key is required, and is made of letters and digits"))
	}
	if config.User != "" && !userPattern.MatchString(config.User) {
		errs = append(errs, errors.New("user is the id of the key's owner at VirusTotal, such as jdoe"))
	}
	if config.MaliciousFrom < 1 {
		errs = append(errs, errors.New("malicious_from must be at least 1 engine"))
	}
	if config.PerMinute < 0 || config.PerDay < 0 {
		errs = append(errs, errors.New("per_minute and per_day must not be negative"))
	}
	if config.Timeout <= 0 || config.Fresh <= 0 {
		errs = append(errs, errors.New("timeout and fresh must be longer than 0"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Enricher{
		config: config, base: base, http: deps.HTTP, quota: deps.Quota, now: deps.Now,
		agent: "funnelweb/" + deps.Version, internal: internal, networks: networks, answers: deps.Answers,
	}, nil
}

// Kinds are the three hashes, addresses, domains and URLs.
func (e *Enricher) Kinds() []framework.Kind {
	return []framework.Kind{
		framework.MD5, framework.SHA1, framework.SHA256, framework.IP, framework.Domain, framework.URL,
	}
}

// Enrich looks the indicator up. What VirusTotal has never seen, and what is not sent because it is private, are
// findings with the verdict Unknown. Errors are ServiceErrors and Waits for the quota.
func (e *Enricher) Enrich(ctx context.Context, indicator framework.Indicator) (framework.Finding, error) {
	// The value becomes a part of a path: it is taken only in normal form.
	normal, err := framework.ParseIndicator(indicator.Kind, indicator.Value)
	if err != nil || normal != indicator || !slices.Contains(e.Kinds(), indicator.Kind) {
		return framework.Finding{}, &framework.ServiceError{
			Service: service, Op: "look up", Permanent: true, Err: err,
			Reason: "VirusTotal knows hashes, addresses, domains and URLs only, and this is none in normal form",
		}
	}
	if reason := e.private(indicator); reason != "" {
		return e.finding(indicator, framework.Unknown, "Not sent to VirusTotal: "+reason+".", nil, ""), nil
	}
	return framework.FindingOnce(ctx, e.answers, service, e.question(indicator), e.config.Fresh, func(ctx context.Context) (framework.Finding, error) {
		return e.lookUp(ctx, indicator)
	})
}

// question names all that an answer depends on: another server, the sandbox's say, and other settings have answers of
// their own.
func (e *Enricher) question(indicator framework.Indicator) string {
	return fmt.Sprintf("%s %s, malicious from %d, fresh %s: %s", e.base, formatVersion, e.config.MaliciousFrom, e.config.Fresh, indicator)
}

// lookUp asks VirusTotal, when the quota allows it.
func (e *Enricher) lookUp(ctx context.Context, indicator framework.Indicator) (framework.Finding, error) {
	target, err := e.locate(indicator)
	if err != nil {
		return framework.Finding{}, err
	}
	data, err := e.call(ctx, "look up "+string(indicator.Kind), target.path)
	if errors.Is(err, errNotFound) {
		return e.finding(indicator, framework.Unknown, "Never seen by VirusTotal; unknown is not clean.", target.caveat(), ""), nil
	}
	if err != nil {
		return framework.Finding{}, err
	}
	object, err := decode(data, target, indicator)
	if err != nil {
		return framework.Finding{}, &framework.ServiceError{
			Service: service, Op: "look up " + string(indicator.Kind), Reason: "the answer is not what API v3 gives", Err: err,
		}
	}
	verdict := object.stats.verdict(e.config.MaliciousFrom)
	list := append(object.facts(indicator.Kind, e.now()), target.caveat()...)
	return e.finding(indicator, verdict, object.stats.summary(verdict, object.threat()), list, target.link+object.id), nil
}

func (e *Enricher) finding(indicator framework.Indicator, verdict framework.Verdict, summary string, facts []framework.Fact, link string) framework.Finding {
	now, fresh := e.now().UTC(), e.config.Fresh
	if verdict == framework.Unknown {
		fresh = min(fresh, unknownFresh)
	}
	return framework.Finding{
		Source: service, Indicator: indicator, Verdict: verdict, Summary: summary, Facts: facts, Link: link,
		AskedAt: now, StaleAt: now.Add(fresh),
	}
}
