package assets

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// serve starts an inventory with three entries, of which one lacks its owner.
func serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Get("Authorization")
		switch {
		case sent != "Bearer "+frameworktest.Canary:
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/api/hosts/ws-042":
			_, _ = w.Write([]byte(`{"owner":"Research","site":"Berlin\n2","tier":2,"serial":"X1"}`))
		case r.URL.Path == "/api/hosts/ws-043":
			_, _ = w.Write([]byte(`{"tier":2}`))
		case r.URL.Path == "/api/hosts/ws-044": // a proxy that shows what it was sent
			http.Error(w, sent, http.StatusBadGateway)
		case r.URL.Path == "/api/hosts/ws-045":
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/api"
}

func valid(address string) Config {
	config := Defaults()
	config.URL, config.Token = address, framework.NewSecret(frameworktest.Canary)
	return config
}

func newEnricher(t *testing.T) *Enricher {
	t.Helper()
	enricher, err := New(valid(serve(t)), frameworktest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	return enricher
}

func host(name string) framework.Indicator {
	return framework.Indicator{Kind: framework.Host, Value: name}
}

func TestAMachineIsTold(t *testing.T) {
	got, err := newEnricher(t).Enrich(t.Context(), host("ws-042"))
	if err != nil {
		t.Fatal(err)
	}
	want := framework.Finding{
		Source: "assets", Indicator: host("ws-042"), Summary: "Tier 2 machine of Research.",
		Facts: []framework.Fact{
			{Key: "owner", Label: "Owner", Value: "Research"},
			{Key: "tier", Label: "Tier", Value: "2"},
			{Key: "site", Label: "Site", Value: "Berlin 2"},
		},
		AskedAt: frameworktest.Start(), StaleAt: frameworktest.Start().Add(time.Hour),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestItKeepsWhatEveryEnricherKeeps(t *testing.T) {
	frameworktest.RunEnricherSuite(
		t, newEnricher(t),
		frameworktest.EnricherCase{Indicator: host("ws-042")},
		frameworktest.EnricherCase{Indicator: host("ws-999"), Source: frameworktest.Unknown},
		frameworktest.EnricherCase{Indicator: host("ws-043"), Source: frameworktest.Fails},
		frameworktest.EnricherCase{Indicator: host("ws-044"), Source: frameworktest.Fails},
		frameworktest.EnricherCase{Indicator: host("ws-045"), Source: frameworktest.Hangs},
	)
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no address", func(c *Config) { c.URL = "" }, "url is missing"},
		{"no token", func(c *Config) { c.Token = framework.Secret{} }, "token: is missing, or cannot be sent in a header"},
		{"no time", func(c *Config) { c.Fresh = 0 }, "fresh: must be longer than 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := valid("https://assets.example.com")
			c.change(&config)
			_, err := New(config, frameworktest.Deps(t))
			if err == nil {
				t.Fatal("it was accepted")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheReadmesConfigurationLoads(t *testing.T) {
	t.Setenv("ASSETS_TOKEN", frameworktest.Canary)
	config := Defaults()
	frameworktest.ReadmeConfig(t, "enrichers.assets", &config)
	if _, err := New(config, frameworktest.Deps(t)); err != nil {
		t.Error(err)
	}
}
