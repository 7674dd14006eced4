package engine

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// childURLs holds, in the environment, the servers of the cluster that a child process is a replica on.
const childURLs = "FUNNELWEB_ENGINE_TEST_URLS"

// clusterQuota is what all replicas together may take in a day.
const clusterQuota = 2000

// replicaOptions are those of children and parent.
func replicaOptions(o *Options) {
	o.Retry = Retry{First: 20 * time.Millisecond, Max: 200 * time.Millisecond}
	o.ackWait = 3 * time.Second
	o.Workers = 16
	o.Log = slog.New(slog.DiscardHandler)
}

// replicaUntilKilled is the child: a replica that publishes, works, takes from a quota and tells of each on a line of its
// own, until it is killed.
func replicaUntilKilled() {
	dir := os.Getenv(childDir)
	opts := Options{
		Cluster:  &Cluster{URLs: strings.Split(os.Getenv(childURLs), ","), User: clusterUser, Password: framework.NewSecret(clusterPassword)},
		MaxStore: 256 << 20, Now: time.Now,
	}
	replicaOptions(&opts)
	engine, err := Open(context.Background(), opts)
	if err == nil {
		err = engine.Run([]Automation{onAlert("ticket", slowTickets(engine, dir))})
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var print sync.Mutex
	tell := func(values ...any) {
		print.Lock()
		defer print.Unlock()
		fmt.Println(values...)
	}
	for worker := range 4 {
		go func() {
			for n := 0; ; n++ {
				event, err := framework.NewEvent("splunk.alert", fmt.Sprint(os.Getpid(), worker, n), map[string]int{"n": n})
				if err == nil {
					_, err = engine.Publish(context.Background(), event)
				}
				if err != nil {
					tell("refused", err)
					continue
				}
				tell("accepted", event.ID)
				pause(context.Background(), 150*time.Millisecond) // the jobs are to follow
			}
		}()
	}
	for {
		if engine.Quota().Take(context.Background(), "virustotal", perDay(clusterQuota)) == nil {
			tell("granted")
		}
		pause(context.Background(), 20*time.Millisecond)
	}
}

// slowTickets is tickets with the times of a service on a network: what was begun is carried out within two seconds, or
// not at all.
func slowTickets(engine *Engine, dir string) framework.Action {
	return &action{do: func(ctx context.Context, job framework.Job) (framework.Result, error) {
		of := filepath.Join(dir, "tickets", job.Event.ID)
		lost := rand.IntN(50) == 0
		key, err := framework.Once(ctx, engine.Ledger(), time.Now, "ticket."+job.Key(), framework.Effect{
			Limit: 2 * time.Second, Lag: time.Second,
			Find: func(context.Context) (string, error) {
				made, err := filepath.Glob(filepath.Join(of, "*"))
				if err != nil || len(made) == 0 {
					return "", err
				}
				return made[0], nil
			},
			Do: func(ctx context.Context) (string, error) {
				if err := os.MkdirAll(of, 0o700); err != nil {
					return "", err
				}
				if ctx.Err() != nil {
					return "", ctx.Err()
				}
				file, err := os.CreateTemp(of, "")
				if err != nil {
					return "", err
				}
				if lost {
					return "", fmt.Errorf("the answer was lost: %w", file.Close())
				}
				return file.Name(), file.Close()
			},
		})
		return framework.Result{Summary: key}, err
	}}
}

// trial is a cluster of three servers and three replicas, and what the replicas have told.
type trial struct {
	t        *testing.T
	dir      string
	cluster  *natsCluster
	watch    *Engine // looks at the store only
	replicas []*exec.Cmd

	readers  sync.WaitGroup
	mu       sync.Mutex
	accepted map[string]bool
	granted  int
	refused  int
	last     time.Time // when an event was accepted
	pause    time.Duration
}

func startTrial(t *testing.T) *trial {
	t.Helper()
	run := &trial{t: t, dir: t.TempDir(), cluster: startNATS(t, 3, ""), accepted: map[string]bool{}}
	run.watch = run.cluster.join(t, replicaOptions)
	for range 3 {
		run.replicas = append(run.replicas, run.replica())
	}
	t.Cleanup(func() {
		for _, replica := range run.replicas {
			_ = replica.Process.Kill()
		}
		run.readers.Wait()
	})
	untilWithin(t, clusterDeadline, "events are accepted", func() bool { return run.count() > 20 })
	return run
}

// replica starts one and reads what it tells.
func (r *trial) replica() *exec.Cmd {
	r.t.Helper()
	child := exec.CommandContext(r.t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childDir+"="+r.dir, childURLs+"="+strings.Join(r.cluster.urls(), ","))
	output, err := child.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.readers.Go(func() {
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			r.note(lines.Text())
		}
		_ = child.Wait() // it was killed
	})
	return child
}

func (r *trial) note(line string) {
	what, value, _ := strings.Cut(line, " ")
	r.mu.Lock()
	defer r.mu.Unlock()
	switch what {
	case "accepted":
		now := time.Now()
		if !r.last.IsZero() {
			r.pause = max(r.pause, now.Sub(r.last))
		}
		r.last = now
		r.accepted[value] = true
	case "granted":
		r.granted++
	case "refused":
		r.refused++
	default:
		r.t.Errorf("a replica says %s", line)
	}
}

