package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"funnelweb/framework"
)

// Options say how to tell the demo.
type Options struct {
	Once     bool // end after the story instead of staying up
	Out      io.Writer
	Color    bool // Out is a terminal that shows colours
	Registry *framework.Registry
	Version  string
	Now      func() time.Time
}

// Run plays the story and returns nil when every step of it was checked. Unless Once is set it then stays up until ctx is
// done, for trying things out.
func Run(ctx context.Context, options Options) (err error) {
	n := &narrator{out: options.Out, color: options.Color, now: options.Now}
	n.title("Funnelweb demo: a Splunk alert becomes an enriched Jira ticket and archived evidence, all on this machine.")
	stage, err := setStage(ctx, options)
	if err != nil {
		return fmt.Errorf("set the stage: %w", err)
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	n.step("Sandbox and server started", stage.addresses())
	s := &story{stage: stage, narrator: n, patience: func(string) time.Duration { return stepTimeout }}
	if err := s.play(ctx); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		n.say("\nThe server's last log lines:\n%s", stage.log.tail())
		return err
	}
	if options.Once {
		n.say("\nAll steps were checked from the other side. Stay and look around: funnelweb demo")
		return nil
	}
	s.invite()
	select {
	case <-ctx.Done():
		n.say("\nStopping.")
		return nil
	case err := <-stage.stopped:
		stage.stopped <- err // for close
		return fmt.Errorf("the server stopped: %w", err)
	}
}

// invite prints where to go from here.
func (s *story) invite() {
	s.narrator.say(`
All steps were checked from the other side. Everything stays up until you press Ctrl-C:

  ticket in the sandbox's Jira   %s/browse/%s
  API documentation              %s/docs/
  status                         %s/status and /ready

Send an alert of your own (another user, and see what the directory says):

  curl -H 'Content-Type: application/json' -d '{"sid":"mine-1","search_name":"My search","app":"search","owner":"me","result":{"user":"jdoe","md5":"44d88612fea8a8f36de82e1278abb02f"}}' \
    '%s/api/v1/splunk/alert?token=%s'
`, s.sandbox.Jira.URL(), s.ticket, s.base, s.base, s.base, s.secret("splunk-token"))
}
