// Package sandbox joins the stand-ins for the services around Funnelweb: Jira, Active Directory, VirusTotal, Threat Stack
// and Splunk, each on a loopback socket of its own, with the data of one story. They speak the real protocols and are strict; they
// prove nothing about the real services, which other tests do where they can be had.
package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/directory"
	"funnelweb/internal/sandbox/jira"
	"funnelweb/internal/sandbox/splunk"
	"funnelweb/internal/sandbox/threatstack"
	"funnelweb/internal/sandbox/virustotal"
)

// Options say where the stand-ins listen; an empty address takes a free port of 127.0.0.1.
type Options struct {
	JiraAddr, DirectoryAddr, VirusTotalAddr, ThreatStackAddr, SplunkAddr string

	JiraFlavor string           // jira.Cloud, which is the default, or jira.DataCenter
	WebhookURL string           // where Jira sends its webhooks; nowhere when empty
	Now        func() time.Time // required
	Log        *slog.Logger     // required
}

// Sandbox is all stand-ins, running.
type Sandbox struct {
	Jira        *jira.Server
	Directory   *directory.Server
	VirusTotal  *virustotal.Server
	ThreatStack *threatstack.Server
	Splunk      *splunk.Server

	access access
}

// JiraUser is who logs in to the Jira stand-in.
const JiraUser = "bot@lab.example"

// access is what callers of the stand-ins, and of a server beside them, prove themselves with. It is made at random.
type access struct {
	jiraToken, jiraWebhook, adPassword, vtKey, threatStackKey, splunkToken, splunkREST, archiveToken framework.Secret
}

func newAccess() access {
	secret := func() framework.Secret { return framework.NewSecret(rand.Text()) }
	return access{secret(), secret(), secret(), secret(), secret(), secret(), secret(), secret()}
}

// Start starts all stand-ins, or none.
func Start(ctx context.Context, options Options) (s *Sandbox, err error) {
	s = &Sandbox{access: newAccess()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
			s = nil
		}
	}()
	s.Jira, err = jira.Start(ctx, jira.Options{
		Addr: options.JiraAddr, Flavor: options.JiraFlavor, User: JiraUser, Token: s.access.jiraToken, Projects: map[string][]string{"SEC": {"Task", "Bug", "Incident"}},
		Fields: jiraFields(), Users: []jira.User{{Email: "jdoe@lab.example", Name: "Jane Doe", Private: true}, {Email: "soc@lab.example", Name: "SOC"}},
		WebhookURL: options.WebhookURL, WebhookSecret: s.access.jiraWebhook, Now: options.Now, Log: options.Log,
	})
	if err != nil {
		return s, err
	}
	s.Directory, err = directory.Start(ctx, directory.Options{
		Addr: options.DirectoryAddr, BindPassword: s.access.adPassword, Now: options.Now, Log: options.Log,
	})
	if err != nil {
		return s, err
	}
	s.VirusTotal, err = virustotal.Start(ctx, virustotal.Options{
		Addr: options.VirusTotalAddr, Key: s.access.vtKey, PerMinute: 4, PerDay: 500, Now: options.Now, Log: options.Log,
	})
	if err != nil {
		return s, err
	}
	s.ThreatStack, err = threatstack.Start(ctx, threatstack.Options{
		Addr: options.ThreatStackAddr, Key: s.access.threatStackKey, Now: options.Now, Log: options.Log,
	})
	if err != nil {
		return s, err
	}
	s.Splunk, err = splunk.Start(ctx, splunk.Options{Addr: options.SplunkAddr, Token: s.access.splunkREST, Now: options.Now, Log: options.Log})
	return s, err
}

// jiraFields are what the screens of the Jira stand-in have beside what each issue has.
func jiraFields() []jira.Field {
	return []jira.Field{
		{ID: "assignee", Name: "Assignee", Type: "user"},
		{ID: "priority", Name: "Priority", Type: "priority", Allowed: []string{"Highest", "High", "Medium", "Low"}},
		{ID: "customfield_10042", Name: "Severity", Type: "option", Custom: "select", Allowed: []string{"critical", "major", "minor"}},
		{ID: "customfield_10043", Name: "Affected host", Type: "string", Custom: "textfield"},
		{ID: "customfield_10044", Name: "Evidence", Type: "string", Custom: "textarea"},
		{ID: "customfield_10045", Name: "Tools", Type: "array", Items: "option", Custom: "multiselect", Allowed: []string{"SIEM", "EDR"}},
	}
}

// Close stops all stand-ins and waits for them.
func (s *Sandbox) Close() error {
	var errs []error
	if s.Jira != nil {
		errs = append(errs, s.Jira.Close())
	}
	if s.Directory != nil {
		errs = append(errs, s.Directory.Close())
	}
	if s.VirusTotal != nil {
		errs = append(errs, s.VirusTotal.Close())
	}
	if s.ThreatStack != nil {
		errs = append(errs, s.ThreatStack.Close())
	}
	if s.Splunk != nil {
		errs = append(errs, s.Splunk.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop the sandbox: %w", err)
	}
	return nil
}
