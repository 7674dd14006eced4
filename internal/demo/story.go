package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/wiki"
)

// stepTimeout is how long the story waits for a step; each takes well under a second.
const stepTimeout = 15 * time.Second

// story is what the demo has seen so far.
type story struct {
	*stage
	narrator *narrator
	patience func(title string) time.Duration // how long to wait for a step

	alertID  string // of the event
	ticket   string // key
	report   string // key of the ticket that a person writes
	issueID  string // of the event of Jira's webhook
	archived []string
}

// step is one scene: it does something, or waits for it, and checks it from the other side.
type step struct {
	title string
	play  func(*story, context.Context) (detail string, err error)
}

func steps() []step {
	return []step{
		{"Splunk alert accepted and stored", (*story).postAlert},
		{"Jira ticket created", (*story).awaitTicket},
		{"Jira's signed webhook received", (*story).awaitWebhook},
		{"Active Directory asked", (*story).awaitDirectory},
		{"VirusTotal asked", (*story).awaitVirusTotal},
		{"Ticket enriched, in one comment", (*story).awaitComment},
		{"The same alert again: nothing twice", (*story).repeatAlert},
		{"A person reports a defanged address", (*story).reportAddress},
		{"It is found in the text and asked about", (*story).awaitReport},
		{"Threat Stack webhook accepted", (*story).postThreatStack},
		{"Alerts archived as evidence", (*story).awaitArchive},
		{"One object read back", (*story).readObject},
	}
}

// play plays every step; the first that fails ends the story.
func (s *story) play(ctx context.Context) error {
	for _, step := range steps() {
		limited, cancel := context.WithTimeout(ctx, s.patience(step.title))
		detail, err := step.play(s, limited)
		cancel()
		if err != nil {
			s.narrator.fail(step.title, err)
			return fmt.Errorf("%s: %w", step.title, err)
		}
		s.narrator.step(step.title, detail)
		s.showAfter(step.title)
	}
	return nil
}

// showAfter shows what an analyst sees.
func (s *story) showAfter(title string) {
	if title == "Ticket enriched, in one comment" {
		s.narrator.show(wiki.Text(s.sandbox.Jira.Comments(s.ticket)[0].Body))
	}
	if title == "It is found in the text and asked about" {
		s.narrator.show(wiki.Text(s.sandbox.Jira.Comments(s.report)[0].Body))
	}
	if title == "Alerts archived as evidence" {
		s.narrator.show(strings.Join(s.archived, "\n"))
	}
}

// splunkAlert is the body that Splunk's webhook action sends for the story's search.
const splunkAlert = `{"sid":"scheduler__admin__search__RMD5a1b2c3d4e5f60718_at_1795176000_42","search_name":"Malware found on host",` +
	`"app":"search","owner":"admin","results_link":"https://splunk.lab.example:8000/app/search/@go?sid=scheduler__admin__search__RMD5a1b2c3d4e5f60718_at_1795176000_42",` +
	`"result":{"user":"jdoe","dest":"WS-042","file_name":"invoice.pdf.exe","md5":"44d88612fea8a8f36de82e1278abb02f","signature":["EICAR-Test-File","Test.Virus"],"_time":"1795175940"}}`

type accepted struct {
	EventID string `json:"event_id"`
}

func (s *story) postAlert(ctx context.Context) (string, error) {
	began := s.narrator.now()
	var answer accepted
	path := "/api/v1/splunk/alert?token=" + url.QueryEscape(s.secret("splunk-token"))
	if err := s.call(ctx, http.MethodPost, path, "", []byte(splunkAlert), &answer, http.StatusAccepted); err != nil {
		return "", err
	}
	took := s.narrator.now().Sub(began)
	s.alertID = answer.EventID
	status, err := s.event(ctx, s.alertID)
	if err != nil {
		return "", err
	}
	if !bytes.Contains(status.Event.Data, []byte("44d88612fea8a8f36de82e1278abb02f")) {
		return "", errors.New("the stored event does not hold the alert")
	}
	return fmt.Sprintf("%s, 202 in %d ms", s.alertID, took.Milliseconds()), nil
}

// event reads an event and its runs from the server.
func (s *story) event(ctx context.Context, id string) (framework.EventStatus, error) {
	var status framework.EventStatus
	err := s.call(ctx, http.MethodGet, "/api/v1/events/"+url.PathEscape(id), s.operatorToken, nil, &status, http.StatusOK)
	return status, err
}

func (s *story) awaitTicket(ctx context.Context) (string, error) {
	err := until(ctx, func() error {
		issues := s.sandbox.Jira.Issues()
		if len(issues) == 0 {
			return errors.New("there is no ticket in Jira")
		}
		issue := issues[0]
		if !slices.Contains(issue.Labels, "funnelweb") || !strings.Contains(issue.Description, "44d88612fea8a8f36de82e1278abb02f") {
			return fmt.Errorf("ticket %s lacks its label or the alert", issue.Key)
		}
		s.ticket = issue.Key
		return nil
	})
	if err != nil {
		return "", err
	}
	issue, _ := s.sandbox.Jira.Issue(s.ticket)
	return fmt.Sprintf("%s “%s”, labels %s", s.ticket, issue.Summary, strings.Join(issue.Labels, " ")), nil
}

type recent struct {
	Events []framework.Event `json:"events"`
}

