package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/internal/engine"
	"funnelweb/internal/evidence"
	"funnelweb/internal/jira"
	"funnelweb/internal/telemetry"
)

// Options are what the program gives to a server besides its configuration.
type Options struct {
	Version string
	Log     *slog.Logger
	Now     func() time.Time
	// TokenFile holds the access token that guards the operators' endpoint where the configuration does not name it.
	TokenFile string
	// Online is for a server that is not to be run: CheckOnline then reaches its services.
	Online bool
}

// Server is a configuration, built: every part exists, and nothing has been opened, read or written yet.
type Server struct {
	config      *Config
	options     Options
	store       *store
	engine      engine.Options
	evidence    *evidence.Archive
	funnel      *framework.Funnel
	automations []engine.Automation
	readiness   *readiness
	calls       underWay
	telemetry   *telemetry.Telemetry
	tls         *tls.Config  // nil without TLS
	certificate *certificate // nil without TLS

	http   *http.Client
	clocks *clocks // nil unless Options.Online
	probes []probe // none unless Options.Online
}

// builder collects every mistake while it builds, so that all are reported at once.
type builder struct {
	config   *Config
	registry *framework.Registry
	deps     framework.Deps
	server   *Server
	errs     []error

	published []string // the types of event that endpoints publish
	unbuilt   bool     // an endpoint could not be made: published lacks its types

	endpointProbes []probe
}

// Build makes every part of a configuration. The error holds every mistake as a framework.Mistake.
func Build(ctx context.Context, config *Config, registry *framework.Registry, options Options) (*Server, error) {
	if err := registry.Err(); err != nil {
		return nil, fmt.Errorf("list of parts: %w", err)
	}
	config.addLegacyEnvironment()
	config.addImplied(options.TokenFile)
	options.Log = redacting(options.Log, config.secrets(options.TokenFile))
	server := &Server{config: config, options: options, store: &store{}, telemetry: telemetry.New(options.Now)}
	b := &builder{config: config, registry: registry, server: server}
	info := framework.Info{
		Title: "Funnelweb", Version: options.Version, Description: "Security automation: webhooks in, automations out.",
		Contact: "The operators of this server", License: "Apache 2.0", LicenseURL: "https://www.apache.org/licenses/LICENSE-2.0",
	}
	funnel, err := framework.NewFunnel(info, options.Log, options.Now)
	if err != nil {
		return nil, err
	}
	server.funnel = funnel
	funnel.Observe(server.telemetry)
	server.http = newHTTPClient()
	if options.Online {
		server.clocks = newClocks(options.Now)
	}
	b.serving()
	b.services(ctx)
	b.enrichers()
	b.endpoints() //nolint:contextcheck // what is mounted takes the context of each request
	b.automations()
	server.engine.Sources = sourcesOf(b.published)
	b.pages() //nolint:contextcheck // what is mounted takes the context of each request
	if options.Online {
		b.probes()
	}
	return server, errors.Join(b.errs...)
}

func (b *builder) add(err error) {
	if err != nil {
		b.errs = append(b.errs, err)
	}
}

// mistake places an error that has no place of its own.
func (b *builder) mistake(path string, err error) {
	if err == nil {
		return
	}
	b.errs = append(b.errs, framework.PlaceErrors(err, &yaml.Node{Line: b.config.lines.near(path)}, path))
}

// serving makes what calls come through.
func (b *builder) serving() {
	settings := b.config.Server.TLS
	if proxies, err := b.config.Server.proxies(); err == nil { // else ParseConfig has said so
		b.server.funnel.TrustProxies(proxies)
	}
	if settings == nil || settings.CertFile == "" || settings.KeyFile == "" {
		return
	}
	own, err := loadCertificate(settings, b.server.options.Log.With("part", "tls"), b.server.options.Now)
	if err != nil {
		b.mistake("server.tls", err)
		return
	}
	b.server.certificate = own
	b.server.tls, err = tlsConfig(settings, own)
	b.mistake("server.tls", err)
}

