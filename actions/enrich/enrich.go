// Package enrich asks enrichers about a new ticket and writes what they answer into one comment that is kept up to
// date.
package enrich

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"funnelweb/framework"
)

// askLimit bounds one question to one enricher.
const askLimit = time.Minute

// Config says what to look for in a ticket's alert and whom to ask.
type Config struct {
	// Indicators says where each kind of indicator is found: a path such as result.user, or several. A path is looked
	// up in the alert that the ticket was made of, else in the ticket's own event.
	Indicators map[framework.Kind]Paths `yaml:"indicators"`
	// FindIn are places of text in the ticket's own event, such as issue.fields.description, in which indicators are looked
	// for, defanged ones too. Tickets that were made of an alert are not searched: what counts in an alert is known.
	FindIn   Paths    `yaml:"find_in"`
	With     []string `yaml:"with"`     // names of enrichers, in the order in which they are shown
	Separate bool     `yaml:"separate"` // a comment for each enricher
	// TicketOf is for events that are about no ticket: the name of the automation that makes one of the same event, which
	// is waited for. Empty for events that are about a ticket.
	TicketOf string `yaml:"ticket_of"`
}

// Defaults is one comment for all enrichers.
func Defaults() Config { return Config{} }

// Action enriches tickets. Each enricher is a job of its own.
type Action struct {
	config    Config
	enrichers map[string]framework.Enricher
	now       func() time.Time
	ledger    framework.Ledger
	tickets   framework.Tickets
	activity  framework.Activity
	pause     func(context.Context, time.Duration) error
}

var (
	_ framework.Action         = (*Action)(nil)
	_ framework.Divided        = (*Action)(nil)
	_ framework.FailureWatcher = (*Action)(nil)
)

