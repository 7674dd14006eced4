package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// SNS is Amazon SNS as a sender: the webhook comes as the message of a notification.
type SNS struct {
	Topics []string `yaml:"topics"` // ARNs of the topics whose messages are taken; the route is served when there are any
}

var topicPattern = regexp.MustCompile(`^arn:(aws|aws-us-gov|aws-cn):sns:([a-z0-9-]{1,32}):[0-9]{12}:[A-Za-z0-9_-]{1,256}$`)

func (s SNS) check() error {
	for i, topic := range s.Topics {
		if !topicPattern.MatchString(topic) {
			return fmt.Errorf("sns.topics[%d]: is not the ARN of a topic, arn:aws:sns:REGION:ACCOUNT:NAME", i)
		}
	}
	return nil
}

// host is where SNS answers for a topic that topicPattern matches: its certificates and confirmations are taken from nowhere else.
func host(topic string) string {
	parts := topicPattern.FindStringSubmatch(topic)
	if parts[1] == "aws-cn" {
		return "sns." + parts[2] + ".amazonaws.com.cn"
	}
	return "sns." + parts[2] + ".amazonaws.com"
}

// Envelope is what all messages of SNS have.
type Envelope struct {
	MessageID        string `json:"MessageId" doc:"SNS's id of the message" minLength:"1" maxLength:"100" example:"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"`
	TopicArn         string `json:"TopicArn" doc:"The topic; it must be one of the configuration" maxLength:"400" example:"arn:aws:sns:us-east-1:123456789012:threatstack"`
	Message          string `json:"Message" doc:"What is sent; of a notification the webhook, as JSON in a string" maxLength:"300000" example:"{\"alerts\":[{\"id\":\"589b1aa1\",\"created_at\":1795176000000}]}"`
	Timestamp        string `json:"Timestamp" doc:"When it was sent" maxLength:"64" example:"2026-11-20T12:00:00.000Z"`
	SignatureVersion string `json:"SignatureVersion" doc:"1 for SHA-1, 2 for SHA-256" enum:"1,2" example:"2"`
	Signature        string `json:"Signature" doc:"RSA over the members above and the type, in base64" maxLength:"2000" example:"EXAMPLE=="`
	SigningCertURL   string `json:"SigningCertURL" doc:"Where SNS has the certificate of its key" maxLength:"500" example:"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"`
}

// Notification is a message of a topic.
type Notification struct {
	Envelope
	Subject *string `json:"Subject,omitempty" doc:"The subject, if the message has one" maxLength:"500"`
}

// Confirmation says that somebody wants a topic to be sent here, or no longer.
type Confirmation struct {
	Envelope
	Token        string `json:"Token" doc:"What SNS wants to be told back" pattern:"^[0-9A-Za-z]{1,1000}$" maxLength:"1000" example:"2336412f37fb687f5d51e6e241d09c80"`
	SubscribeURL string `json:"SubscribeURL" doc:"Not called: the address is made of topic and token" maxLength:"3000" example:"https://sns.us-east-1.amazonaws.com/"`
}

// Unsubscribed is a Confirmation that a topic is no longer sent here.
type Unsubscribed struct{ Confirmation }

// Message is what SNS sends.
type Message struct {
	_            struct{}      `discriminator:"Type"`
	Notification *Notification `choice:"Notification"`
	Subscribe    *Confirmation `choice:"SubscriptionConfirmation"`
	Unsubscribe  *Unsubscribed `choice:"UnsubscribeConfirmation"`
}

// SNSInput is a call by SNS.
type SNSInput struct {
	Body framework.Choice[Message]
}

func snsRoute(s *subscriber) framework.Route {
	return framework.Endpoint[SNSInput, Received]{
		Method:  http.MethodPost,
		Path:    "/api/v1/s3/sns",
		ID:      "archive-sns",
		Events:  []string{EventType},
		Summary: "Take Threat Stack's webhook through Amazon SNS",
		Description: "Signatures of both versions are verified with the certificate that SNS publishes for the topic's region. Subscriptions to " +
			"the topics of the configuration are confirmed; messages of other topics are refused.",
		Tag: tag, TagDescription: tagDescription,
		Accepts:    []string{"text/plain"}, // as SNS says
		Undeclared: framework.Drop,
		Example: framework.Choice[Message]{Value: Message{Notification: &Notification{Envelope: Envelope{
			MessageID: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", TopicArn: "arn:aws:sns:us-east-1:123456789012:threatstack",
			Message: `{"alerts":[{"id":"` + exampleID + `","created_at":1795176000000}]}`, Timestamp: "2026-11-20T12:00:00.000Z",
			SignatureVersion: "2", Signature: "EXAMPLE==",
			SigningCertURL: "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
		}}}},
		Answer: &Received{Success: true},
		Handle: s.take,
	}.Route()
}

// subscriber takes messages of SNS.
type subscriber struct {
	topics       []string
	receiver     receiver
	certificates *certificates
	deps         framework.Deps
	log          *slog.Logger
	mu           sync.Mutex
	confirmed    map[string]bool // tokens that SNS was told back: a recorded message is no way to make us call
}

