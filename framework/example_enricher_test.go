package framework_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// ReputationConfig is the configuration of the enricher reputation.
type ReputationConfig struct {
	URL   string           `yaml:"url"`
	Key   framework.Secret `yaml:"key"`
	Fresh time.Duration    `yaml:"fresh"`
}

// ReputationDefaults lacks address and key.
func ReputationDefaults() ReputationConfig { return ReputationConfig{Fresh: time.Hour} }

// ReputationEnricher asks a service with a JSON answer.
type ReputationEnricher struct {
	base   *url.URL
	config ReputationConfig
	deps   framework.Deps
}

// NewReputation refuses an address to which a key may not be sent.
func NewReputation(config ReputationConfig, deps framework.Deps) (*ReputationEnricher, error) {
	base, err := framework.ServiceURL(config.URL)
	return &ReputationEnricher{base, config, deps}, err
}

// Kinds are addresses alone.
func (*ReputationEnricher) Kinds() []framework.Kind { return []framework.Kind{framework.IP} }

// Enrich returns the errors of GetJSON as they are: each says what is wrong and whether to try again.
func (e *ReputationEnricher) Enrich(ctx context.Context, in framework.Indicator) (framework.Finding, error) {
	var answer struct {
		Reports int `json:"reports"`
	}
	header := http.Header{"X-Api-Key": {e.config.Key.Reveal()}}
	if err := framework.GetJSON(ctx, e.deps, "reputation", e.base.JoinPath(in.Value).String(), header, &answer); err != nil {
		return framework.Finding{}, err
	}
	finding := framework.Finding{Source: "reputation", Indicator: in, Verdict: framework.Undetected, AskedAt: e.deps.Now()}
	if answer.Reports > 0 {
		finding.Verdict = framework.Suspicious
	}
	finding.Summary = fmt.Sprintf("Reported %d times.", answer.Reports)
	finding.StaleAt = finding.AskedAt.Add(e.config.Fresh)
	return finding, nil
}

// An enricher asks one outside source about one indicator. Retries, the ticket and the masking of errors are not its
// business.
func Example_enricher() {
	registry := framework.NewRegistry()
	framework.AddEnricher(registry, "reputation", ReputationDefaults, NewReputation) // the line in enrichers/enrichers.go
	if err := registry.Err(); err != nil {
		fmt.Println(err)
	}

	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/192.0.2.1" {
			http.Error(w, "no credits left for key "+r.Header.Get("X-Api-Key"), http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte(`{"reports":3}`))
	}))
	defer service.Close()
	config := ReputationDefaults()
	config.URL, config.Key = service.URL, framework.NewSecret("a secret key")
	enricher, err := NewReputation(config, framework.Deps{HTTP: service.Client(), Now: frameworktest.Start})
	if err != nil {
		fmt.Println(err)
	}

	for _, value := range []string{"192.0.2.1", "192.0.2.2"} {
		indicator, err := framework.ParseIndicator(framework.IP, value)
		if err != nil {
			fmt.Println(err)
		}
		finding, err := enricher.Enrich(context.Background(), indicator)
		if err != nil {
			fmt.Println(framework.Reason(err), "- give up:", framework.IsPermanent(err))
			continue
		}
		fmt.Println(finding.Verdict, "-", finding.Summary, "Good until", finding.StaleAt.Format(time.TimeOnly))
	}
	// Output:
	// suspicious - Reported 3 times. Good until 13:00:00
	// reputation: look up: the credentials do not permit this (status 403) - give up: true
}
