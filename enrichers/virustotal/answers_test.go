package virustotal

import (
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// TestWhatAnAnswerDependsOnIsInTheQuestion changes one setting after another on one store of answers.
func TestWhatAnAnswerDependsOnIsInTheQuestion(t *testing.T) {
	answers := &frameworktest.MemoryAnswers{Now: frameworktest.Start}
	server, other := serve(t, eicarFile(t)), serve(t, eicarFile(t))
	for name, c := range map[string]struct {
		change func(*Config)
		asked  int
	}{
		"nothing":            {func(*Config) {}, 0},
		"another key":        {func(c *Config) { c.Key = framework.NewSecret("an0therc4nary") }, 0},
		"the verdict":        {func(c *Config) { c.MaliciousFrom = 100 }, 1},
		"the time to live":   {func(c *Config) { c.Fresh = time.Hour }, 1},
		"the server":         {func(c *Config) { c.URL = other.URL }, 1},
		"limits and the log": {func(c *Config) { c.PerMinute, c.Timeout = 0, time.Second }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			config := validConfig(server.URL)
			on := func(d *framework.Deps) { d.Answers = answers }
			if _, err := newEnricher(t, config, on).Enrich(t.Context(), md5()); err != nil {
				t.Fatal(err)
			}
			before := answers.Asked()
			c.change(&config)
			if _, err := newEnricher(t, config, on).Enrich(t.Context(), md5()); err != nil {
				t.Fatal(err)
			}
			if asked := answers.Asked() - before; asked != c.asked {
				t.Errorf("asked %d times more, want %d", asked, c.asked)
			}
		})
	}
}

func TestAnUnknownIndicatorIsAskedAboutAgainSoon(t *testing.T) {
	clock := new(frameworktest.Clock)
	server := serve(t, refuses(404, "NotFoundError", ""))
	enricher := newEnricher(t, validConfig(server.URL), clocked(clock))
	for _, step := range []struct {
		after time.Duration
		asked int
	}{{0, 1}, {time.Hour - time.Second, 1}, {time.Second, 2}} {
		clock.Advance(step.after)
		if _, err := enricher.Enrich(t.Context(), md5()); err != nil {
			t.Fatal(err)
		}
		if asked := server.asked(); len(asked) != step.asked {
			t.Errorf("at %s it was asked %d times", clock.Now(), len(asked))
		}
	}
}
