package engine

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// said is what is told of a cluster, without addresses, versions and sizes.
func said(t *testing.T, cluster *Cluster, maxStore int64) []string {
	t.Helper()
	var lines []string
	for _, one := range ProbeCluster(t.Context(), Options{Cluster: cluster, MaxStore: maxStore, Now: time.Now, Log: slog.New(slog.DiscardHandler)}) {
		line := strings.TrimSuffix(fmt.Sprintf("%s %t: %s -> %s", one.Name, one.OK, one.Detail, one.Advice), " -> ")
		for _, mask := range []struct{ pattern, with string }{{`127\.0\.10\.\d+:\d+`, "HOST"}, {`NATS [0-9.]+`, "NATS V"}} {
			line = regexp.MustCompile(mask.pattern).ReplaceAllString(line, mask.with)
		}
		lines = append(lines, line)
		if strings.Contains(line, clusterPassword) {
			t.Errorf("the password is in %q", line)
		}
	}
	return lines
}

const connected = "connect to HOST true: nats1, NATS V"

func TestWhatCheckOnlineSaysOfACluster(t *testing.T) {
	nats := startNATS(t, 1, "")
	url := nats.servers[0].url
	until(t, "the server answers", func() bool {
		return said(t, &Cluster{URLs: []string{url}, User: clusterUser, Password: framework.NewSecret(clusterPassword), Plaintext: true, Replicas: 1}, 0)[0] == connected
	})
	good := func() *Cluster {
		return &Cluster{URLs: []string{url}, User: clusterUser, Password: framework.NewSecret(clusterPassword), Plaintext: true, Replicas: 1}
	}
	const streams = "JetStream true: 0 streams with 0 MiB"
	cases := []struct {
		name     string
		change   func(*Cluster)
		maxStore int64
		want     []string
	}{
		{"all is well", func(*Cluster) {}, 0, []string{connected, streams}},
		{"a wrong password", func(c *Cluster) { c.Password = framework.NewSecret("wrong") }, 0, []string{"connect to HOST false: nats: connect: the servers refuse the user, credentials or nkey: check them"}},
		{"one server is down", func(c *Cluster) { c.URLs = append(c.URLs, "nats://127.0.10.250:1") }, 0, []string{connected, "connect to HOST false: nats: connect: no server answers: check urls, and that the servers run", streams}},
		{"fewer servers than replicas", func(c *Cluster) { c.Replicas = 3 }, 0, []string{connected, streams + " -> replicas is 3, and 1 of the servers in urls answered: name all, and look at those that are missing"}},
		{"no TLS there", func(c *Cluster) { c.URLs = []string{strings.Replace(url, "nats://", "tls://", 1)} }, 0, []string{"connect to HOST false: nats: connect: the servers do not speak TLS: switch it on there, or leave tls and tls:// out"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cluster := good()
			c.change(cluster)
			if diff := cmp.Diff(c.want, said(t, cluster, c.maxStore)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a store in this process", func(t *testing.T) {
		if got := ProbeCluster(t.Context(), Options{Now: time.Now}); got != nil {
			t.Errorf("an embedded store was asked: %+v", got)
		}
	})
}
