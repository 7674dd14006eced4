package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/internal/telemetry"
)

// maxConfig bounds a configuration file in bytes.
const maxConfig = 4 << 20

// Config is a configuration file, decoded but not yet built: the parts' own settings are still nodes, because only the
// parts know their shape.
type Config struct {
	// Listen is the address to serve on, host:port; port 0 takes a free one. Default 127.0.0.1:8080.
	Listen string `yaml:"listen"`
	// Server says how the server is reached and what it bears.
	Server Serving `yaml:"server"`
	// Data is the directory for events, ledger, access token and the local archive. Default ./funnelweb-data.
	Data string `yaml:"data"`
	// Engine chooses what stores events and runs automations. Default embedded.
	Engine Engine `yaml:"engine"`
	// Archive chooses where evidence is kept: dir (default, under Data) or s3.
	Archive yaml.Node `yaml:"archive"`
	// Jira is the ticket system; without it no automation can make or edit tickets.
	Jira yaml.Node `yaml:"jira"`
	// Enrichers by name, each with its settings.
	Enrichers yaml.Node `yaml:"enrichers"`
	// Endpoints are what is served, with the plugins around it.
	Endpoints []Endpoint `yaml:"endpoints"`
	// Automations are the rules.
	Automations []Automation `yaml:"automations"`
	// Alarm says when operators are to look.
	Alarm Alarm `yaml:"alarm"`
	// Traces is where a collector takes traces; without it nothing is traced.
	Traces telemetry.TracesConfig `yaml:"traces"`

	undecoded bool // it has mistakes that leave values away: what is made of it would have others
	lines     lines
	root      *yaml.Node // the whole file
}

// Endpoint is one entry of endpoints.
type Endpoint struct {
	Use    string      `yaml:"use"`
	Public bool        `yaml:"public"`
	Before []yaml.Node `yaml:"before"`
	After  []yaml.Node `yaml:"after"`
	With   yaml.Node   `yaml:"with"`
}

// Automation is one entry of automations.
type Automation struct {
	Name string    `yaml:"name"`
	On   string    `yaml:"on"`
	When string    `yaml:"when"`
	Do   yaml.Node `yaml:"do"`
}

// ReadConfig reads a configuration file. The error holds every mistake that can be seen without building the parts.
func ReadConfig(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return ParseConfig(text)
}

// ParseConfig decodes a configuration and reports all mistakes at once, each with its line. The Config is usable for
// finding further mistakes even when there is an error, unless it is nil.
func ParseConfig(text []byte) (*Config, error) {
	config := &Config{Listen: "127.0.0.1:8080", Data: "./funnelweb-data", Server: defaultServing(), Alarm: Alarm{OldestWaiting: defaultOldestWaiting}}
	if len(text) > maxConfig {
		return nil, fmt.Errorf("the configuration is larger than %d bytes", maxConfig)
	}
	root, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	err = framework.DecodeConfig(root, "", config)
	config.undecoded = err != nil
	config.lines, config.root = findLines(root), root
	return config, errors.Join(err, config.check())
}

// parseYAML returns the one mapping that a file holds; an empty file is an empty mapping.
func parseYAML(text []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read YAML: %w", err)
	}
	var document yaml.Node
	if err := loader.Load(&document); errors.Is(err, io.EOF) {
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}, nil
	} else if err != nil {
		return nil, fmt.Errorf("not a YAML document: %w", err)
	}
	if err := loader.Load(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one YAML document")
	}
	root := &document
	if document.Kind == yaml.DocumentNode && len(document.Content) == 1 {
		root = document.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("the file is not a mapping of keys such as listen, endpoints and automations")
	}
	return root, nil
}

// namePattern keeps names usable in stored state, metrics and file names.
var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// check finds what the decoder cannot: names, references and empty values.
func (c *Config) check() error {
	var errs []error
	mistake := func(path, message string) {
		errs = append(errs, &framework.Mistake{Line: c.lines.near(path), Path: path, Message: message})
	}
	c.Server.check(mistake)
	if path, message := c.checkReach(); message != "" {
		mistake(path, message)
	}
	if c.Data == "" {
		mistake("data", "give a directory")
	}
	c.Engine.check(mistake)
	if c.Alarm.OldestWaiting <= 0 {
		mistake("alarm.oldest_waiting", "must be above 0")
	}
	if err := c.Traces.Check(); err != nil {
		mistake("traces", err.Error())
	}
	for i, endpoint := range c.Endpoints {
		if endpoint.Use == "" {
			mistake(fmt.Sprintf("endpoints[%d]", i), "use: is missing; name the endpoint to serve")
		}
	}
	taken := map[string]bool{}
	for i, automation := range c.Automations {
		path := fmt.Sprintf("automations[%d]", i)
		switch {
		case !namePattern.MatchString(automation.Name):
			mistake(path, "name: is missing or not of lower-case letters, digits, - and _ (at most 63)")
		case taken[automation.Name]:
			mistake(path, "name: "+automation.Name+" is given twice; waiting events belong to a name")
		}
		taken[automation.Name] = true
		if automation.On == "" {
			mistake(path, "on: is missing; name an event type such as splunk.alert")
		}
	}
	return errors.Join(errs...)
}

// single reads a mapping with one key, such as {token: {…}}, as name and settings.
func single(node *yaml.Node, path, what string) (name string, settings *yaml.Node, err error) {
	if node.Kind == yaml.MappingNode && len(node.Content) == 2 {
		return node.Content[0].Value, node.Content[1], nil
	}
	message := fmt.Sprintf("name one %s with its settings, such as {name: {…}}", what)
	return "", nil, &framework.Mistake{Line: node.Line, Path: path, Message: message}
}

// lines remembers where things stand in the file, for mistakes that are found after decoding.
type lines map[string]int

func findLines(root *yaml.Node) lines {
	found := lines{}
	found.add(root, "")
	return found
}

// add goes into mappings and lists alone: what an alias stands for is found where it is defined.
func (l lines) add(node *yaml.Node, path string) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			at := node.Content[i].Value
			if path != "" {
				at = path + "." + at
			}
			l[at] = node.Content[i].Line
			l.add(node.Content[i+1], at)
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			l[at] = item.Line
			l.add(item, at)
		}
	default: // has nothing below
	}
}

// near is the line of a key, or of the nearest one above it that stands in the file.
func (l lines) near(path string) int {
	for {
		line, found := l[path]
		cut := strings.LastIndexByte(path, '.')
		if found || cut < 0 {
			return line
		}
		path = path[:cut]
	}
}
