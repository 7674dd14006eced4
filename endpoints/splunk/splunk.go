// Package splunk receives the alerts that Splunk's webhook action posts.
package splunk

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// maxBody bounds an alert in bytes: a search with values() fills a row with megabytes. The engine carries 8 MiB less 64 KiB, which
// it keeps for what a dead letter adds; 1 KiB is for what an event is beside the alert, some 300 bytes, and for members that are
// left out and stored as null.
const maxBody = 8<<20 - 65<<10

// EventType is the type of the event that an alert becomes.
const EventType = "splunk.alert"

// Config says what the endpoint does with bodies that hold more than Splunk's own action sends.
type Config struct {
	Undeclared Undeclared `yaml:"undeclared"` // reject (the default) or drop
}

// Undeclared is what becomes of members that Splunk's own webhook action does not send. Add-ons send more of them.
type Undeclared string

// The two ways with undeclared members.
const (
	Reject Undeclared = "reject" // a 422 that names them
	Drop   Undeclared = "drop"   // they are removed
)

// Defaults rejects undeclared members: a member that nobody expects is a mistake until somebody says otherwise.
func Defaults() Config { return Config{Undeclared: Reject} }

// Alert is the body of Splunk's webhook action: these six members and no others (alert_webhook/bin/webhook.py). The
// action takes each but the first from settings that a saved search need not have, so all of those may be null.
type Alert struct {
	SID         string  `json:"sid" doc:"Id of the search job" minLength:"1" maxLength:"1024"`
	SearchName  *string `json:"search_name" required:"false" nullable:"true" doc:"Name of the saved search; null for a search that was not saved" maxLength:"2048"`
	App         *string `json:"app" required:"false" nullable:"true" doc:"App that the search belongs to" maxLength:"255"`
	Owner       *string `json:"owner" required:"false" nullable:"true" doc:"Who owns the search" maxLength:"1024"`
	ResultsLink *string `json:"results_link" required:"false" nullable:"true" doc:"Where the results are shown in Splunk" maxLength:"8192"`
	// Result is one row. A field with several values is a list; field names hold dots, braces and spaces.
	Result map[string]framework.StringOrList `json:"result" required:"false" nullable:"true" doc:"The first row of the results: field names with a string, or a list of strings, each" maxProperties:"2000"`
}

// Input is a call of the webhook.
type Input struct {
	Body Alert
}

// Answer tells the sender under which id the alert is stored.
type Answer struct {
	EventID string `json:"event_id" doc:"Id of the stored event; the same as before when the alert came in before"`

	duplicate bool
}

// HTTPStatus is 202 for an alert that is new and 200 for one that is stored already.
func (a *Answer) HTTPStatus() int {
	if a.duplicate {
		return http.StatusOK
	}
	return http.StatusAccepted
}

// New returns the webhook's route.
func New(config Config, deps framework.Deps) (framework.Routes, error) {
	endpoint := framework.Endpoint[Input, Answer]{
		Method:  http.MethodPost,
		Path:    "/api/v1/splunk/alert",
		ID:      "splunk-alert",
		Events:  []string{EventType},
		Summary: "Take an alert from Splunk's webhook action",
		Description: "The answer is sent once the alert is stored safely. An alert with the same search job and the same " +
			"result row is the same alert, however often it is sent.",
		Tag: "Splunk", TagDescription: "Alerts of saved searches.",
		MaxBody: maxBody,
		Mend:    true,
		Success: []int{http.StatusAccepted, http.StatusOK},
		Example: example(),
		Answer:  &Answer{EventID: "splunk-mq7mqn4ycphcbhlwxfhwnlqg6e"},
		Handle:  receiver{deps.Events}.receive,
	}
	switch config.Undeclared {
	case Reject:
		endpoint.Undeclared = framework.Reject
	case Drop:
		endpoint.Undeclared = framework.Drop
	default:
		return nil, fmt.Errorf("undeclared is either %s or %s", Reject, Drop)
	}
	return framework.Routes{endpoint.Route()}, nil
}

type receiver struct{ events framework.Publisher }

// receive stores the alert. It gives no error for an alert that could be kept: Splunk never sends one again.
func (r receiver) receive(ctx context.Context, input *Input) (*Answer, error) {
	key, err := identity(input.Body)
	if err != nil {
		return nil, err
	}
	event, err := framework.NewEvent(EventType, key, input.Body)
	if err != nil {
		return nil, err
	}
	receipts, err := r.events.Publish(ctx, event)
	if err != nil {
		return nil, fmt.Errorf("store alert %s: %w", event.ID, err)
	}
	return &Answer{EventID: receipts[0].ID, duplicate: receipts[0].Duplicate}, nil
}

// identity is what makes two deliveries the same alert: search job and row. The job alone would merge the rows of a
// search that alerts once per result, the row alone would merge every firing. The order of fields means nothing.
func identity(alert Alert) (string, error) {
	row, err := json.Marshal(alert.Result, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("encode result row: %w", err)
	}
	return framework.Fingerprint(alert.SID, string(row)), nil
}

// example is an alert as Splunk sends it, for the document.
func example() Alert {
	text := func(s string) *string { return &s }
	return Alert{
		SID:         "scheduler__admin__search__RMD5fe51a5bd6a1b2c3d4_at_1700000000_42",
		SearchName:  text("Malware found on host"),
		App:         text("search"),
		Owner:       text("admin"),
		ResultsLink: text("https://splunk.lab.example/app/search/search?q=%7Cloadjob%20scheduler__admin__search__RMD5fe51a5bd6a1b2c3d4_at_1700000000_42"),
		Result: map[string]framework.StringOrList{
			"_time": {"1700000000"},
			"host":  {"WS-042"},
			"user":  {"jdoe"},
			"md5":   {"44d88612fea8a8f36de82e1278abb02f"},
			"_si":   {"splunk.lab.example", "main"},
		},
	}
}
