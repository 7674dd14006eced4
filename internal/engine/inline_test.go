package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func openInline(t *testing.T, change func(*Options)) *Engine {
	t.Helper()
	return open(t, "", func(o *Options) {
		o.Dir, o.Inline, o.MaxStore = "", true, 0
		if change != nil {
			change(o)
		}
	})
}

func TestInlineAnswersWhenAllIsDone(t *testing.T) {
	engine := openInline(t, nil)
	ticket := &action{}
	run(t, engine, onAlert("ticket", ticket), onAlert("archive", ticket))
	publish(t, engine, alert(t, "first"))
	if diff := cmp.Diff([]int{1, 1}, ticket.attempts()); diff != "" {
		t.Errorf("when the sender is answered: %s", diff)
	}
}

func TestInlineTellsTheSenderToRepeatAndDoesOnlyWhatIsLeft(t *testing.T) {
	engine := openInline(t, func(o *Options) { o.Retry = Retry{First: time.Hour, Max: 2 * time.Hour} })
	archive, ticket := &action{}, failing(1, forbidden)
	run(t, engine, onAlert("archive", archive), onAlert("ticket", ticket))
	event := alert(t, "first")
	_, err := engine.Publish(t.Context(), event)
	problem, ok := errors.AsType[*framework.Problem](err)
	if !ok || problem.Status != 503 || problem.Header.Get("Retry-After") != "7200" {
		t.Fatalf("got %v", err)
	}
	if _, err := engine.Publish(t.Context(), event); err != nil { // the repeat is tried at once
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]int{{1}, {1, 1}}, [][]int{archive.attempts(), ticket.attempts()}); diff != "" {
		t.Error(diff)
	}
	if letters := lettersOf(t, engine); len(letters) != 0 {
		t.Errorf("letters are left: %v", letters)
	}
}

func TestInlineSaysWhenAJobIsTooSlow(t *testing.T) {
	engine := openInline(t, func(o *Options) { o.JobTimeout = 50 * time.Millisecond })
	run(t, engine, onAlert("ticket", &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		<-ctx.Done()
		return framework.Result{}, ctx.Err()
	}}))
	_, err := engine.Publish(t.Context(), alert(t, "first"))
	if problem, ok := errors.AsType[*framework.Problem](err); !ok || problem.Status != 503 {
		t.Errorf("got %v", err)
	}
}

func TestInlineAsksTheServiceAboutWhatItMayHaveForgotten(t *testing.T) {
	made := 0
	do := func(engine *Engine) {
		_, err := framework.Once(t.Context(), engine.Ledger(), time.Now, "ticket.abc", framework.Effect{
			Find: func(context.Context) (string, error) {
				if made > 0 {
					return "SEC-1", nil
				}
				return "", nil
			},
			Do: func(context.Context) (string, error) { made++; return "SEC-1", nil },
		})
		if err != nil {
			t.Error(err)
		}
	}
	engine := openInline(t, nil)
	do(engine)
	do(engine)
	closeEngine(t, engine)
	do(openInline(t, nil)) // it knows of nothing
	if made != 1 {
		t.Errorf("made %d times", made)
	}
}

func TestInlineLeavesNothingOnTheDisk(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	engine := openInline(t, nil)
	publish(t, engine, alert(t, "first"))
	closeEngine(t, engine)
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "funnelweb-inline-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left %v, error %v", left, err)
	}
}
