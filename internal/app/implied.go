package app

import (
	"path/filepath"

	"go.yaml.in/yaml/v4"
)

// addImplied adds what a configuration may leave out: the public status endpoint; the operators' endpoint, behind the
// access token; and, where Threat Stack alerts are received, the automation that archives them.
func (c *Config) addImplied(tokenFile string) {
	if !c.uses("status") {
		c.Endpoints = append(c.Endpoints, Endpoint{Use: "status", Public: true})
	}
	if !c.uses("events") {
		secrets := mapping("secrets", sequence(scalar("file:"+tokenFile)))
		c.Endpoints = append(c.Endpoints, Endpoint{Use: "events", Before: []yaml.Node{mapping("token", secrets)}})
	}
	if entry := c.endpoint("archive"); entry != nil && !c.archivesThreatStack() {
		settings := yaml.Node{Kind: yaml.MappingNode} // the endpoint's, as far as they are about the service that both ask
		for i := 0; entry.With.Kind == yaml.MappingNode && i+1 < len(entry.With.Content); i += 2 {
			if entry.With.Content[i].Value == "threatstack" {
				settings = mapping("threatstack", *entry.With.Content[i+1])
			}
		}
		c.Automations = append(c.Automations, Automation{
			Name: "archive-threatstack", On: "threatstack.alert", Do: mapping("archive", settings),
		})
	}
}

func (c *Config) endpoint(use string) *Endpoint {
	for i := range c.Endpoints {
		if c.Endpoints[i].Use == use {
			return &c.Endpoints[i]
		}
	}
	return nil
}

func (c *Config) uses(name string) bool { return c.endpoint(name) != nil }

func (c *Config) archivesThreatStack() bool {
	for _, automation := range c.Automations {
		if name, _, err := single(&automation.Do, "", ""); err == nil && name == "archive" && automation.On == "threatstack.alert" {
			return true
		}
	}
	return false
}

// eventsFolder is in the data directory.
const eventsFolder = "events"

func (c *Config) eventsDir() string { return filepath.Join(c.Data, eventsFolder) }

// TokenFile is where the access token of a data directory is kept.
func TokenFile(data string) string { return filepath.Join(data, "access-token") }

func scalar(value string) yaml.Node {
	return yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

func mapping(key string, value yaml.Node) yaml.Node {
	name := scalar(key)
	return yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{&name, &value}}
}

func sequence(item yaml.Node) yaml.Node {
	return yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: []*yaml.Node{&item}}
}