// services makes what the parts are given.
func (b *builder) services(ctx context.Context) {
	b.deps = framework.Deps{
		Log: b.server.options.Log, Now: b.server.options.Now, HTTP: b.server.http, Version: b.server.options.Version,
		Events: b.server.store, Activity: b.server.store, Ledger: b.server.store, Quota: b.server.store,
		Answers:   b.server.store,
		Enrichers: map[string]framework.Enricher{},
	}
	b.server.readiness = newReadiness(b.server.options.Now, b.server.options.Log)
	b.server.readiness.add("events", true, b.server.store.readyNow)
	b.server.readiness.add("backlog", false, b.server.backlog)
	b.server.readiness.add("services", false, b.server.services)
	b.server.readiness.add("queues", false, b.server.store.leftNow)
	b.deps.Ready = b.server.readiness.all
	b.engine()
	b.archive(ctx)
	b.jira()
}

func (b *builder) engine() {
	var err error
	b.server.engine, err = engineOptions(b.config, b.server.options, b.server.telemetry)
	if err != nil && !b.config.undecoded {
		b.add(framework.PlaceErrors(err, nodeAt(b.config.root, "engine", "nats"), "engine.nats"))
	}
}

func (b *builder) archive(ctx context.Context) {
	store, err := b.config.openArchive(ctx, b.server.options.Log.With("part", "archive"), b.server.options.Now)
	if err != nil {
		b.add(err)
		return
	}
	b.deps.Archive, b.server.evidence = store, store
	b.server.readiness.add("archive", false, store.Check)
}

func (b *builder) jira() {
	if b.config.Jira.Kind == 0 {
		return
	}
	b.deps.Tickets = unmadeTickets{} // if the section has mistakes, those are told, and not that it is missing
	config := jira.Defaults()
	if err := framework.DecodeConfig(&b.config.Jira, "jira", &config); err != nil {
		b.add(err)
		return
	}
	client, err := jira.New(config, b.named("jira"))
	if err != nil {
		b.add(framework.PlaceErrors(err, &b.config.Jira, "jira"))
		return
	}
	b.deps.Tickets = client
	b.server.readiness.add("jira", false, client.Check)
}

func (b *builder) enrichers() {
	node := &b.config.Enrichers
	if node.Kind == 0 {
		return
	}
	if node.Kind != yaml.MappingNode {
		b.add(&framework.Mistake{Line: node.Line, Path: "enrichers", Message: "give enrichers by name, each with its settings"})
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i].Value
		path := "enrichers." + name
		enricher, err := b.registry.Enricher(name, node.Content[i+1], path, b.named(name))
		if err != nil {
			b.add(err)
			b.deps.Enrichers[name] = unmadeEnricher{}
			continue
		}
		b.deps.Enrichers[name] = enricher
		if checker, ok := enricher.(framework.Checker); ok {
			b.server.readiness.add(name, false, checker.Check)
		}
	}
}

// named gives a part its own logger, and a client whose calls are told apart.
func (b *builder) named(name string) framework.Deps {
	deps := b.deps
	deps.Log = deps.Log.With("part", name)
	deps.HTTP = b.server.telemetry.Client(deps.HTTP, name)
	if b.server.clocks != nil {
		deps.HTTP = b.server.clocks.client(deps.HTTP, name)
	}
	return deps
}

func (b *builder) endpoints() {
	for i := range b.config.Endpoints {
		b.endpoint(&b.config.Endpoints[i], fmt.Sprintf("endpoints[%d]", i))
	}
}

