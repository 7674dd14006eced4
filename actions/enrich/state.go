package enrich

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// Bounds of what is stored and shown of a finding; texts in runes.
const (
	maxFacts   = 40
	maxText    = 500
	maxLink    = 2_000
	maxChanges = 50 // tries at a compare-and-set; each lost one means that somebody else's went through
)

// state is the ledger's entry for a comment: all that it shows. The comment is only ever written from here.
type state struct {
	// Generation counts how often the comment was made anew because somebody had deleted it.
	Generation int       `json:"generation,omitzero"`
	Sections   []section `json:"sections"`
}

// status says how far an enricher is.
type status string

const (
	waiting status = "waiting" // not begun, or held back until Next
	done    status = "done"
	failed  status = "failed" // tried again at Next
	dead    status = "dead"   // given up
)

// section is what one enricher has to say.
type section struct {
	Automation  string    `json:"automation"`
	Enricher    string    `json:"enricher"`
	EventID     string    `json:"event_id,omitempty"` // that the rest is about
	EventTime   time.Time `json:"event_time,omitzero"`
	Status      status    `json:"status"`
	Findings    []finding `json:"findings,omitempty"`
	Notes       []string  `json:"notes,omitempty"`
	CutFindings int       `json:"cut_findings,omitzero"` // for which there was no room
	CutNotes    int       `json:"cut_notes,omitzero"`
	Reason      string    `json:"reason,omitempty"`
	Next        time.Time `json:"next,omitzero"`
	Attempts    int       `json:"attempts,omitzero"`
	ChangedAt   time.Time `json:"changed_at,omitzero"`
}

// section returns the job's section, a waiting one when there is none.
func (s *state) section(job framework.Job) section {
	if i := s.index(job.Automation, job.Name); i >= 0 {
		return s.Sections[i]
	}
	return section{Automation: job.Automation, Enricher: job.Name, Status: waiting}
}

func (s *state) index(automation, enricher string) int {
	return slices.IndexFunc(s.Sections, func(one section) bool {
		return one.Automation == automation && one.Enricher == enricher
	})
}

// put stores the job's section, beside waiting ones for the automation's other enrichers in their order, and reports
// whether it did: it does not when a newer event's is there already.
func (s *state) put(order []string, job framework.Job, mine section) bool {
	if current := s.section(job); current.isNewer(job) {
		return false
	}
	var sections, ours []section
	for _, one := range s.Sections {
		if one.Automation != job.Automation || !slices.Contains(order, one.Enricher) {
			sections = append(sections, one)
		}
	}
	for _, name := range order {
		one := job
		one.Name = name
		ours = append(ours, s.section(one))
	}
	s.Sections = append(sections, ours...)
	// Of several automations that share a comment, whoever writes last must not move its sections.
	slices.SortStableFunc(s.Sections, func(a, b section) int { return strings.Compare(a.Automation, b.Automation) })
	s.Sections[s.index(mine.Automation, mine.Enricher)] = mine
	return true
}

// isNewer reports whether the section is about a later event than the job's.
func (s section) isNewer(job framework.Job) bool {
	return s.EventID != job.Event.ID && s.EventTime.After(job.Event.Time)
}

func (s section) isDone(job framework.Job) bool {
	return s.Status == done && s.EventID == job.Event.ID
}

func (s *section) finish(job framework.Job, now time.Time) {
	s.EventID, s.EventTime, s.ChangedAt = job.Event.ID, job.Event.Time, now
	s.Status, s.Reason, s.Next, s.Attempts = done, "", time.Time{}, 0
}

func (s *section) fail(job framework.Job, failure framework.Failure, now time.Time) {
	s.EventID, s.EventTime, s.ChangedAt = job.Event.ID, job.Event.Time, now
	s.Reason, s.Next, s.Attempts = cut(failure.Reason, maxText), failure.Next, failure.Attempts
	switch {
	case failure.Waiting:
		s.Status = waiting
	case failure.Next.IsZero():
		s.Status = dead
	default:
		s.Status = failed
	}
}

// load reads an entry; one that does not exist is empty, at revision 0.
func (a *Action) load(ctx context.Context, entry string) (state, uint64, error) {
	var stored state
	value, revision, err := a.ledger.Get(ctx, entry)
	if errors.Is(err, framework.ErrNotRecorded) {
		return stored, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &stored)
	}
	if err != nil {
		return stored, 0, fmt.Errorf("read ledger %s: %w", entry, err)
	}
	return stored, revision, nil
}

// change applies a change to what is stored by then; one that returns false changes nothing.
func (a *Action) change(ctx context.Context, entry string, apply func(*state) bool) error {
	for range maxChanges {
		stored, revision, err := a.load(ctx, entry)
		if err != nil {
			return err
		}
		if !apply(&stored) {
			return nil
		}
		value, err := stored.encode()
		if err != nil {
			return fmt.Errorf("encode ledger %s: %w", entry, err)
		}
		_, err = a.ledger.Put(ctx, entry, value, revision)
		if !errors.Is(err, framework.ErrConflict) {
			if err != nil {
				return fmt.Errorf("write ledger %s: %w", entry, err)
			}
			return nil
		}
	}
	return busy(a.now())
}
