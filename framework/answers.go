package framework

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// MaxAnswerKept bounds an Answer's Value in bytes; a longer one is passed on and not kept.
const MaxAnswerKept = 256 << 10

// Answer is what a provider said, in the form in which the part that asked wants it back. It must hold no secret: it is
// stored as it is.
type Answer struct {
	Value   []byte
	AskedAt time.Time // when the provider was asked: it stays so when the answer is used again
	StaleAt time.Time // from when it is not used any more, by the provider's own time to live
}

// Answers keeps providers' answers for all jobs and replicas, and over restarts. It is bounded: what was asked longest ago
// gives way, fresh or not. Losing an answer costs one more call and nothing else.
type Answers interface {
	// Ask returns the kept answer to a question while it is fresh, else what call returns. Whoever asks the same at the same time,
	// in any replica, waits for the one call, or is told to by a *Wait. The question names all that the answer depends on,
	// settings too; service and question are stored as their Fingerprint only. "Not found" is an answer, with a shorter
	// time to live; an error of call is returned to all who wait for it and not kept. Call has at most a minute.
	Ask(ctx context.Context, service, question string, call func(context.Context) (Answer, error)) (Answer, error)
}

// FindingOnce returns the kept Finding on a question, which still says when the source was asked, else what call returns:
// see Answers. A finding is kept until it is stale, and for atMost at most.
func FindingOnce(ctx context.Context, answers Answers, service, question string, atMost time.Duration, call func(context.Context) (Finding, error)) (Finding, error) {
	answer, err := answers.Ask(ctx, service, question, func(ctx context.Context) (Answer, error) {
		finding, err := call(ctx)
		if err != nil {
			return Answer{}, err
		}
		value, err := json.Marshal(finding)
		if err != nil {
			return Answer{}, fmt.Errorf("encode the finding of %s: %w", service, err)
		}
		stale := finding.AskedAt.Add(atMost)
		if finding.StaleAt.Before(stale) {
			stale = finding.StaleAt
		}
		return Answer{Value: value, AskedAt: finding.AskedAt, StaleAt: stale}, nil
	})
	if err != nil {
		return Finding{}, err
	}
	var finding Finding
	if err := json.Unmarshal(answer.Value, &finding); err != nil {
		return Finding{}, fmt.Errorf("decode the kept finding of %s: %w", service, err)
	}
	return finding, nil
}
