package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"funnelweb/framework"
	"funnelweb/internal/engine"
)

// Watch adds what is read from the engine at each scrape. When the oldest waiting event of a queue is older than the
// limit it is an alarm.
func (m *Metrics) Watch(stats func(context.Context) (engine.Stats, error), limit time.Duration) {
	m.registry.MustRegister(newStateCollector(stats, limit))
}

// stateCollector reads a state that is kept elsewhere, so that it is never out of date.
type stateCollector struct {
	stats func(context.Context) (engine.Stats, error)
	limit time.Duration

	waiting, gone, oldest, alarm, dead, bytes, limitBytes, damaged, down, left *prometheus.Desc
}

func newStateCollector(stats func(context.Context) (engine.Stats, error), limit time.Duration) *stateCollector {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
	}
	return &stateCollector{
		stats: stats, limit: limit,
		waiting:    describe("events_waiting", "Events that a job is not finished with, those under way included.", "automation", "job"),
		gone:       describe("events_left", "Events that wait for an automation that the configuration does not have: nothing works on them.", "queue", "source"),
		oldest:     describe("oldest_waiting_seconds", "Age of the oldest of these; 0 when there is none.", "automation", "job"),
		alarm:      describe("backlog_alarm", "1 when that age is above the limit of the configuration, else 0.", "automation", "job"),
		dead:       describe("dead_letters", "Dead letters that wait for a person."),
		bytes:      describe("store_bytes", "What the event store holds."),
		limitBytes: describe("store_limit_bytes", "What it may hold; events are refused at seven eighths of it."),
		damaged:    describe("store_damaged_bytes", "Damaged files of the store that were put aside: damaged in its directory."),
		down:       describe("service_down", "1 while a service that failed lately is down: jobs that need it wait, but for one probe at a time. Else 0.", "service"),
		left:       describe("quota_left", "Calls that are left of a provider's limit now.", "quota", "per"),
	}
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(all chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{c.waiting, c.gone, c.oldest, c.alarm, c.dead, c.bytes, c.limitBytes, c.damaged, c.down, c.left} {
		all <- one
	}
}

// Collect implements prometheus.Collector. A store that does not answer is told as an error of the scrape, and the other
// metrics are served.
func (c *stateCollector) Collect(all chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout/2) // the interface has no context
	defer cancel()
	stats, err := c.stats(ctx)
	if err != nil {
		all <- prometheus.NewInvalidMetric(c.bytes, err)
		return
	}
	gauge := func(description *prometheus.Desc, value float64, labels ...string) {
		all <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value, labels...)
	}
	gauge(c.dead, float64(stats.DeadLetters))
	gauge(c.bytes, float64(stats.StoreBytes))
	gauge(c.limitBytes, float64(stats.StoreLimit))
	gauge(c.damaged, float64(stats.DamagedBytes))
	for _, service := range stats.Services {
		gauge(c.down, oneIf(service.State == framework.CircuitOpen), service.Service)
	}
	for _, quota := range stats.Quotas {
		for _, limit := range quota.Limits {
			gauge(c.left, float64(limit.Left), quota.Name, limit.Per.String())
		}
	}
	for _, queue := range stats.Left {
		gauge(c.gone, float64(queue.Waiting), queue.Name, queue.Source)
	}
	for _, queue := range stats.Queues {
		gauge(c.waiting, float64(queue.Waiting), queue.Automation, queue.Job)
		gauge(c.oldest, queue.Oldest.Seconds(), queue.Automation, queue.Job)
		gauge(c.alarm, oneIf(queue.Oldest > c.limit), queue.Automation, queue.Job)
	}
}

func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
