package cli

import (
	"fmt"
	"time"

	"funnelweb/internal/sandbox"
)

type sandboxCommand struct {
	Jira        string `help:"Address of the Jira stand-in." default:"127.0.0.1:8081"`
	Flavor      string `help:"What the Jira stand-in is: ${enum}." enum:"cloud,datacenter" default:"cloud"`
	VirusTotal  string `name:"virustotal" help:"Address of the VirusTotal stand-in." default:"127.0.0.1:8082"`
	ThreatStack string `name:"threatstack" help:"Address of the Threat Stack stand-in." default:"127.0.0.1:8083"`
	Splunk      string `help:"Address of the stand-in for Splunk's REST interface." default:"127.0.0.1:8084"`
	Directory   string `help:"Address of the Active Directory stand-in (LDAPS)." default:"127.0.0.1:8636"`
	Webhook     string `help:"Where Jira sends its webhooks." default:"http://127.0.0.1:8080/api/v1/jira/webhook"`
	Access      string `help:"Directory for the secrets and the certificate that callers need; made anew at each start." default:"funnelweb-sandbox"`
	LogLevel    string `help:"Least level of log lines: ${enum}." enum:"debug,info,warn,error" default:"info"`
}

// Help is shown below the flags.
func (sandboxCommand) Help() string {
	return `Stand-ins for working on a configuration without accounts: strict, on loopback sockets, with the data of the demo. They can be
told to misbehave with POST /_sandbox/faults on the Jira, VirusTotal, Threat Stack and Splunk addresses, as in the last example; DELETE
ends it. What it takes: match, times, latency, status, retry_after, body, html, cut_before, cut_after. POST /_sandbox/jobs on the
Splunk address adds a search with its rows: {"sid":"s1","fields":["host"],"rows":[{"host":"WS-042"}]}.

Examples:
  funnelweb sandbox                                  in one terminal
  funnelweb serve --config configs/demo.yaml         in another
  curl -H 'Content-Type: application/json' http://127.0.0.1:8081/_sandbox/faults \
    -d '{"match":"POST /rest/api/","times":2,"status":503,"retry_after":"5s","latency":"1s"}'`
}

// Run runs the stand-ins until the process is told to stop.
func (c sandboxCommand) Run(p *program) error {
	s, err := sandbox.Start(p.ctx, sandbox.Options{
		JiraAddr: c.Jira, DirectoryAddr: c.Directory, VirusTotalAddr: c.VirusTotal, ThreatStackAddr: c.ThreatStack, SplunkAddr: c.Splunk,
		JiraFlavor: c.Flavor, WebhookURL: c.Webhook, Now: time.Now, Log: newLog(p.stderr, c.LogLevel), //nolint:forbidigo // the clock of the process
	})
	if err != nil {
		return err
	}
	if err := s.WriteAccess(c.Access); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(p.stdout, `Jira              %s   user %s, tickets at %s/browse/SEC-1
VirusTotal        %s
Threat Stack      %s
Splunk            %s
Active Directory  %s
Secrets           %s/
Stop with Ctrl-C.
`, s.Jira.URL(), sandbox.JiraUser, s.Jira.URL(), s.VirusTotal.URL(), s.ThreatStack.URL(), s.Splunk.URL(), s.Directory.URL(), c.Access)
	<-p.ctx.Done()
	return s.Close()
}