func (r *trial) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.accepted)
}

// fault does something to the cluster, lets more events be accepted, undoes it, and tells the longest time in which no
// event was accepted by any replica.
func (r *trial) fault(name string, do, undo func()) {
	r.t.Helper()
	r.mu.Lock()
	r.pause = 0
	r.mu.Unlock()
	begun, start := r.count(), time.Now()
	do()
	untilWithin(r.t, clusterDeadline, "events are accepted after: "+name, func() bool { return r.count() >= begun+50 })
	flowed := time.Since(start)
	undo()
	untilCurrent(r.t, r.watch)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.t.Logf("%-24s pause %6.2f s, %d accepted in %.1f s, all copies after %.1f s", name,
		r.pause.Seconds(), len(r.accepted)-begun, flowed.Seconds(), time.Since(start).Seconds())
}

func (r *trial) faults() {
	for i, server := range r.cluster.servers {
		r.fault(fmt.Sprintf("kill -9 of server %d", i+1), func() { server.kill(r.t) }, func() { server.start(r.t) })
	}
	for i := range r.replicas {
		r.fault(fmt.Sprintf("kill -9 of replica %d", i+1), func() { _ = r.replicas[i].Process.Kill() }, func() { r.replicas[i] = r.replica() })
	}
	leader := leaderOf(r.t, r.cluster, r.watch)
	r.fault("stop of a leader", func() { leader.freeze(r.t) }, func() { leader.thaw(r.t) })
}

// prove kills the replicas, lets one more engine end the jobs, and looks for every accepted event and its one effect.
func (r *trial) prove() {
	r.t.Helper()
	for _, replica := range r.replicas {
		_ = replica.Process.Kill()
	}
	r.readers.Wait()
	start := time.Now()
	run(r.t, r.watch, onAlert("ticket", slowTickets(r.watch, r.dir)))
	lost, twice := 0, 0
	for _, id := range slices.Sorted(maps.Keys(r.accepted)) {
		if _, err := r.watch.Event(r.t.Context(), id); err != nil {
			r.t.Errorf("accepted, but lost: %v", err)
			lost++
			continue
		}
		r.untilDone(id)
		made, err := os.ReadDir(filepath.Join(r.dir, "tickets", id))
		if err != nil || len(made) != 1 {
			r.t.Errorf("%d tickets for event %s, error %v", len(made), id, err)
			twice++
		}
	}
	r.t.Logf("%d accepted, %d refused, %d lost, %d without exactly one effect; %d of %d calls granted; proven in %.1f s",
		len(r.accepted), r.refused, lost, twice, r.granted, clusterQuota, time.Since(start).Seconds())
	if r.granted > clusterQuota || r.granted == 0 {
		r.t.Errorf("%d calls were granted of %d", r.granted, clusterQuota)
	}
	for r.watch.Quota().Take(r.t.Context(), "virustotal", perDay(clusterQuota)) == nil {
		r.granted++
	}
	if r.granted > clusterQuota {
		r.t.Errorf("%d calls were granted of %d", r.granted, clusterQuota)
	}
}

// explain tells all that is known about an event that does not get done.
func (r *trial) explain(id string, runs []framework.Run) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	stream, err := r.watch.streams.remake(ctx, "splunk")
	if err != nil {
		r.t.Log(err)
		return
	}
	message, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(r.watch.names.subject("ev", "splunk", "*", id)))
	if err != nil {
		r.t.Log(err)
		return
	}
	queue, err := stream.Consumer(ctx, "ticket")
	if err != nil {
		r.t.Log(err)
		return
	}
	info := queue.CachedInfo()
	made, err := os.ReadDir(filepath.Join(r.dir, "tickets", id))
	r.t.Logf("event %s at %d, stored %s; runs %+v; effects %d %v; queue made %s, delivered %+v, floor %+v, %d to come, %d under way",
		id, message.Sequence, message.Time, runs, len(made), err, info.Created, info.Delivered, info.AckFloor, info.NumPending, info.NumAckPending)
}

// untilDone waits for an event's run. There may be a backlog that one engine is to work off.
func (r *trial) untilDone(id string) {
	r.t.Helper()
	var runs []framework.Run
	defer func() {
		if r.t.Failed() {
			r.explain(id, runs)
		}
	}()
	untilWithin(r.t, clusterDeadline, "event "+id+" is done", func() bool {
		runs = runsOf(r.t, r.watch, id)
		return len(runs) == 1 && runs[0].State == framework.RunDone
	})
}

// TestAClusterWhoseMachinesDieLosesNothingAndDoesNothingTwice kills each of three servers and of three replicas and cuts a
// leader off, once each, while all replicas send and work.
func TestAClusterWhoseMachinesDieLosesNothingAndDoesNothingTwice(t *testing.T) {
	t.Parallel()
	run := startTrial(t)
	run.faults()
	run.prove()
}

// TestTortureACluster does the same many times on one cluster, and then looks at all of it.
func TestTortureACluster(t *testing.T) {
	if os.Getenv("TRIALS") == "" {
		t.Skip("make torture runs it")
	}
	run := startTrial(t)
	for range 3 {
		run.faults()
	}
	run.prove()
}
