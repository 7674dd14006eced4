package frameworktest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// Canary is the secret that a test configures wherever a part takes one, for suites to look for. It is of letters and
// digits, so that it can be sent anywhere.
const Canary = "canary0secret1that2nobody3may4see"

// Source says what the source, as a test set it up, does when it is asked about an indicator.
type Source int

// What a source may do.
const (
	Knows   Source = iota // it answers
	Unknown               // it has never seen the indicator, which is a finding too
	Fails                 // it refuses, breaks, or answers nonsense
	Hangs                 // it takes the question and does not answer while anybody waits
)

// EnricherCase is an indicator that the source is asked about.
type EnricherCase struct {
	Indicator framework.Indicator
	Source    Source
}

// patience is how long the suites let a call run before they stop it; nothing is decided by it.
const patience = 50 * time.Millisecond

// stuck is after what time a call that was stopped counts as one that never ends.
const stuck = 30 * time.Second

// maxSummary bounds a Finding's Summary in bytes: it is one line of a comment or a table.
const maxSummary = 1000

// RunEnricherSuite checks what every enricher keeps, for each case also side by side: what its source knows and does
// not know is a complete Finding; what fails is a ServiceError or a Wait; a caller who is gone is told so and not kept.
// The enricher is one whose every secret is Canary: it is looked for in all findings and errors.
func RunEnricherSuite(tb testing.TB, enricher framework.Enricher, cases ...EnricherCase) {
	tb.Helper()
	kinds := enricher.Kinds()
	for i, kind := range kinds {
		if !slices.Contains(framework.Kinds(), kind) || slices.Contains(kinds[:i], kind) {
			tb.Errorf("kind %q is no kind, or is given twice", kind)
		}
	}
	if len(kinds) == 0 || len(cases) == 0 {
		tb.Errorf("%d kinds and %d cases: at least one of each is needed", len(kinds), len(cases))
	}
	for _, c := range cases {
		what := "asked about " + c.Indicator.String()
		if !slices.Contains(kinds, c.Indicator.Kind) {
			tb.Errorf("%s, which is of no kind in %v", what, kinds)
			continue
		}
		if c.Source != Unknown { // which may be known without asking, so that nobody has to wait
			eachAtOnce(tb, what+" by a caller who is gone", func() error { return asksInVain(tb, enricher, c.Indicator, 0) })
		}
		eachAtOnce(tb, what, func() error { return ask(tb, enricher, c) })
	}
}

func ask(tb testing.TB, enricher framework.Enricher, c EnricherCase) error {
	tb.Helper()
	if c.Source == Hangs {
		return asksInVain(tb, enricher, c.Indicator, patience)
	}
	finding, err := enricher.Enrich(tb.Context(), c.Indicator)
	if c.Source == Fails {
		if err == nil {
			return errors.New("the source failed, and there is a finding all the same")
		}
		return errors.Join(explained(err), tellsNoSecret(err))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("there is no finding: %s", framework.Reason(err)), tellsNoSecret(err))
	}
	return errors.Join(complete(finding, c), keepsSecret(finding))
}

// asksInVain asks and goes away after a time. The answer has to be an error, and soon.
func asksInVain(tb testing.TB, enricher framework.Enricher, indicator framework.Indicator, after time.Duration) error {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), after)
	defer cancel()
	answer := make(chan error, 1)
	go func() {
		_, err := enricher.Enrich(ctx, indicator)
		answer <- err
	}()
	select {
	case err := <-answer:
		if err == nil {
			return errors.New("there is a finding that nobody can have waited for")
		}
		return tellsNoSecret(err)
	case <-time.After(stuck):
		return errors.New("the call goes on although its context has ended")
	}
}

// explained reports whether an error tells people what is wrong, in one line.
func explained(err error) error {
	service, isService := errors.AsType[*framework.ServiceError](err)
	_, isWait := errors.AsType[*framework.Wait](err)
	switch {
	case !isService && !isWait:
		return fmt.Errorf("the error is a %T, neither a ServiceError nor a Wait", err)
	case isService && (service.Service == "" || service.Op == "" || service.Reason == ""):
		return fmt.Errorf("the ServiceError lacks its service, operation or reason: %q", service.Public())
	case framework.Reason(err) == "" || strings.ContainsAny(framework.Reason(err), "\r\n"):
		return fmt.Errorf("the reason is not one line: %q", framework.Reason(err))
	default:
		return nil
	}
}

func complete(finding framework.Finding, c EnricherCase) error {
	verdicts := []framework.Verdict{"", framework.Malicious, framework.Suspicious, framework.Harmless, framework.Undetected, framework.Unknown}
	var wrong []string
	claim := func(holds bool, otherwise string) {
		if !holds {
			wrong = append(wrong, otherwise)
		}
	}
	claim(finding.Source != "", "source is empty")
	claim(finding.Indicator == c.Indicator, "indicator is not what was asked about")
	claim(slices.Contains(verdicts, finding.Verdict), "verdict is none of framework's")
	claim(c.Source != Unknown || finding.Verdict == "" || finding.Verdict == framework.Unknown, "verdict on something that the source has never seen")
	claim(isLine(finding.Summary) && len(finding.Summary) <= maxSummary, "summary is not one short line")
	claim(!finding.AskedAt.IsZero(), "asked_at is missing")
	claim(finding.StaleAt.After(finding.AskedAt), "stale_at is not after asked_at")
	claim(finding.Link == "" || isWeb(finding.Link), "link is not an absolute http address")
	for i, fact := range finding.Facts {
		claim(isLine(fact.Key) && isLine(fact.Label) && fact.Value != "", fmt.Sprintf("fact %d lacks its key, label or value", i+1))
	}
	if len(wrong) > 0 {
		return errors.New("the finding is not complete: " + strings.Join(wrong, "; "))
	}
	return nil
}

func isLine(text string) bool {
	return strings.TrimSpace(text) != "" && !strings.ContainsAny(text, "\r\n")
}

func isWeb(link string) bool {
	parsed, err := url.Parse(link)
	return err == nil && parsed.Host != "" && (parsed.Scheme == "https" || parsed.Scheme == "http")
}

func keepsSecret(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("it cannot be encoded: %w", err)
	}
	return hides(string(text))
}

func tellsNoSecret(err error) error { return hides(err.Error(), framework.Reason(err)) }

// hides is an error when one of the texts holds the Canary.
func hides(texts ...string) error {
	for _, text := range texts {
		if encoding := leak(Canary, text); encoding != "" {
			return errors.New("it tells the secret, in " + encoding)
		}
	}
	return nil
}
