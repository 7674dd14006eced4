package archive

import (
	"context"
	"fmt"
	"net/http"
	"regexp"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// Alert is what of an alert in a webhook must hold: the parts that make its keys in the archive. Whatever else an alert
// has is kept as it was sent.
type Alert struct {
	ID string `json:"id" doc:"Threat Stack's id of the alert" pattern:"^[A-Za-z0-9_-]{4,128}$" minLength:"4" maxLength:"128"`
	// CreatedAt ends with the year 9999, the last that has four digits in a key.
	CreatedAt int64 `json:"created_at" doc:"When the alert was raised, in milliseconds since 1970" minimum:"1" maximum:"253402300799999"`
}

// Webhook is the body of Threat Stack's webhook.
type Webhook struct {
	Alerts []framework.Open[Alert] `json:"alerts" doc:"The alerts, each kept whole" minItems:"1" maxItems:"1000"`
}

// WebhookInput is a call of the webhook.
type WebhookInput struct {
	Body Webhook
}

// Received says that the alerts are stored.
type Received struct {
	Success bool `json:"success"`
}

func receiveRoute(r receiver) framework.Route {
	return framework.Endpoint[WebhookInput, Received]{
		Method:  http.MethodPost,
		Path:    "/api/v1/s3/alert",
		ID:      "archive-alerts",
		Events:  []string{EventType},
		Summary: "Take a webhook from Threat Stack",
		Description: "Each alert becomes an event of its own, and the answer is sent once all are stored safely. They are in " +
			"the archive when the automation that archives them has run. An alert that is sent again unchanged is the same event.",
		Tag: tag, TagDescription: tagDescription,
		Undeclared: framework.Drop,
		Mend:       true,
		Example:    example(),
		Answer:     &Received{Success: true},
		Handle:     r.receive,
	}.Route()
}

// The rules of Alert and Webhook for a message that no schema has checked.
const (
	maxAlertsSent = 1000
	maxCreated    = 253402300799999
)

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{4,128}$`)

type receiver struct{ events framework.Publisher }

// receive stores the alerts, all in one go, so that they share one wait for the disk.
func (r receiver) receive(ctx context.Context, input *WebhookInput) (*Received, error) {
	events := make([]framework.Event, len(input.Body.Alerts))
	for i, alert := range input.Body.Alerts {
		// The whole item is its identity: a repeat is a duplicate, while one with a change in it is an event anew.
		item, err := json.Marshal(alert.Raw)
		if err != nil {
			return nil, fmt.Errorf("encode alert: %w", err)
		}
		if events[i], err = framework.NewEvent(EventType, string(item), framework.JSON(item)); err != nil {
			return nil, err
		}
	}
	if _, err := r.events.Publish(ctx, events...); err != nil {
		return nil, fmt.Errorf("store %d alerts: %w", len(events), err)
	}
	return &Received{Success: true}, nil
}

// example is a webhook as Threat Stack sends it, for the document.
func example() any {
	type alert struct {
		ID             string `json:"id"`
		Title          string `json:"title"`
		CreatedAt      int64  `json:"created_at"`
		Severity       int    `json:"severity"`
		OrganizationID string `json:"organization_id"`
		ServerOrRegion string `json:"server_or_region"`
		Source         string `json:"source"`
	}
	return map[string]any{"alerts": []alert{{
		ID: exampleID, Title: "CloudTrail: root account used", CreatedAt: 1795176000000, Severity: 1,
		OrganizationID: "5f0000000000000000000001", ServerOrRegion: "us-east-1", Source: "cloudtrail",
	}}}
}