// New checks the configuration against the enrichers that there are.
func New(config Config, deps framework.Deps) (*Action, error) {
	mistakes := []error{config.checkIndicators(), config.checkEnrichers(deps.Enrichers)}
	if deps.Tickets == nil {
		mistakes = append(mistakes, errors.New("no ticket system is configured: add the section jira"))
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return &Action{
		config: config, enrichers: deps.Enrichers, now: deps.Now,
		ledger: deps.Ledger, tickets: deps.Tickets, activity: deps.Activity, pause: pause,
	}, nil
}

// deps are those of framework.AwaitTicket.
func (a *Action) deps() framework.Deps {
	return framework.Deps{Now: a.now, Ledger: a.ledger, Tickets: a.tickets, Activity: a.activity}
}

func (c Config) checkIndicators() error {
	if len(c.Indicators) == 0 && len(c.FindIn) == 0 {
		return errors.New("indicators: must say where to find at least one, such as {user: result.user}")
	}
	var mistakes []error
	for _, kind := range slices.Sorted(maps.Keys(c.Indicators)) {
		if !slices.Contains(framework.Kinds(), kind) {
			mistakes = append(mistakes, fmt.Errorf("indicators.%s: there is no such kind; there are %v", kind, framework.Kinds()))
		}
		if len(c.Indicators[kind]) == 0 || slices.Contains(c.Indicators[kind], "") {
			mistakes = append(mistakes, fmt.Errorf("indicators.%s: has an empty path", kind))
		}
	}
	if slices.Contains(c.FindIn, "") {
		mistakes = append(mistakes, errors.New("find_in: has an empty path"))
	}
	return errors.Join(mistakes...)
}

func (c Config) checkEnrichers(known map[string]framework.Enricher) error {
	if len(c.With) == 0 {
		return errors.New("with: must name at least one enricher")
	}
	var mistakes []error
	for i, name := range c.With {
		enricher, ok := known[name]
		switch {
		case !ok:
			mistakes = append(mistakes, fmt.Errorf("with[%d]: no enricher %q is configured; there are %v", i, name, slices.Sorted(maps.Keys(known))))
		case slices.Contains(c.With[:i], name):
			mistakes = append(mistakes, fmt.Errorf("with[%d]: %s is named twice", i, name))
		case len(c.kindsOf(enricher)) == 0 && len(c.findableBy(enricher)) == 0:
			mistakes = append(mistakes, fmt.Errorf("with[%d]: %s can be asked about %v, and indicators has none of them", i, name, enricher.Kinds()))
		}
	}
	return errors.Join(mistakes...)
}

// kindsOf returns the configured kinds that the enricher can be asked about, in the order in which people see kinds.
func (c Config) kindsOf(enricher framework.Enricher) []framework.Kind {
	var kinds []framework.Kind
	for _, kind := range framework.Kinds() {
		if _, configured := c.Indicators[kind]; configured && slices.Contains(enricher.Kinds(), kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// findableBy returns the kinds that the enricher can be asked about and that are looked for in text.
func (c Config) findableBy(enricher framework.Enricher) []framework.Kind {
	if len(c.FindIn) == 0 {
		return nil
	}
	return slices.DeleteFunc(framework.Findable(), func(kind framework.Kind) bool { return !slices.Contains(enricher.Kinds(), kind) })
}

// Jobs names the enrichers: each works on its own.
func (a *Action) Jobs() []string { return a.config.With }

// order names the enrichers that share the job's comment.
func (a *Action) order(job framework.Job) []string {
	if a.config.Separate {
		return []string{job.Name}
	}
	return a.config.With
}

// Do asks the job's enricher what it was not asked yet, stores the answers and then brings the comment up to date.
// It has succeeded only once the comment showed what is stored.
func (a *Action) Do(ctx context.Context, job framework.Job) (framework.Result, error) {
	target, err := a.locate(ctx, job)
	if err != nil {
		return framework.Result{}, err
	}
	stored, _, err := a.load(ctx, target.entry)
	if err != nil {
		return framework.Result{}, err
	}
	before := stored.section(job)
	if before.isNewer(job) {
		return framework.Result{Summary: "a newer event of " + target.ticket + " is being worked on"}, nil
	}
	after, askErr := a.ask(ctx, job, target, before)
	err = a.change(ctx, target.entry, func(s *state) bool {
		current := s.section(job)
		if askErr != nil && current.isDone(job) {
			return false // a delivery at the same time has all answers
		}
		if askErr != nil {
			after.Findings = keep(after.Findings, current.Findings)
		}
		return s.put(a.order(job), job, after)
	})
	if err = errors.Join(askErr, err); err != nil {
		return framework.Result{}, err
	}
	if err := a.restore(ctx, job, target); err != nil {
		return framework.Result{}, err
	}
	if err := a.publish(ctx, target); err != nil {
		return framework.Result{}, err
	}
	summary := after.outcome() + " on " + target.ticket
	switch {
	case target.remark != "":
		summary += ". " + target.remark
	case slices.Contains(after.Notes, alertLost):
		summary += ". " + strings.TrimSuffix(alertLost, ".")
	}
	return framework.Result{Summary: summary, Link: a.tickets.Link(target.ticket)}, nil
}

// ask returns the section with the answers. On an error it holds those that there are, so that they are not asked
// for again.
func (a *Action) ask(ctx context.Context, job framework.Job, target target, section section) (section, error) {
	enricher, ok := a.enrichers[job.Name]
	if !ok {
		return section, permanent("the enricher " + job.Name + " is no longer configured")
	}
	alert, lost, err := a.origin(ctx, target)
	if err != nil {
		return section, err
	}
	indicators, notes, err := a.config.gather(ctx, a.config.kindsOf(enricher), alert, target.data)
	if err != nil {
		return section, err
	}
	if alert == nil {
		found, remarks := a.config.search(a.config.findableBy(enricher), target.data, indicators)
		indicators, notes = append(indicators, found...), append(notes, remarks...)
	}
	switch {
	case target.remark != "":
		notes = append([]string{target.disowned(len(a.config.findableBy(enricher)) > 0)}, notes...)
	case lost:
		notes = append([]string{alertLost}, notes...)
	}
	known := section.Findings
	section.Findings, section.Notes, section.CutFindings, section.CutNotes = nil, notes, 0, 0
	var refused error
	for _, indicator := range indicators {
		finding, err := a.finding(ctx, job.Name, enricher, indicator, known)
		if err != nil && framework.IsPermanent(err) { // about this indicator perhaps; the others are still worth asking
			refused = errors.Join(refused, err)
			continue
		}
		if err != nil {
			section.Findings = keep(section.Findings, known)
			return section, err
		}
		section.Findings = append(section.Findings, finding)
	}
	if refused == nil {
		section.finish(job, a.now())
	}
	return section, refused
}

// finding is what is known already and still fresh, else what the enricher answers.
func (a *Action) finding(ctx context.Context, name string, enricher framework.Enricher, indicator framework.Indicator, known []finding) (finding, error) {
	now := a.now()
	for _, one := range known {
		if one.Indicator == indicator && (one.StaleAt.IsZero() || now.Before(one.StaleAt)) {
			return one, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	answer, err := enricher.Enrich(ctx, indicator)
	if err != nil {
		return finding{}, err
	}
	answer.Source, answer.Indicator = name, indicator
	if answer.AskedAt.IsZero() {
		answer.AskedAt = now
	}
	return bound(answer), nil
}

// keep adds those findings that are about indicators not among the new ones.
func keep(fresh, known []finding) []finding {
	for _, old := range known {
		same := func(f finding) bool { return f.Indicator == old.Indicator }
		if !slices.ContainsFunc(fresh, same) {
			fresh = append(fresh, old)
		}
	}
	return fresh
}

// permanent is a failure that no retry can mend.
func permanent(reason string) error {
	return &framework.ServiceError{Service: "enrich", Op: "enrich ticket", Reason: reason, Permanent: true}
}

// Failed shows on the ticket that the job waits, is tried again or was given up. When it was only the comment that
// could not be written there is nothing to say, and nowhere to say it.
func (a *Action) Failed(ctx context.Context, job framework.Job, failure framework.Failure) error {
	target, err := a.locate(ctx, job)
	if _, waits := errors.AsType[*framework.Wait](err); waits {
		return nil // there is no ticket yet on which to show it, or it is not recorded yet
	}
	if err != nil {
		return err
	}
	changed := false
	err = a.change(ctx, target.entry, func(s *state) bool {
		section := s.section(job)
		if changed = !section.isDone(job); changed {
			section.fail(job, failure, a.now())
			changed = s.put(a.order(job), job, section)
		}
		return changed
	})
	if err != nil || !changed {
		return err
	}
	return a.publish(ctx, target)
}