func (b *builder) endpoint(entry *Endpoint, path string) {
	if entry.Use == "" {
		return // ParseConfig has said so
	}
	chain := framework.Chain{
		Public: entry.Public,
		Before: plugins[framework.Before](b, entry.Before, path+".before"),
		After:  plugins[framework.After](b, entry.After, path+".after"),
	}
	with := &entry.With
	if with.Line == 0 {
		with.Line = b.config.lines[path]
	}
	routes, err := b.registry.Endpoint(entry.Use, with, path+".with", b.named(entry.Use))
	if err != nil {
		b.unbuilt = true
		b.add(err)
		return
	}
	for _, route := range routes {
		b.published = append(b.published, route.Events...)
		if route.Probe != nil {
			b.endpointProbes = append(b.endpointProbes, probe{"endpoint " + entry.Use, entry.Use, route.Probe})
		}
	}
	if len(chain.Before) < len(entry.Before) {
		return // a plugin is missing: whether the route is protected cannot be told
	}
	for _, route := range routes {
		b.mistake(path, b.server.funnel.Mount(route, chain))
	}
}

// plugins makes the plugins of one list; each must be able to run in it.
func plugins[P any](b *builder, nodes []yaml.Node, path string) []framework.Named[P] {
	var made []framework.Named[P]
	for i := range nodes {
		at := fmt.Sprintf("%s[%d]", path, i)
		name, settings, err := single(&nodes[i], at, "plugin")
		if err != nil {
			b.add(err)
			continue
		}
		at += "." + name
		part, err := b.registry.Plugin(name, settings, at, b.named(name))
		if err != nil {
			b.add(err)
			continue
		}
		plugin, ok := part.(P)
		if !ok {
			b.add(&framework.Mistake{Line: nodes[i].Line, Path: at, Message: "this plugin cannot run in this list"})
			continue
		}
		made = append(made, framework.Named[P]{Name: name, Part: plugin})
	}
	return made
}

func (b *builder) automations() {
	for i := range b.config.Automations {
		entry, path := &b.config.Automations[i], fmt.Sprintf("automations[%d]", i)
		b.checkEventType(entry.On, path)
		when, err := condition(entry.When)
		b.mistake(path, err)
		name, settings, err := single(&entry.Do, path+".do", "action")
		if err != nil {
			if entry.Do.Kind == 0 {
				err = errors.New("do: is missing; name an action with its settings")
			}
			b.mistake(path, err)
			continue
		}
		action, err := b.registry.Action(name, settings, path+".do."+name, b.named(entry.Name))
		if err != nil {
			b.add(err)
			continue
		}
		b.server.automations = append(b.server.automations, engine.Automation{Name: entry.Name, On: entry.On, When: when, Action: action})
	}
}

// checkEventType refuses an automation that could never run.
func (b *builder) checkEventType(on, path string) {
	if on == "" || b.unbuilt || slices.Contains(b.published, on) {
		return // an empty one was told by ParseConfig
	}
	message := fmt.Sprintf("on: no endpoint of this configuration publishes %s; ", on)
	if len(b.published) == 0 {
		message += "none of them publishes anything"
	} else {
		message += "they publish " + strings.Join(b.published, ", ")
	}
	b.add(&framework.Mistake{Line: b.config.lines[path], Path: path, Message: message})
}

// pages adds what is not an endpoint part: the document with its page, and the metrics.
func (b *builder) pages() {
	b.mistake("endpoints", b.server.funnel.MountDocs())
	b.server.telemetry.Watch(b.server.stats, b.config.Alarm.OldestWaiting)
	b.metrics(b.server.telemetry.Handler())
}

// metrics are for operators: they are served behind the same plugins as the events endpoint.
func (b *builder) metrics(handler http.Handler) {
	for i := range b.config.Endpoints {
		if entry := &b.config.Endpoints[i]; entry.Use == "events" {
			before := plugins[framework.Before](b, entry.Before, fmt.Sprintf("endpoints[%d].before", i))
			if len(before) == len(entry.Before) {
				b.mistake("endpoints", b.server.funnel.Handle("/metrics", handler, framework.Chain{Public: entry.Public, Before: before}))
			}
			return
		}
	}
}
