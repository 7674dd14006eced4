// Package archive serves the interface of threatstack-to-s3: it takes Threat Stack's webhook and shows the alerts that
// were archived. Archiving itself is the action of the same name, on the event that the webhook becomes.
package archive

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"funnelweb/framework"
)

// EventType is the type of the event that each alert of a webhook becomes.
const EventType = "threatstack.alert"

// Config names the service that the status route asks.
type Config struct {
	ThreatStack ThreatStack `yaml:"threatstack"`
	SNS         SNS         `yaml:"sns"`
	// PathPrefix begins each path, /threatstack-to-s3 for callers of the last release of that program.
	PathPrefix string `yaml:"path_prefix"`
}

// ThreatStack is Threat Stack's API. Without a key the status route leaves it out.
type ThreatStack struct {
	URL string           `yaml:"url"` // root of the API
	Key framework.Secret `yaml:"key"`
}

// Defaults has the address of Threat Stack's API, version 1, and no key.
func Defaults() Config {
	return Config{ThreatStack: ThreatStack{URL: "https://app.threatstack.com/api/v1"}}
}

// New returns the routes: the four of threatstack-to-s3, and one for Amazon SNS where topics are configured.
func New(config Config, deps framework.Deps) (framework.Routes, error) {
	service, err := newThreatStack(config.ThreatStack, deps)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(config.SNS.check(), checkPrefix(config.PathPrefix)); err != nil {
		return nil, err
	}
	viewer := newViewer(deps)
	routes := framework.Routes{
		receiveRoute(receiver{deps.Events}),
		listRoute(viewer),
		alertRoute(viewer),
		statusRoute(prober{archive: deps.Archive, threatStack: service, log: deps.Log}),
	}
	if len(config.SNS.Topics) > 0 {
		routes = append(routes, snsRoute(newSubscriber(config.SNS.Topics, deps.Events, deps)))
	}
	for i := range routes {
		routes[i].Path = config.PathPrefix + routes[i].Path
	}
	return routes, nil
}

var prefixPattern = regexp.MustCompile(`^(/[A-Za-z0-9_-]{1,64}){1,4}$`)

func checkPrefix(prefix string) error {
	if prefix != "" && !prefixPattern.MatchString(prefix) {
		return errors.New("path_prefix: must be of one to four segments of letters, digits, - and _, each behind a slash, such as /threatstack-to-s3")
	}
	return nil
}

// newThreatStack returns nil when there is no key.
func newThreatStack(config ThreatStack, deps framework.Deps) (*threatStack, error) {
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
	return &threatStack{base: base.String(), key: config.Key, deps: deps}, nil
}

const (
	tag            = "Archive"
	tagDescription = "The interface of threatstack-to-s3: Threat Stack's webhook, and the alerts that were archived."
)

const exampleID = "589b1aa1e4b0c5a1f2d3e4f5"

// unreadable is the answer when the archive fails: to be asked again, with the cause in the log.
func unreadable(cause error) error {
	if problem, told := errors.AsType[*framework.Problem](cause); told {
		return problem
	}
	return framework.Unavailable("The archive cannot be read at the moment.", retryAfter, fmt.Errorf("read the archive: %w", cause))
}

// wrongParameter is the answer when a query parameter breaks a rule that its schema cannot say.
func wrongParameter(name, rule, message string) error {
	problem := framework.NewProblem(http.StatusUnprocessableEntity, "The call breaks the rules listed in errors.")
	problem.Errors = []framework.Field{{In: "query", Pointer: name, Rule: rule, Message: message}}
	return problem
}