func (s *story) awaitWebhook(ctx context.Context) (string, error) {
	err := until(ctx, func() error {
		var list recent
		if err := s.call(ctx, http.MethodGet, "/api/v1/events?limit=20", s.operatorToken, nil, &list, http.StatusOK); err != nil {
			return err
		}
		created := slices.IndexFunc(list.Events, func(e framework.Event) bool { return e.Type == "jira.issue_created" })
		if created < 0 {
			return errors.New("no jira.issue_created event is stored")
		}
		s.issueID = list.Events[created].ID
		for _, delivery := range s.sandbox.Jira.Deliveries() {
			if delivery.IssueKey == s.ticket && delivery.Status == http.StatusAccepted {
				return nil
			}
		}
		return errors.New("the webhook was not accepted, as Jira sees it")
	})
	return s.issueID + ", signature checked, answered 202", err
}

func (s *story) awaitDirectory(ctx context.Context) (string, error) {
	return s.awaitRun(ctx, "activedirectory")
}

func (s *story) awaitVirusTotal(ctx context.Context) (string, error) {
	return s.awaitRun(ctx, "virustotal")
}

// awaitRun waits until the enricher's own job is done with the ticket.
func (s *story) awaitRun(ctx context.Context, enricher string) (string, error) {
	var result string
	err := until(ctx, func() error {
		status, err := s.event(ctx, s.issueID)
		if err != nil {
			return err
		}
		for _, run := range status.Runs {
			if run.Job != enricher {
				continue
			}
			if run.State == framework.RunDone {
				result = fmt.Sprintf("%s (attempt %d)", run.Result, run.Attempts)
				return nil
			}
			return fmt.Errorf("%s is %s: %s", enricher, run.State, run.Reason)
		}
		return errors.New("the event has no job for " + enricher)
	})
	return result, err
}

func (s *story) awaitComment(ctx context.Context) (string, error) {
	err := until(ctx, func() error {
		comments := s.sandbox.Jira.Comments(s.ticket)
		if len(comments) != 1 {
			return fmt.Errorf("%s has %d comments instead of one", s.ticket, len(comments))
		}
		text := wiki.Text(comments[0].Body)
		for _, want := range []string{"Jane Doe", "malicious"} {
			if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
				return fmt.Errorf("the comment does not say %q", want)
			}
		}
		return nil
	})
	return "as an analyst sees it:", err
}

func (s *story) repeatAlert(ctx context.Context) (string, error) {
	var answer accepted
	path := "/api/v1/splunk/alert?token=" + url.QueryEscape(s.secret("splunk-token"))
	if err := s.call(ctx, http.MethodPost, path, "", []byte(splunkAlert), &answer, http.StatusOK); err != nil {
		return "", err
	}
	if answer.EventID != s.alertID {
		return "", fmt.Errorf("the repeat was stored as %s", answer.EventID)
	}
	if tickets := len(s.sandbox.Jira.Issues()); tickets != 1 {
		return "", fmt.Errorf("there are %d tickets in Jira", tickets)
	}
	return "200 with the first id, still 1 ticket", nil
}

type success struct {
	Success bool `json:"success"`
}

func (s *story) postThreatStack(ctx context.Context) (string, error) {
	var answer success
	body := s.sandbox.ThreatStack.Webhook()
	if err := s.call(ctx, http.MethodPost, "/api/v1/s3/alert", s.secret("archive-token"), body, &answer, http.StatusOK); err != nil {
		return "", err
	}
	if !answer.Success {
		return "", errors.New("the answer is not a success")
	}
	return "2 alerts in one call", nil
}

func (s *story) awaitArchive(ctx context.Context) (string, error) {
	err := until(ctx, func() error {
		s.archived = nil
		for key, err := range s.archive.List(ctx, "", "", "") {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(key, "seals/") { // the archive's account of itself
				s.archived = append(s.archived, key)
			}
		}
		if len(s.archived) != 4 {
			return fmt.Errorf("the archive holds %d objects instead of 4", len(s.archived))
		}
		return nil
	})
	return "the archive's keys:", err
}

type oneAlert struct {
	Success bool           `json:"success"`
	Alert   framework.JSON `json:"alert"`
}

func (s *story) readObject(ctx context.Context) (string, error) {
	var announced struct {
		Alerts []struct {
			ID string `json:"id"`
		} `json:"alerts"`
	}
	if err := json.Unmarshal(s.sandbox.ThreatStack.Webhook(), &announced); err != nil {
		return "", err
	}
	id := announced.Alerts[0].ID
	var answer oneAlert
	if err := s.call(ctx, http.MethodGet, "/api/v1/s3/alert/"+id, s.secret("archive-token"), nil, &answer, http.StatusOK); err != nil {
		return "", err
	}
	kept, err := s.archive.Get(ctx, "alerts/"+id[:2]+"/"+id[2:4]+"/"+id)
	if err != nil {
		return "", err
	}
	var detail struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	if err := json.Unmarshal(kept, &detail); err != nil {
		return "", err
	}
	if detail.ID != id || !bytes.Contains(answer.Alert, []byte(id)) {
		return "", fmt.Errorf("alert %s is not what the archive holds", id)
	}
	return fmt.Sprintf("%s “%s”, %d bytes", id, detail.Title, len(kept)), nil
}
