package jira

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"funnelweb/framework"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// For so long it is believed what a screen holds. A refused ticket ends it.
	screenLife = 10 * time.Minute
	maxScreens = 200   // that are remembered
	metaPage   = 200   // fields or types that are asked for at once
	maxMeta    = 2_000 // that are read
	maxNamed   = 20    // that are named in a mistake
)

// field is a field of a create screen.
type field struct {
	ID         string `json:"fieldId"`
	Name       string `json:"name"`
	Required   bool   `json:"required"`
	HasDefault bool   `json:"hasDefaultValue"`
	Schema     struct {
		Type   string `json:"type"`
		Items  string `json:"items"`
		Custom string `json:"custom"`
	} `json:"schema"`
	AllowedValues jsontext.Value `json:"allowedValues"`
}

// choice is one of the values that a field allows.
type choice struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Value    string   `json:"value"`
	Children []choice `json:"children"`
}

func (c choice) text() string {
	if c.Value != "" {
		return c.Value
	}
	return c.Name
}

// allowed are the values that the field allows. Those of fields that are no choices are of any form; they are none.
func (f field) allowed() []choice {
	var choices []choice
	if json.Unmarshal(f.AllowedValues, &choices, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
		return nil
	}
	return choices
}

// called is how a mistake names the field.
func (f field) called() string {
	if f.Name == "" || f.Name == f.ID {
		return f.ID
	}
	return framework.Line(f.Name, 60) + " (" + f.ID + ")"
}

// screen is what can be set on a new ticket.
type screen struct {
	project, issueType string
	fields             []field
	readAt             time.Time
}

func (s screen) called() string { return s.project + "/" + s.issueType }

// screens remembers them.
type screens struct {
	mu    sync.Mutex
	known map[[2]string]screen
}

func (s *screens) get(project, issueType string, now time.Time) (screen, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known[[2]string{project, issueType}]
	age := now.Sub(known.readAt)
	return known, ok && age >= 0 && age < screenLife
}

func (s *screens) put(read screen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= maxScreens {
		s.known = map[[2]string]screen{}
	}
	s.known[[2]string{read.project, read.issueType}] = read
}

func (s *screens) forget(project, issueType string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, [2]string{project, issueType})
}

// screen reads the fields that a new ticket of the project and type has.
func (c *Client) screen(ctx context.Context, project, issueType string) (screen, error) {
	if known, ok := c.screens.get(project, issueType, c.now()); ok {
		return known, nil
	}
	op := operation{name: "read the create screen", method: http.MethodGet, needs: "Create Issues"}
	base := "rest/api/2/issue/createmeta/" + url.PathEscape(project) + "/issuetypes"
	types, err := pages[choice](ctx, c, op, base)
	if err != nil {
		return screen{}, err
	}
	var names []string
	id := ""
	for _, one := range types {
		names = append(names, one.Name)
		if one.Name == issueType {
			id = one.ID
		}
	}
	if !commentID.MatchString(id) { // it becomes part of a path
		return screen{}, invalid(op, fmt.Sprintf("the project %s has no issue type %s; it has %s", project, framework.Line(issueType, 60), some(names)))
	}
	fields, err := pages[field](ctx, c, op, base+"/"+id)
	if err != nil {
		return screen{}, err
	}
	read := screen{project, issueType, fields, c.now()}
	c.screens.put(read)
	return read, nil
}

// metaPageOf is a page of a screen's types or fields. Cloud names the list by what it holds, Data Center calls it values.
type metaPageOf[T any] struct {
	Types  *[]T `json:"issueTypes"`
	Fields *[]T `json:"fields"`
	Values *[]T `json:"values"`
	Total  int  `json:"total"`
}

func (p *metaPageOf[T]) list() *[]T {
	for _, list := range []*[]T{p.Types, p.Fields, p.Values} {
		if list != nil {
			return list
		}
	}
	return nil
}

func (p *metaPageOf[T]) complete() bool { return p.list() != nil }

func pages[T any](ctx context.Context, c *Client, op operation, path string) ([]T, error) {
	var all []T
	for len(all) < maxMeta {
		op.path = path + "?startAt=" + strconv.Itoa(len(all)) + "&maxResults=" + strconv.Itoa(metaPage)
		var page metaPageOf[T]
		if err := c.call(ctx, op, &page); err != nil {
			return nil, err
		}
		list := *page.list()
		all = append(all, list...)
		if len(list) == 0 || len(all) >= page.Total {
			break
		}
	}
	return all, nil
}

// find returns the field of that id or name.
func (c *Client) find(ctx context.Context, op operation, s screen, name string) (field, error) {
	for _, same := range []func(field) bool{
		func(f field) bool { return f.ID == name },
		func(f field) bool { return f.Name == name },
		func(f field) bool { return strings.EqualFold(f.Name, name) },
	} {
		var found []field
		for _, one := range s.fields {
			if same(one) {
				found = append(found, one)
			}
		}
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			return field{}, invalid(op, fmt.Sprintf("the name %s has more than one field, give the id of one: %s", framework.Line(name, 60), some(ids(found))))
		}
	}
	return field{}, c.noField(ctx, op, s, name)
}

func ids(fields []field) []string {
	var ids []string
	for _, one := range fields {
		ids = append(ids, one.ID)
	}
	return ids
}

type siteField struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type siteFields []siteField

func (*siteFields) complete() bool { return true }

// noField says whether a field that is not on the screen exists at all.
func (c *Client) noField(ctx context.Context, op operation, s screen, name string) error {
	shown := framework.Line(name, 60)
	var all siteFields
	if err := c.call(ctx, operation{name: "list fields", method: http.MethodGet, path: "rest/api/2/field"}, &all); err != nil {
		return err
	}
	for _, one := range all {
		if one.ID == name || strings.EqualFold(one.Name, name) {
			return invalid(op, fmt.Sprintf("the field %s (%s) is not on the create screen of %s: add it there, or leave it out", shown, framework.Line(one.ID, 60), s.called()))
		}
	}
	names := map[string]bool{}
	for _, one := range s.fields {
		names[one.Name] = true
	}
	return invalid(op, fmt.Sprintf("there is no field %s; %s has %s", shown, s.called(), some(slices.Sorted(maps.Keys(names)))))
}

// some names a few of the names.
func some(names []string) string {
	text := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if more := len(names) - maxNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if text == "" {
		return "none"
	}
	return framework.Line(text, 600)
}
