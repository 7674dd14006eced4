package framework

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
	"time"
)

// Prober is implemented by a part, a ticket system or an archive whose service can be looked at closely, for `funnelweb
// check --online`. Where Checker asks fast and often whether the service answers, a Prober is asked by a person who wants to
// know what works, with which rights, and what to do.
type Prober interface {
	// Probe tries what the part will need, one thing after the other, and stops where a failure leaves nothing more to try. It
	// changes nothing at the service, or says in its part's README what it leaves there, and ends with ctx. It uses no Ledger,
	// Answers, Events and Activity, which belong to a running server.
	Probe(ctx context.Context) []Probed
}

// Probed is one thing that was tried. Its texts are for people and hold no secret; what comes from the service may be in
// them, and whoever shows them makes them one line.
type Probed struct {
	Name   string        // what was tried: "sign in", "project SEC"
	OK     bool          // whether it works
	Detail string        // what was found, or the reason why it does not work
	Advice string        // what to do; beside OK it is what to look at before it becomes a failure
	Took   time.Duration // 0 when nothing was called for it
}

// Try tries one thing and takes its time. The reason of an error becomes the detail; where the network or a certificate is
// the cause, Advice says what to do.
func Try(now func() time.Time, name string, try func() (detail string, err error)) Probed {
	began := now()
	detail, err := try()
	tried := Probed{Name: name, OK: err == nil, Detail: detail, Took: max(0, now().Sub(began))}
	if err != nil {
		tried.Detail, tried.Advice = Reason(err), adviceOn(err)
	}
	return tried
}

// adviceOn is what to do about a failure that no service has a say in, or "".
func adviceOn(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var certificate *tls.CertificateVerificationError
	var dns *net.DNSError
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.As(err, &unknown):
		return "add the authority that signed its certificate to those of this machine, or name a file with it in the environment as SSL_CERT_FILE"
	case errors.As(err, &name):
		return "its certificate is for another name: correct the host in the address"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate is not valid now: have it renewed, or set the clock of this machine"
	case errors.As(err, &certificate):
		return "have its certificate mended by who runs it"
	case errors.As(err, &record):
		return "what answers does not speak TLS: correct the port, or what stands before ://"
	case errors.As(err, &dns):
		return "correct the host in the address, or the name service of this machine"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "start it, correct the port, or open the firewall"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way from this network to that address: look at routes and firewall"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "look for a firewall or proxy that swallows the connection, and whether the service is slow"
	default:
		return ""
	}
}

// TicketPlan is what an automation is going to do with tickets, as far as it is known before there is an event.
type TicketPlan struct {
	Project    string        // key; empty for tickets that others make, in any project, which are only commented on
	Type       string        // name of the issue type
	Fields     []TicketField // that it sets; without values where an event decides them
	Assignee   string        // empty for nobody
	Transition string        // empty for none
	Links      bool          // whether it links the ticket to something elsewhere
}

// TicketProber is implemented by Tickets that can tell beforehand whether a plan would work.
type TicketProber interface {
	// ProbeTickets tries, as Prober does and without making a ticket, what the plan needs.
	ProbeTickets(ctx context.Context, plan TicketPlan) []Probed
}

// The bounds of ProbeClock.
const (
	clockAgrees = 2 * time.Second  // the Date of HTTP has whole seconds, and a call takes its time
	clockOff    = 10 * time.Second // to be looked at
	clockBad    = time.Minute      // stamps on tickets mislead, and the first signatures and tokens are refused at 5 minutes
)

// ProbeClock compares a service's clock with ours, read at the same moment.
func ProbeClock(theirs, ours time.Time) Probed {
	apart := theirs.Sub(ours)
	way := "ahead of"
	if apart < 0 {
		apart, way = apart.Abs(), "behind"
	}
	probed := Probed{Name: "clock", OK: apart < clockBad, Detail: "agrees with that of this machine"}
	if apart > clockAgrees {
		probed.Detail = apart.Round(time.Second).String() + " " + way + " that of this machine"
	}
	if apart >= clockOff {
		probed.Advice = "set the clock of this machine by NTP; if it is right, the service's is not: times on tickets, signatures and certificates go by both"
	}
	return probed
}
