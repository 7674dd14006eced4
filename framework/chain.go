package framework

import (
	"errors"
	"fmt"
	"strings"
)

// Named is a plugin under the name that the configuration gives it.
type Named[P any] struct {
	Name string
	Part P
}

// Chain is what surrounds a route: plugins in the order of the configuration.
type Chain struct {
	Public bool // anyone may call: then no before plugin may authenticate, else one must
	Before []Named[Before]
	After  []Named[After]
}

// authenticator returns the plugin that proves who is calling, or nil.
func (c Chain) authenticator() Authenticator {
	for _, plugin := range c.Before {
		if found, ok := plugin.Part.(Authenticator); ok {
			return found
		}
	}
	return nil
}

// early is how many before plugins, from the first one on, do not need the body.
func (c Chain) early() int {
	for i, plugin := range c.Before {
		if light, ok := plugin.Part.(HeadersOnly); !ok || !light.HeadersOnly() {
			return i
		}
	}
	return len(c.Before)
}

// extend appends the path segments that before plugins read. Of two with one name only the first would ever be looked at.
func (c Chain) extend(path string) (string, error) {
	for _, plugin := range c.Before {
		extender, ok := plugin.Part.(PathExtender)
		if !ok || extender.PathSegment() == "" {
			continue
		}
		segment := "/{" + extender.PathSegment() + "}"
		if strings.Contains(path+"/", segment+"/") {
			return "", fmt.Errorf("the path %s has a parameter {%s} already, and %s adds another one: give the plugin's another name", path, extender.PathSegment(), plugin.Name)
		}
		path = strings.TrimSuffix(path, "/") + segment
	}
	return path, nil
}

// validate refuses a chain that is open by mistake, says two things at once, or asks who is calling before anybody knows.
func (c Chain) validate() error {
	switch authenticates := c.authenticator() != nil; {
	case !authenticates && !c.Public:
		return errors.New("anyone could call this: add an authenticating before plugin (token, basic, hmac, jwt), or say public: true")
	case authenticates && c.Public:
		return errors.New("public: true contradicts the authenticating before plugin: remove one of them")
	}
	for _, plugin := range c.Before {
		if _, ok := plugin.Part.(Authenticator); ok {
			break
		}
		if user, ok := plugin.Part.(NeedsIdentity); ok && user.NeedsIdentity() {
			return fmt.Errorf("%s needs to know who is calling, and no plugin before it finds out: put it after an authenticating one (token, basic, hmac, jwt)", plugin.Name)
		}
	}
	return nil
}
