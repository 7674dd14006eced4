// Package archive keeps events as evidence in the archive: an alert from Threat Stack with its detail under the keys of
// threatstack-to-s3, any other event whole.
package archive

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// alertType is the type of the events that Threat Stack's webhook becomes.
const alertType = "threatstack.alert"

// Config says where alerts have their detail and where other events go.
type Config struct {
	ThreatStack ThreatStack `yaml:"threatstack"`
	// Prefix begins the keys of events other than Threat Stack's alerts; the event's source when empty.
	Prefix string `yaml:"prefix"`
}

// ThreatStack is Threat Stack's API. Without a key alerts are archived as the webhook had them, without their detail.
type ThreatStack struct {
	URL string           `yaml:"url"` // root of the API
	Key framework.Secret `yaml:"key"`
}

// Defaults has the address of Threat Stack's API, version 1, and no key.
func Defaults() Config {
	return Config{ThreatStack: ThreatStack{URL: "https://app.threatstack.com/api/v1"}}
}

// Action archives events. Make one with New.
type Action struct {
	archive framework.Archive
	details *client // nil when no key is configured
	prefix  string
}

// New checks the configuration. Nothing is sent before the first event.
func New(config Config, deps framework.Deps) (*Action, error) {
	details, err := newClient(config.ThreatStack, deps)
	if err == nil {
		err = checkPrefix(config.Prefix)
	}
	if err != nil {
		return nil, err
	}
	return &Action{archive: deps.Archive, details: details, prefix: strings.TrimSuffix(config.Prefix, "/")}, nil
}

func newClient(config ThreatStack, deps framework.Deps) (*client, error) {
	base, err := framework.ServiceURL(config.URL)
	if err != nil {
		return nil, fmt.Errorf("threatstack.%w", err)
	}
	if config.Key.IsZero() {
		if config.URL != Defaults().ThreatStack.URL {
			return nil, errors.New("threatstack.key is missing")
		}
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	if !config.Key.FitsHeader() {
		return nil, errors.New("threatstack.key must be of visible ASCII characters")
	}
	return &client{base: base.String(), key: config.Key, deps: deps}, nil
}

// prefixPattern is a key of the archive; parts of dots alone are excluded, with more than is needed.
var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9_=+-][A-Za-z0-9_.=+-]*(/[A-Za-z0-9_=+-][A-Za-z0-9_.=+-]*)*/?$`)

func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if !prefixPattern.MatchString(prefix) || len(prefix) > 200 {
		return errors.New("prefix must be of letters, digits, - _ . = + and single slashes, at most 200 bytes")
	}
	if isReserved(prefix) {
		return errors.New("prefix must not begin with alerts/ or webhooks/, where Threat Stack's alerts are kept, or with seals/, where the manifests are")
	}
	return nil
}

func isReserved(place string) bool {
	first, _, _ := strings.Cut(place, "/")
	return first == "alerts" || first == "webhooks" || first == "seals"
}

// Do archives one event. Objects are written once, so that doing it again changes nothing.
func (a *Action) Do(ctx context.Context, job framework.Job) (framework.Result, error) {
	if job.Event.Type == alertType {
		return a.archiveAlert(ctx, job.Event)
	}
	return a.archiveEvent(ctx, job.Event)
}

// archiveEvent keeps the whole event as JSON under the minute in which it was accepted.
func (a *Action) archiveEvent(ctx context.Context, event framework.Event) (framework.Result, error) {
	place := a.prefix
	if place == "" {
		place = event.Source()
	}
	if isReserved(place) {
		return framework.Result{}, unusable("events of this source would be kept among Threat Stack's alerts or the manifests: configure a prefix")
	}
	body, err := json.Marshal(event)
	if err != nil {
		return framework.Result{}, fmt.Errorf("encode event %s: %w", event.ID, err)
	}
	key := place + "/" + event.Time.UTC().Format(minuteLayout) + "/" + event.ID
	if err := a.archive.Put(ctx, key, body); err != nil {
		return framework.Result{}, fmt.Errorf("archive event %s: %w", event.ID, err)
	}
	return framework.Result{Summary: "archived " + key}, nil
}

// Check asks Threat Stack whether it takes the key; without one there is nothing to ask.
func (a *Action) Check(ctx context.Context) error {
	if a.details == nil {
		return nil
	}
	_, err := a.details.get(ctx, "check", "/alerts?count=1")
	return err
}

// unusable is an event that cannot be archived as things are.
func unusable(reason string) error {
	return &framework.ServiceError{Service: "archive", Op: "archive event", Reason: reason, Permanent: true}
}

var (
	_ framework.Action         = (*Action)(nil)
	_ framework.Checker        = (*Action)(nil)
	_ framework.FailureWatcher = (*Action)(nil)
)
