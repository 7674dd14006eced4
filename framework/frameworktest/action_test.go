package frameworktest_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// action is made of a function.
type action func(ctx context.Context, job framework.Job) (framework.Result, error)

func (a action) Do(ctx context.Context, job framework.Job) (framework.Result, error) {
	return a(ctx, job)
}

// careful makes something once a job, through the ledger.
func careful(t *testing.T, made *atomic.Int32) action {
	t.Helper()
	deps := frameworktest.Deps(t)
	return func(ctx context.Context, job framework.Job) (framework.Result, error) {
		key, err := framework.Once(ctx, deps.Ledger, deps.Now, "make."+job.Key(), framework.Effect{
			Find: func(context.Context) (string, error) { return "", nil },
			Do:   func(context.Context) (string, error) { made.Add(1); return "C-1", nil },
		})
		if err != nil {
			return framework.Result{}, err
		}
		return framework.Result{Summary: "made " + key, Link: "https://cases.example/" + key}, nil
	}
}

func job(t *testing.T) framework.Job {
	t.Helper()
	return framework.Job{Automation: "a", Attempt: 1, Event: must(framework.NewEvent("test.happened", "1", map[string]string{}))}
}

func TestTheSuiteAcceptsAnActionThatKeepsTheRules(t *testing.T) {
	var made atomic.Int32
	frameworktest.RunActionSuite(t, careful(t, &made), job(t), func() int { return int(made.Load()) })
}

func TestTheSuiteRefusesActionsThatBreakTheRules(t *testing.T) {
	for name, c := range map[string]struct {
		make func(good action, made *atomic.Int32) action
		want string
	}{
		"does it each time": {func(_ action, made *atomic.Int32) action {
			return func(ctx context.Context, _ framework.Job) (framework.Result, error) {
				if ctx.Err() == nil {
					made.Add(1)
				}
				return framework.Result{Summary: "made it"}, ctx.Err()
			}
		}, "effects came about for one job"},
		"does it for a caller who is gone": {func(_ action, made *atomic.Int32) action {
			return func(context.Context, framework.Job) (framework.Result, error) {
				made.Add(1)
				return framework.Result{Summary: "made it"}, nil
			}
		}, "for a caller who is gone"},
		"fails": {func(action, *atomic.Int32) action {
			return func(context.Context, framework.Job) (framework.Result, error) {
				return framework.Result{}, errors.New("down")
			}
		}, "neither done nor a Wait"},
		"says something else each time": {func(good action, _ *atomic.Int32) action {
			var calls atomic.Int32
			return func(ctx context.Context, job framework.Job) (framework.Result, error) {
				result, err := good(ctx, job)
				result.Summary += strings.Repeat("!", int(calls.Add(1)))
				return result, err
			}
		}, "the result is another"},
		"says nothing": {func(good action, _ *atomic.Int32) action {
			return func(ctx context.Context, job framework.Job) (framework.Result, error) {
				_, err := good(ctx, job)
				return framework.Result{}, err
			}
		}, "lacks a summary"},
		"tells its secret": {func(good action, _ *atomic.Int32) action {
			return func(ctx context.Context, job framework.Job) (framework.Result, error) {
				result, err := good(ctx, job)
				result.Link = "https://cases.example/?key=" + frameworktest.Canary
				return result, err
			}
		}, "tells the secret"},
	} {
		t.Run(name, func(t *testing.T) {
			var made atomic.Int32
			test := &watched{TB: t}
			frameworktest.RunActionSuite(test, c.make(careful(t, &made), &made), job(t), func() int { return int(made.Load()) })
			if !strings.Contains(strings.Join(test.failures, "\n"), c.want) {
				t.Errorf("no failure has %q: %q", c.want, test.failures)
			}
		})
	}
}
