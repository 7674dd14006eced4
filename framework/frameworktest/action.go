package frameworktest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// RunActionSuite checks what every action keeps under an engine that delivers a job more than once: a caller who is gone
// brings nothing about; delivered side by side, one delivery does the job and every other does the same or waits;
// delivered again, it has the same Result. Effects counts what came about at the service that the action calls: once in
// all. The action's secrets are Canary, which is looked for in all that it says.
func RunActionSuite(tb testing.TB, action framework.Action, job framework.Job, effects func() int) {
	tb.Helper()
	gone, cancel := context.WithCancel(tb.Context())
	cancel()
	if _, err := action.Do(gone, job); err == nil {
		tb.Errorf("a job whose context has ended was done")
	}
	if came := effects(); came != 0 {
		tb.Errorf("%d effects came about for a caller who is gone", came)
	}
	eachAtOnce(tb, "delivered side by side", func() error {
		_, err := action.Do(tb.Context(), job)
		if _, waits := errors.AsType[*framework.Wait](err); err != nil && !waits {
			return errors.Join(fmt.Errorf("neither done nor a Wait: %s", framework.Reason(err)), tellsNoSecret(err))
		}
		return nil
	})
	job.Attempt++
	first, err := action.Do(tb.Context(), job)
	if err != nil {
		tb.Errorf("delivered again: %s", framework.Reason(err))
	}
	second, err := action.Do(tb.Context(), job)
	if err != nil {
		tb.Errorf("delivered once more: %s", framework.Reason(err))
	}
	if diff := cmp.Diff(first, second); diff != "" {
		tb.Errorf("delivered once more, the result is another: %s", diff)
	}
	if !isLine(first.Summary) || first.Link != "" && !isWeb(first.Link) {
		tb.Errorf("the result lacks a summary of one line, or its link is no http address: %+v", first)
	}
	if err := keepsSecret(first); err != nil {
		tb.Errorf("the result: %v", err)
	}
	if came := effects(); came != 1 {
		tb.Errorf("%d effects came about for one job", came)
	}
}
