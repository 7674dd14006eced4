package engine

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"funnelweb/framework"
)

// TestAJobThatTwoReplicasHaveIsDoneOnce lets a replica be silent in the midst of a job for longer than AckWait, as a process
// that is paused is, and then go on. Another has the job by then.
func TestAJobThatTwoReplicasHaveIsDoneOnce(t *testing.T) {
	t.Parallel()
	cluster := startNATS(t, 1, "")
	silent := func(o *Options) { o.ackWait, o.beat = time.Second, time.Hour }
	replicas := []*Engine{cluster.join(t, silent), cluster.join(t, silent)}
	begun, goOn := make(chan struct{}), make(chan struct{})
	var effects, ended, found atomic.Int32
	do := func(engine *Engine) framework.Action {
		return &action{do: func(ctx context.Context, job framework.Job) (framework.Result, error) {
			key, err := framework.Once(ctx, engine.Ledger(), time.Now, "ticket."+job.Key(), framework.Effect{
				Limit: time.Second,
				Do: func(context.Context) (string, error) {
					if effects.Add(1) == 1 {
						close(begun)
					}
					<-goOn
					return "SEC-1", nil
				},
				Find: func(context.Context) (string, error) {
					found.Add(1)
					return "SEC-1", nil
				},
			})
			ended.Add(1)
			return framework.Result{Summary: key}, err
		}}
	}
	for _, replica := range replicas {
		run(t, replica, onAlert("ticket", do(replica)))
	}
	event := alert(t, "first")
	publish(t, replicas[0], event)
	<-begun
	untilState(t, replicas[0], event.ID, framework.RunDone) // by the other one, which has found what the silent one did
	before := ended.Load()
	close(goOn)
	until(t, "the silent one has come to its end", func() bool { return ended.Load() > before })
	until(t, "nothing is under way", func() bool {
		info := ticketQueue(t, replicas[0])
		return info.NumAckPending == 0 && info.NumPending == 0 && replicas[0].UnderWay()+replicas[1].UnderWay() == 0
	})
	if effects.Load() != 1 || found.Load() == 0 {
		t.Errorf("it was done %d times, and looked for %d times", effects.Load(), found.Load())
	}
	if got := runsOf(t, replicas[1], event.ID); len(got) != 1 || got[0].State != framework.RunDone || got[0].Result != "SEC-1" {
		t.Errorf("in the end %+v", got)
	}
}