// The bounds of confirmations.
const (
	maxConfirmed = 1000               // tokens that are remembered
	tokenAge     = 3 * 24 * time.Hour // after which SNS takes none back
)

func newSubscriber(topics []string, events framework.Publisher, deps framework.Deps) *subscriber {
	deps.HTTP = staying(deps.HTTP)
	return &subscriber{
		topics: topics, receiver: receiver{events}, certificates: newCertificates(deps), deps: deps, log: deps.Log, confirmed: map[string]bool{},
	}
}

// staying is a client that takes no redirect: SNS sends none, and its hosts are all that is believed.
func staying(client *http.Client) *http.Client {
	stays := *client
	stays.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &stays
}

// take does what a message asks for, once it is proven to be of SNS and of a topic of ours.
func (s *subscriber) take(ctx context.Context, input *SNSInput) (*Received, error) {
	message := input.Body.Value
	switch {
	case message.Notification != nil:
		if err := s.verify(ctx, message.Notification.Envelope, message.Notification.signed()); err != nil {
			return nil, err
		}
		return s.notified(ctx, message.Notification.Message)
	case message.Subscribe != nil:
		if err := s.verify(ctx, message.Subscribe.Envelope, message.Subscribe.signed("SubscriptionConfirmation")); err != nil {
			return nil, err
		}
		return s.confirm(ctx, message.Subscribe)
	default:
		if err := s.verify(ctx, message.Unsubscribe.Envelope, message.Unsubscribe.signed("UnsubscribeConfirmation")); err != nil {
			return nil, err
		}
		s.log.WarnContext(ctx, "topic is no longer sent here", "topic", message.Unsubscribe.TopicArn)
		return &Received{Success: true}, nil
	}
}

func (s *subscriber) verify(ctx context.Context, e Envelope, signed string) error {
	if !slices.Contains(s.topics, e.TopicArn) {
		return framework.NewProblem(http.StatusForbidden, "The topic is none of sns.topics.")
	}
	certificate, err := s.certificates.at(ctx, e.SigningCertURL, host(e.TopicArn))
	if err != nil {
		return err
	}
	if err := certificate.verify(e, signed); err != nil {
		problem := framework.NewProblem(http.StatusForbidden, "The signature is not that of Amazon SNS.")
		problem.Cause = err
		return problem
	}
	return nil
}

// notified stores the alerts of a notification, whose message is held to the rules of the webhook.
func (s *subscriber) notified(ctx context.Context, message string) (*Received, error) {
	var webhook Webhook
	err := json.Unmarshal(framework.Mended([]byte(message)), &webhook)
	if err == nil && (len(webhook.Alerts) == 0 || len(webhook.Alerts) > maxAlertsSent) {
		err = errors.New("it has no alerts, or too many")
	}
	for _, alert := range webhook.Alerts {
		if !idPattern.MatchString(alert.Value.ID) || alert.Value.CreatedAt < 1 || alert.Value.CreatedAt > maxCreated {
			err = errors.New("an alert has no usable id or created_at")
		}
	}
	if err != nil {
		problem := framework.NewProblem(http.StatusUnprocessableEntity, "The message is not Threat Stack's webhook. Nothing was stored.")
		problem.Errors = []framework.Field{{In: "body", Pointer: "/Message", Rule: "webhook", Message: "must be the webhook as JSON: 1 to 1,000 alerts, each with id and created_at"}}
		problem.Cause = err
		return nil, problem
	}
	return s.receiver.receive(ctx, &WebhookInput{Body: webhook})
}

// confirm tells SNS that the subscription is wanted, once. The address is made of the topic, not taken from the message.
func (s *subscriber) confirm(ctx context.Context, c *Confirmation) (*Received, error) {
	sent, err := time.Parse(time.RFC3339, c.Timestamp)
	if err != nil || s.deps.Now().Sub(sent) > tokenAge {
		return nil, framework.NewProblem(http.StatusForbidden, "The confirmation is older than its token lasts: subscribe again.")
	}
	if s.isConfirmed(c.Token) {
		return &Received{Success: true}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host(c.TopicArn)+"/", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	query := request.URL.Query()
	query.Set("Action", "ConfirmSubscription")
	query.Set("TopicArn", c.TopicArn)
	query.Set("Token", c.Token)
	request.URL.RawQuery = query.Encode()
	if _, err := framework.Fetch(s.deps, "sns", "confirm subscription", request); err != nil {
		return nil, framework.Unavailable("The subscription cannot be confirmed at the moment.", retryAfter, err)
	}
	s.setConfirmed(c.Token)
	s.log.InfoContext(ctx, "subscription confirmed", "topic", c.TopicArn)
	return &Received{Success: true}, nil
}

func (s *subscriber) isConfirmed(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.confirmed[token]
}

func (s *subscriber) setConfirmed(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.confirmed) >= maxConfirmed {
		clear(s.confirmed)
	}
	s.confirmed[token] = true
}
