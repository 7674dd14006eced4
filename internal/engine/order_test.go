package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"funnelweb/actions/enrich"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// asked is an enricher made of a function.
type asked func(context.Context, framework.Indicator) (framework.Finding, error)

func (asked) Kinds() []framework.Kind { return []framework.Kind{framework.User} }

func (a asked) Enrich(ctx context.Context, indicator framework.Indicator) (framework.Finding, error) {
	return a(ctx, indicator)
}

// TestAnOlderUpdateOfATicketNeverReplacesANewerOne has the earlier of two events of a ticket come back after the later
// one is done: once because its attempt failed, once because its answer takes that long.
func TestAnOlderUpdateOfATicketNeverReplacesANewerOne(t *testing.T) {
	for name, earlier := range map[string]func(ctx context.Context, newer <-chan struct{}) error{
		"it fails first": func(_ context.Context, newer <-chan struct{}) error {
			select {
			case <-newer:
				return nil
			default:
				return &framework.ServiceError{Service: "virustotal", Op: "look up", Status: 409, Reason: "busy"}
			}
		},
		"it is slow": func(ctx context.Context, newer <-chan struct{}) error {
			select {
			case <-newer:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			engine := open(t, t.TempDir(), nil)
			tickets, deps := &frameworktest.RecordingTickets{}, frameworktest.Deps(t)
			if _, err := tickets.Create(t.Context(), framework.NewTicket{Project: "SEC", Type: "Task", Summary: "x"}); err != nil {
				t.Fatal(err)
			}
			newer, begun := make(chan struct{}), make(chan struct{}, 100)
			deps.Tickets, deps.Ledger, deps.Activity, deps.Now = tickets, engine.Ledger(), engine, time.Now
			deps.Enrichers["virustotal"] = asked(func(ctx context.Context, indicator framework.Indicator) (framework.Finding, error) {
				if indicator.Value == "earlier" {
					begun <- struct{}{}
					if err := earlier(ctx, newer); err != nil {
						return framework.Finding{}, err
					}
				}
				now := time.Now()
				return framework.Finding{Indicator: indicator, Summary: "seen: " + indicator.Value, AskedAt: now, StaleAt: now.Add(time.Hour)}, nil
			})
			config := enrich.Defaults()
			config.Indicators, config.With = map[framework.Kind]enrich.Paths{framework.User: {"user"}}, []string{"virustotal"}
			action, err := enrich.New(config, deps)
			if err != nil {
				t.Fatal(err)
			}
			run(t, engine, Automation{Name: "enrich", On: "jira.issue_updated", Action: action})
			update := func(user string) framework.Event {
				event, err := framework.NewEvent("jira.issue_updated", user, map[string]any{
					"user": user, "issue": map[string]any{"key": "SEC-1", "fields": map[string]any{"labels": []string{}}},
				})
				if err != nil {
					t.Fatal(err)
				}
				publish(t, engine, event)
				return event
			}
			first := update("earlier")
			<-begun
			second := update("later")
			untilState(t, engine, second.ID, framework.RunDone)
			close(newer)
			untilState(t, engine, first.ID, framework.RunDone)
			comments := tickets.Tickets()[0].Comments
			if text := fmt.Sprint(comments); len(comments) != 1 || !strings.Contains(text, "seen: later") || strings.Contains(text, "earlier") {
				t.Errorf("the ticket says %s", text)
			}
		})
	}
}
