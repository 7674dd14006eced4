package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"funnelweb/framework"
)

// checkTime bounds the check of each service.
const checkTime = 10 * time.Second

// StatusInput is a call for the state of the services; it has no parameters.
type StatusInput struct{}

// Status is the state of what archiving needs.
type Status struct {
	Success     bool   `json:"success" doc:"Whether all can be used"`
	S3          State  `json:"s3" doc:"The archive, wherever it is kept"`
	ThreatStack *State `json:"threatstack,omitempty" doc:"Threat Stack's API; absent when no key for it is configured"`
}

// State is the state of one service.
type State struct {
	Success bool   `json:"success"`
	Reason  string `json:"reason,omitempty" doc:"Why it cannot be used, and what to do" maxLength:"2000"`
}

// HTTPStatus is 200 when all can be used, else 503.
func (s *Status) HTTPStatus() int {
	if s.Success {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

func statusRoute(p prober) framework.Route {
	route := framework.Endpoint[StatusInput, Status]{
		Method:  http.MethodGet,
		Path:    "/api/v1/s3/status",
		ID:      "archive-status",
		Summary: "Say whether the archive and Threat Stack can be used",
		Description: "Both are asked anew, for at most 10 seconds. The answer is 503 when one of them cannot be used, and says " +
			"why. Threat Stack is left out where no key for it is configured.",
		Tag: tag, TagDescription: tagDescription,
		Answer:  &Status{Success: true, S3: State{Success: true}, ThreatStack: &State{Success: true}},
		Success: []int{http.StatusOK, http.StatusServiceUnavailable},
		Handle:  p.status,
	}.Route()
	route.Probe = p.probe
	return route
}

// probe asks Threat Stack for `check --online`. The archive is asked as such.
func (p prober) probe(ctx context.Context) []framework.Probed {
	if p.threatStack == nil {
		return nil
	}
	return []framework.Probed{framework.Try(p.threatStack.deps.Now, "threatstack", func() (string, error) {
		return "the key is taken", p.threatStack.Check(ctx)
	})}
}

type prober struct {
	archive     framework.Archive
	threatStack *threatStack // nil when there is none
	log         *slog.Logger
}

// status asks both side by side.
func (p prober) status(ctx context.Context, _ *StatusInput) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	status := new(Status)
	var group sync.WaitGroup
	group.Go(func() { status.S3 = p.state(ctx, "archive", p.archive) })
	if p.threatStack != nil {
		status.ThreatStack = new(State)
		group.Go(func() { *status.ThreatStack = p.state(ctx, "threatstack", p.threatStack) })
	}
	group.Wait()
	status.Success = status.S3.Success && (status.ThreatStack == nil || status.ThreatStack.Success)
	return status, nil
}

func (p prober) state(ctx context.Context, service string, checker framework.Checker) State {
	err := checker.Check(ctx)
	if err == nil {
		return State{Success: true}
	}
	p.log.WarnContext(ctx, "service cannot be used", "service", service, "err", err)
	return State{Reason: framework.Reason(err)}
}

// threatStack is Threat Stack's API as far as the status needs it.
type threatStack struct {
	base string
	key  framework.Secret
	deps framework.Deps
}

// Check asks for one alert, as threatstack-to-s3 did: that the API answers and takes the key.
func (t *threatStack) Check(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.base+"/alerts?count=1", http.NoBody)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", t.key.Reveal())
	_, err = framework.Fetch(t.deps, "threatstack", "check", request)
	if failure, ok := errors.AsType[*framework.ServiceError](err); ok && (failure.Status == http.StatusUnauthorized || failure.Status == http.StatusForbidden) {
		failure.Reason = "the key is refused: check threatstack.key"
	}
	return err
}
