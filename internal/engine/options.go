package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Options configure an Engine. Log, Now, and Dir or Cluster are required.
type Options struct {
	// Inline keeps everything in memory: Publish returns when the runs of its events are done, or with a Problem with status
	// 503 when one failed. For machines that keep no disk.
	Inline bool
	// Cluster is where the store is; nil for one in Dir.
	Cluster *Cluster
	// Dir is the store's directory. It is made with mode 0700 and locked against a second process.
	Dir string
	// MaxStore bounds what all streams hold, in bytes; 8 GiB when 0. In Dir it is never more than half of what the disk
	// has for it when the engine is opened. An eighth of it is kept for ledger, runs and dead letters.
	MaxStore int64
	Log      *slog.Logger
	Now      func() time.Time
	Retry    Retry
	// Workers is how many runs of one queue go on at once; 4 when 0.
	Workers int
	// JobTimeout bounds one attempt; 60 s when 0.
	JobTimeout time.Duration
	// Sources are those whose streams are made when the engine is opened; those of others are made when the first of
	// their events comes, which needs all servers of a cluster.
	Sources []string
	// Observer is told what happens; nobody when nil.
	Observer Observer

	probeFirst time.Duration // from when a service is found to be down until it is called again; 1 s when 0, tests shorten it
	sweepEvery time.Duration // how often old events are looked for; 1 h when 0, tests shorten it

	mendEvery time.Duration // how often a failed write is looked for; 5 s when 0, tests shorten it

	copying   bool          // Copy reads or writes what no engine may work on
	startWait time.Duration // for a cluster that starts at the same time; 30 s when 0, tests shorten it
	ackWait   time.Duration // for how long a worker may be silent; 60 s when 0, 15 s in a cluster, tests shorten it
	beat      time.Duration // between two signs of life of a worker; a sixth of ackWait when 0
	syncStore func() error  // instead of the system's, for tests

	diskFree   func(dir string) (int64, error) // that of the system when nil
	serverMost int64                           // what the server of a store in Dir may hold: see boundStore
}

const (
	defaultMaxStore   = 8 << 30
	defaultWorkers    = 4
	defaultJobTimeout = time.Minute
	defaultAckWait    = time.Minute // in a store of its own: nobody else would take what a silent worker has, see takeBack
	// The sharedAckWait is until another replica takes over what one had in hand that died. A worker shows that it lives every
	// 2.5 s, and what it says is lost while a cluster elects a leader, which took up to 8 s.
	sharedAckWait = 15 * time.Second

	retention       = 30 * day              // of events, and of those that a queue still needs until it does not
	maxWait         = retention             // of a job, until it is asked again; its run is rewritten then
	ledgerRetention = 400 * day             // since the last write: over a year, and much longer than any event
	runRetention    = retention + 2*maxWait // since the last change: as long as any event that the run is of

	storeTimeout   = 10 * time.Second // for one call to the store: a slower one is as good as down
	maxInFlight    = 64 << 20         // bytes of events on their way into the store: memory under a flood
	interruptGrace = 5 * time.Second  // for jobs to end after Close cancelled them
)

func (o Options) oneStore() bool {
	stores := 0
	for _, given := range []bool{o.Dir != "", o.Cluster != nil, o.Inline} {
		if given {
			stores++
		}
	}
	return stores == 1
}

// memory is how many bytes streams in memory may have.
func (o Options) memory() int64 {
	if o.Inline {
		return o.MaxStore
	}
	return 64 << 20
}

// complete checks the options and fills in defaults.
func (o Options) complete() (Options, error) {
	if !o.oneStore() || o.Log == nil || o.Now == nil {
		return o, errors.New("engine: Log, Now, and one of Dir, Cluster and Inline are required")
	}
	if o.Cluster != nil {
		if err := o.Cluster.Check(); err != nil {
			return o, fmt.Errorf("engine: %w", err)
		}
		o.Cluster = o.Cluster.complete()
	}
	if o.MaxStore < 0 || o.Workers < 0 || o.JobTimeout < 0 {
		return o, errors.New("engine: MaxStore, Workers and JobTimeout must not be negative")
	}
	if o.MaxStore == 0 && o.Inline {
		o.MaxStore = defaultInlineStore
	}
	if o.MaxStore == 0 {
		o.MaxStore = defaultMaxStore
	}
	if o.diskFree == nil {
		o.diskFree = diskFree
	}
	if o.Workers == 0 {
		o.Workers = defaultWorkers
	}
	if o.JobTimeout == 0 {
		o.JobTimeout = defaultJobTimeout
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	if o.mendEvery == 0 {
		o.mendEvery = mendEvery
	}
	if o.probeFirst == 0 {
		o.probeFirst = probeFirst
	}
	if o.sweepEvery == 0 {
		o.sweepEvery = sweepEvery
	}
	if o.startWait == 0 {
		o.startWait = clusterStart
	}
	if o.ackWait == 0 {
		o.ackWait = defaultAckWait
		if o.Cluster != nil {
			o.ackWait = sharedAckWait
		}
	}
	if o.beat == 0 {
		o.beat = o.ackWait / 6
	}
	var err error
	o.Retry, err = o.Retry.complete()
	return o, err
}
