package framework_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestTryTakesTheTimeAndTellsWhatToDo(t *testing.T) {
	failed := func(cause error) error {
		return &framework.ServiceError{Service: "jira", Op: "sign in", Reason: "no connection", Err: fmt.Errorf("get https://user:pw@x: %w", cause)}
	}
	const reason = "jira: sign in: no connection"
	cases := []struct {
		name string
		err  error
		want framework.Probed
	}{
		{"what works keeps its detail", nil, framework.Probed{OK: true, Detail: "as bot"}},
		{"a failure tells its reason, never its cause", failed(errors.New("token s3cret")), framework.Probed{Detail: reason}},
		{"an error of no kind tells nothing", errors.New("token s3cret"), framework.Probed{Detail: "internal error; the log has its cause"}},
		{"an unknown authority", failed(x509.UnknownAuthorityError{}), framework.Probed{Detail: reason, Advice: "add the authority that signed its certificate to those of this machine, or name a file with it in the environment as SSL_CERT_FILE"}},
		{"a certificate for another name", failed(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}), framework.Probed{Detail: reason, Advice: "its certificate is for another name: correct the host in the address"}},
		{"an expired certificate", failed(x509.CertificateInvalidError{Reason: x509.Expired}), framework.Probed{Detail: reason, Advice: "its certificate is not valid now: have it renewed, or set the clock of this machine"}},
		{"no such host", failed(&net.DNSError{Err: "no such host"}), framework.Probed{Detail: reason, Advice: "correct the host in the address, or the name service of this machine"}},
		{"nobody listens", failed(syscall.ECONNREFUSED), framework.Probed{Detail: reason, Advice: "start it, correct the port, or open the firewall"}},
		{"no way there", failed(syscall.EHOSTUNREACH), framework.Probed{Detail: reason, Advice: "there is no way from this network to that address: look at routes and firewall"}},
		{"no answer in time", failed(context.DeadlineExceeded), framework.Probed{Detail: reason, Advice: "look for a firewall or proxy that swallows the connection, and whether the service is slow"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
			now := func() time.Time { at = at.Add(40 * time.Millisecond); return at }
			got := framework.Try(now, "sign in", func() (string, error) { return "as bot", c.err })
			c.want.Name, c.want.Took = "sign in", 40*time.Millisecond
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAClockThatIsSetBackDoesNotMakeATimeNegative(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { at = at.Add(-time.Hour); return at }
	if got := framework.Try(now, "x", func() (string, error) { return "", nil }); got.Took != 0 {
		t.Errorf("it took %s", got.Took)
	}
}

func TestAClockIsJudgedByHowFarItIsOff(t *testing.T) {
	const advice = "set the clock of this machine by NTP; if it is right, the service's is not: times on tickets, signatures and certificates go by both"
	cases := []struct {
		name  string
		apart time.Duration
		want  framework.Probed
	}{
		{"the same", 0, framework.Probed{OK: true, Detail: "agrees with that of this machine"}},
		{"rounding", -2 * time.Second, framework.Probed{OK: true, Detail: "agrees with that of this machine"}},
		{"some seconds", 5 * time.Second, framework.Probed{OK: true, Detail: "5s ahead of that of this machine"}},
		{"to be looked at", -10 * time.Second, framework.Probed{OK: true, Detail: "10s behind that of this machine", Advice: advice}},
		{"a minute", time.Minute, framework.Probed{Detail: "1m0s ahead of that of this machine", Advice: advice}},
		{"a wrong year", -24 * 365 * time.Hour, framework.Probed{Detail: "8760h0m0s behind that of this machine", Advice: advice}},
		{"a year that no duration holds", 1 << 62, framework.Probed{Detail: "1281023h53m38s ahead of that of this machine", Advice: advice}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ours := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
			c.want.Name = "clock"
			if diff := cmp.Diff(c.want, framework.ProbeClock(ours.Add(c.apart), ours)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	farBack := framework.ProbeClock(time.Time{}, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	if farBack.OK {
		t.Errorf("a clock at the beginning of time is taken for right: %+v", farBack)
	}
}
