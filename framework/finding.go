package framework

import (
	"context"
	"time"
)

// Verdict is a source's opinion of an indicator.
type Verdict string

// The verdicts. Unknown means that the source has never seen the indicator: it is not clean.
const (
	Malicious  Verdict = "malicious"
	Suspicious Verdict = "suspicious"
	Harmless   Verdict = "harmless"
	Undetected Verdict = "undetected"
	Unknown    Verdict = "unknown"
)

// Finding is what one source knows of one indicator. It carries all that a ticket comment, a table
// row and a threat-response document need, so that none of them asks the source again.
type Finding struct {
	Source    string    `json:"source" doc:"The enricher's name"`
	Indicator Indicator `json:"indicator"`
	Verdict   Verdict   `json:"verdict,omitempty" doc:"The source's opinion; absent when it judges nothing, as a directory does" enum:"malicious,suspicious,harmless,undetected,unknown"`
	Summary   string    `json:"summary" doc:"The answer in one plain sentence"`
	Facts     []Fact    `json:"facts,omitempty" doc:"Details in the order in which a person reads them"`
	Link      string    `json:"link,omitempty" doc:"Where a person reads more"`
	AskedAt   time.Time `json:"asked_at" doc:"When the source was asked"`
	StaleAt   time.Time `json:"stale_at" doc:"From when the answer should be asked for again"`
}

// Fact is one detail of a Finding. All three texts are untrusted: whoever shows them escapes them.
type Fact struct {
	Key   string `json:"key" doc:"Stable machine name in snake_case"`
	Label string `json:"label" doc:"What people read"`
	Value string `json:"value" doc:"The value in words; times are UTC"`
}

// Enricher asks one outside source about one indicator. It is used by many jobs at once.
type Enricher interface {
	// Kinds are the kinds of indicator that the source can be asked about.
	Kinds() []Kind
	// Enrich asks the source. "Not found" is a Finding, not an error. Errors are a ServiceError (down,
	// refused, over quota) or a Wait; anything else counts as transient. The context has a deadline.
	Enrich(ctx context.Context, indicator Indicator) (Finding, error)
}

// Checker is implemented by a part that can tell, harmlessly and fast, whether its service answers.
type Checker interface {
	// Check returns nil when the service can be used now, else the reason as a ServiceError.
	Check(ctx context.Context) error
}
