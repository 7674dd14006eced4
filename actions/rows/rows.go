// Package rows attaches all rows of a Splunk search to the ticket of its alert, as CSV: Splunk's webhook brings the first alone.
package rows

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"funnelweb/framework"
)

const (
	// FileName is what the attached file is called.
	FileName = "rows.csv"
	// MostRows is how many rows there can be at most: as many as Splunk keeps of a search (limits.conf, max_count of [search]). It gives
	// 50,000 of them at once (maxresultrows), and the others from an offset on.
	MostRows = 500_000

	readLag    = 10 * time.Second // for clocks that differ: what is on a ticket is read consistently
	uploadTime = 30 * time.Second // as long as any call of a service
)

// Config says where Splunk is asked, and whose ticket the rows are attached to.
type Config struct {
	TicketOf string           `yaml:"ticket_of"` // name of the automation that makes the ticket of the same event
	URL      string           `yaml:"url"`       // Splunk's management port, such as https://splunk.example.com:8089
	Token    framework.Secret `yaml:"token"`     // an authentication token of a user who may see the searches of alerts
	CAFile   string           `yaml:"ca_file"`   // PEM with the authorities to trust; the system's when empty
	Max      int              `yaml:"max"`       // rows at most, 1 to MostRows
	// Keep is where in the archive the rows are kept before there is a ticket, since Splunk forgets them within the hour.
	Keep string `yaml:"keep"`
}

// Defaults takes 10,000 rows.
func Defaults() Config { return Config{Max: 10_000, Keep: "splunk-rows"} }

// Action attaches rows.
type Action struct {
	config   Config
	splunk   *client
	now      func() time.Time
	ledger   framework.Ledger
	tickets  framework.Tickets
	archive  framework.Archive
	activity framework.Activity
}

// keepPattern is what the archive takes for the beginning of a key.
var keepPattern = regexp.MustCompile(`^[A-Za-z0-9_=+-][A-Za-z0-9_.=+-]*(/[A-Za-z0-9_=+-][A-Za-z0-9_.=+-]*)*$`)

// New checks the configuration and reads the authorities.
func New(config Config, deps framework.Deps) (*Action, error) {
	base, err := framework.ServiceURL(config.URL)
	mistakes := []error{err}
	if deps.Tickets == nil {
		mistakes = append(mistakes, errors.New("no ticket system is configured: add the section jira"))
	}
	if config.TicketOf == "" {
		mistakes = append(mistakes, errors.New("ticket_of: must name the automation that makes the ticket of the same event"))
	}
	if !config.Token.FitsHeader() {
		mistakes = append(mistakes, errors.New("token: is missing, or holds what no token has: blanks, letters beyond ASCII"))
	}
	if config.Max < 1 || config.Max > MostRows {
		mistakes = append(mistakes, fmt.Errorf("max: is from 1 to %d", MostRows))
	}
	if !keepPattern.MatchString(config.Keep) || len(config.Keep) > 100 {
		mistakes = append(mistakes, errors.New("keep: is the beginning of a key in the archive, such as splunk-rows"))
	}
	http, err := calling(deps.HTTP, config.CAFile)
	if err = errors.Join(append(mistakes, err)...); err != nil {
		return nil, err
	}
	deps.HTTP = http
	return &Action{
		config: config, splunk: &client{base: base, token: config.Token, deps: deps},
		now: deps.Now, ledger: deps.Ledger, tickets: deps.Tickets, archive: deps.Archive, activity: deps.Activity,
	}, nil
}

// Do reads the rows, keeps them, and attaches them once there is a ticket. What cannot be read or attached for good is told on the
// ticket.
func (a *Action) Do(ctx context.Context, job framework.Job) (framework.Result, error) {
	result, err := a.attach(ctx, job)
	if framework.IsPermanent(err) {
		err = a.giveUp(ctx, job, err)
	}
	return result, err
}

