package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"funnelweb/internal/sandbox"
	"funnelweb/internal/sandbox/wiki"
)

// personTicket is a ticket as people write it: the address is defanged, and nothing says that it is one.
const personTicket = `{"fields":{"project":{"key":"SEC"},"issuetype":{"name":"Incident"},"summary":"Strange mail",` +
	`"description":"Jane got a mail with this link: hxxp://malware[.]example[.]net/invoice.pdf.exe"}}`

// reportAddress writes a ticket beside Funnelweb.
func (s *story) reportAddress(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.sandbox.Jira.URL()+"/rest/api/2/issue", strings.NewReader(personTicket))
	if err != nil {
		return "", fmt.Errorf("make the call: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(sandbox.JiraUser, s.secret("jira-token"))
	var made struct {
		Key string `json:"key"`
	}
	if err := s.send(request, &made, http.StatusCreated); err != nil {
		return "", err
	}
	s.report = made.Key
	return made.Key + " “Strange mail”: hxxp://malware[.]example[.]net/invoice.pdf.exe", nil
}

// awaitReport waits until the address stands in a comment, alone: whom the alert names is not asked about here.
func (s *story) awaitReport(ctx context.Context) (string, error) {
	err := until(ctx, func() error {
		comments := s.sandbox.Jira.Comments(s.report)
		if len(comments) != 1 {
			return fmt.Errorf("%s has %d comments instead of one", s.report, len(comments))
		}
		text := wiki.Text(comments[0].Body)
		if !strings.Contains(text, "hxxp://malware.example.net/invoice.pdf.exe: malicious") {
			return errors.New("the comment does not say what is known of the address")
		}
		if strings.Contains(text, "Jane Doe") {
			return errors.New("the comment is not about this ticket's own text")
		}
		return nil
	})
	return "as an analyst sees it:", err
}
