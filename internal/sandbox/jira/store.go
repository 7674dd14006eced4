package jira

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Issue is an issue as it is stored.
type Issue struct {
	ID, Key, Project, Type string
	Summary, Description   string
	Labels                 []string
	Status                 string
	Created, Updated       time.Time
	Properties             map[string]jsontext.Value
	RemoteLinks            []RemoteLink
	Fields                 map[string]jsontext.Value // of the screen, by id
	Attachments            []Attachment

	lastWrite time.Time
}

// Comment is a comment as it is stored.
type Comment struct {
	ID, Body         string
	Created, Updated time.Time
	Properties       map[string]jsontext.Value
	Visibility       *Visibility
}

// Visibility restricts a comment to a group or a role.
type Visibility struct {
	Type       string `json:"type"` // group or role
	Value      string `json:"value,omitempty"`
	Identifier string `json:"identifier,omitempty"`
}

// RemoteLink is a link from an issue to something elsewhere. One that has a global id exists once per issue.
type RemoteLink struct {
	ID       string
	GlobalID string
	Object   jsontext.Value
}

// store holds all state; its lock is held while a call changes something and queues the event, so that events leave
// in the order of the changes.
type store struct {
	options Options
	url     string
	send    func(event)

	mu       sync.Mutex
	issues   []*Issue // oldest first
	comments map[string][]*Comment
	counter  map[string]int // the last number by project
	lastID   int
}

// firstID is where ids begin, so that they are not mistaken for the numbers in keys.
const firstID = 10000

func newStore(options Options, url string, send func(event)) *store {
	return &store{
		options: options, url: url, send: send,
		comments: map[string][]*Comment{}, counter: map[string]int{}, lastID: firstID - 1,
	}
}

// nextID returns a new id; the lock is held.
func (s *store) nextID() string {
	s.lastID++
	return strconv.Itoa(s.lastID)
}

// find returns the issue with the key or id; the lock is held.
func (s *store) find(keyOrID string) (*Issue, error) {
	for _, issue := range s.issues {
		if issue.Key == keyOrID || issue.ID == keyOrID {
			return issue, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "Issue does not exist or you do not have permission to see it.")
}

// change finds an issue in order to write to it, which Cloud refuses when it comes too soon after the last time.
func (s *store) change(keyOrID string) (*Issue, error) {
	issue, err := s.find(keyOrID)
	if err != nil {
		return nil, err
	}
	now := s.options.Now()
	if wait := s.options.WriteEvery - now.Sub(issue.lastWrite); s.options.WriteEvery > 0 && wait > 0 {
		refused := refuse(http.StatusTooManyRequests, "Rate limit exceeded.")
		refused.header = map[string]string{
			"Retry-After":           strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10),
			"RateLimit-Reason":      "jira-per-issue-on-write",
			"X-RateLimit-Remaining": "0",
		}
		return nil, refused
	}
	issue.lastWrite = now
	return issue, nil
}

// Issue returns the issue with the key, and whether there is one.
func (s *Server) Issue(key string) (Issue, bool) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	issue, err := s.store.find(key)
	if err != nil {
		return Issue{}, false
	}
	return issue.clone(), true
}

// Issues returns all issues, oldest first.
func (s *Server) Issues() []Issue {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	all := make([]Issue, 0, len(s.store.issues))
	for _, issue := range s.store.issues {
		all = append(all, issue.clone())
	}
	return all
}

// Comments returns the comments on the issue with the key, oldest first.
func (s *Server) Comments(key string) []Comment {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	all := []Comment{}
	issue, err := s.store.find(key)
	if err != nil {
		return all
	}
	for _, comment := range s.store.comments[issue.ID] {
		all = append(all, comment.clone())
	}
	return all
}

func (i *Issue) clone() Issue {
	issue := *i
	issue.Labels = slices.Clone(i.Labels)
	issue.Properties = maps.Clone(i.Properties)
	issue.RemoteLinks = slices.Clone(i.RemoteLinks)
	issue.Fields = maps.Clone(i.Fields)
	issue.Attachments = slices.Clone(i.Attachments)
	return issue
}

func (c *Comment) clone() Comment {
	comment := *c
	comment.Properties = maps.Clone(c.Properties)
	return comment
}

// property is an entity property in a request or an answer.
type property struct {
	Key   string         `json:"key"`
	Value jsontext.Value `json:"value"`
}

// Limits of entity properties in characters (Jira Cloud REST, issue properties).
const (
	maxPropertyKey   = 255
	maxPropertyValue = 32768
)

func checkProperties(properties []property) error {
	for _, one := range properties {
		switch {
		case one.Key == "" || length(one.Key) > maxPropertyKey:
			return refuse(http.StatusBadRequest, "The property key must be from 1 to 255 characters long.")
		case len(one.Value) == 0:
			return refuse(http.StatusBadRequest, "The property value must be a valid, non-empty JSON value.")
		case length(string(one.Value)) > maxPropertyValue:
			return refuse(http.StatusBadRequest, "The property value cannot be longer than 32768 characters.")
		}
	}
	return nil
}

func setProperties(into map[string]jsontext.Value, properties []property) {
	for _, one := range properties {
		into[one.Key] = one.Value.Clone()
	}
}

func listProperties(properties map[string]jsontext.Value) []property {
	list := []property{}
	for key, value := range properties {
		list = append(list, property{key, value})
	}
	slices.SortFunc(list, func(a, b property) int { return cmp.Compare(a.Key, b.Key) })
	return list
}