func (a *Action) attach(ctx context.Context, job framework.Job) (framework.Result, error) {
	data, err := framework.DecodeData(job.Event.Data)
	if err != nil {
		return framework.Result{}, fmt.Errorf("decode event %s: %w", job.Event.ID, err)
	}
	object, _ := data.(map[string]any)
	sid, _ := object["sid"].(string)
	if !isSID(sid) {
		return framework.Result{}, permanent("the event has no sid of the form that Splunk gives: no search is asked for")
	}
	kept, err := a.rows(ctx, job, sid)
	if err != nil {
		return framework.Result{}, err
	}
	ticket, err := a.ticket(ctx, job)
	if err != nil {
		return framework.Result{}, err
	}
	if err := a.deliver(ctx, job, ticket, kept); err != nil {
		return framework.Result{}, err
	}
	return framework.Result{Summary: kept.summary() + " on " + ticket, Link: a.tickets.Link(ticket)}, nil
}

// ticket is the key of the ticket that another automation makes of the event. While there is none the job waits, ever longer.
func (a *Action) ticket(ctx context.Context, job framework.Job) (string, error) {
	deps := framework.Deps{Now: a.now, Ledger: a.ledger, Tickets: a.tickets, Activity: a.activity}
	return framework.AwaitTicket(ctx, deps, a.config.TicketOf, job.Event)
}

// deliver attaches the file and says what is missing, each once.
func (a *Action) deliver(ctx context.Context, job framework.Job, ticket string, kept outcome) error {
	if kept.Key != "" {
		body, err := a.archive.Get(ctx, kept.Key)
		if err != nil {
			return fmt.Errorf("read the rows of event %s: %w", job.Event.ID, err)
		}
		file := framework.TicketFile{Name: FileName, Type: "text/csv; charset=utf-8", Body: body}
		_, err = framework.Once(ctx, a.ledger, a.now, "rows.attached."+job.Key(), framework.Effect{
			Find:  func(ctx context.Context) (string, error) { return a.tickets.FindFile(ctx, ticket, FileName) },
			Do:    func(ctx context.Context) (string, error) { return a.tickets.AddFile(ctx, ticket, file) },
			Limit: uploadTime, Lag: readLag,
		})
		if err != nil {
			return err
		}
	}
	if note := kept.note(); note != "" {
		return a.tell(ctx, job, ticket, "rows.", "rows.told.", note)
	}
	return nil
}

// tell adds a comment, once. What marks the comment and the entry of the ledger begin with is of the kind of note.
func (a *Action) tell(ctx context.Context, job framework.Job, ticket, mark, entry, note string) error {
	mark += job.Key()
	_, err := framework.Once(ctx, a.ledger, a.now, entry+job.Key(), framework.Effect{
		Find: func(ctx context.Context) (string, error) { return a.tickets.FindComment(ctx, ticket, mark) },
		Do: func(ctx context.Context) (string, error) {
			return a.tickets.AddComment(ctx, ticket, mark, framework.Document{framework.Text(note)})
		},
		Lag: readLag,
	})
	return err
}

// giveUp tells a failure that no retry can mend on the ticket, once there is one, and returns it then: whoever reads the ticket must
// not take silence for a search without rows. It has a mark of its own, since the file may still come when it is put right.
func (a *Action) giveUp(ctx context.Context, job framework.Job, failure error) error {
	ticket, err := a.ticket(ctx, job)
	if wait, ok := errors.AsType[*framework.Wait](err); ok {
		wait.Reason += ", to tell there: " + framework.Reason(failure)
	}
	var kept outcome
	if err == nil {
		kept, _, err = a.recorded(ctx, readEntry(job))
	}
	if err == nil {
		note := "The rows of the search are not attached: " + strings.TrimSuffix(framework.Reason(failure), ".") + "."
		if kept.Key != "" {
			note += " They are kept in the archive as " + kept.Key + "."
		}
		err = a.tell(ctx, job, ticket, "rows.failed.", "rows.failed.", note)
	}
	if err != nil && !framework.IsPermanent(err) {
		return err
	}
	return failure
}

// permanent is a failure that no retry can mend.
func permanent(reason string) error {
	return &framework.ServiceError{Service: "rows", Op: "attach rows", Reason: reason, Permanent: true}
}
