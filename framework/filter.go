package framework

import (
	"slices"
	"strings"
	"time"
)

// EventFilter chooses events. What is left empty chooses all.
type EventFilter struct {
	Source     string    // the part of the type before the dot
	Type       string    // source.what
	Automation string    // only events that go to it
	State      RunState  // only events with a run in this state; with Automation, a run of that
	Since      time.Time // accepted then or later
	Until      time.Time // accepted before
}

// ByRuns reports whether the filter asks for more than the event itself tells.
func (f EventFilter) ByRuns() bool { return f.Automation != "" || f.State != "" }

// Matches reports whether the filter lets an event through, its runs left aside.
func (f EventFilter) Matches(eventType string, accepted time.Time) bool {
	source, _, _ := strings.Cut(eventType, ".")
	return (f.Source == "" || f.Source == source) && (f.Type == "" || f.Type == eventType) && within(accepted, f.Since, f.Until)
}

// MatchesRun reports whether the filter lets a run through.
func (f EventFilter) MatchesRun(run Run) bool {
	return (f.Automation == "" || f.Automation == run.Automation) && (f.State == "" || f.State == run.State)
}

// MatchesRuns reports whether it lets one of several through, or does not ask for any.
func (f EventFilter) MatchesRuns(runs []Run) bool {
	return !f.ByRuns() || slices.ContainsFunc(runs, f.MatchesRun)
}

// LetterFilter chooses dead letters. What is left empty chooses all.
type LetterFilter struct {
	Automation string    `json:"automation,omitempty" maxLength:"63" doc:"Only those of this automation" example:"ticket-for-alert"`
	Job        string    `json:"job,omitempty" maxLength:"63" doc:"Only those of this job of automations that have several" example:"virustotal"`
	Service    string    `json:"service,omitempty" maxLength:"100" doc:"Only those that this service failed for" example:"jira"`
	Reason     string    `json:"reason,omitempty" maxLength:"200" doc:"Only those whose reason contains this text, in upper or lower case" example:"no such project"`
	Since      time.Time `json:"since,omitzero" doc:"Only those given up then or later" example:"2026-11-20T00:00:00Z"`
	Until      time.Time `json:"until,omitzero" doc:"Only those given up before" example:"2026-11-21T00:00:00Z"`
}

// IsZero reports whether the filter chooses all.
func (f LetterFilter) IsZero() bool { return f == LetterFilter{} }

// Matches reports whether the filter lets a dead letter through.
func (f LetterFilter) Matches(letter DeadLetter) bool {
	return (f.Automation == "" || f.Automation == letter.Automation) &&
		(f.Job == "" || f.Job == letter.Job) &&
		(f.Service == "" || f.Service == letter.Service) &&
		strings.Contains(strings.ToLower(letter.Reason), strings.ToLower(f.Reason)) &&
		within(letter.GivenUpAt, f.Since, f.Until)
}

func within(t, since, until time.Time) bool {
	return !t.Before(since) && (until.IsZero() || t.Before(until))
}
