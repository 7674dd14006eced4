package jira

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// issueBody is a request to create or to edit an issue. Jira also knows update, transition and historyMetadata;
// the stand-in does not, and refuses them like anything unknown.
type issueBody struct {
	Fields     map[string]jsontext.Value `json:"fields"`
	Properties []property                `json:"properties"`
}

func (s *Server) reader(fields map[string]jsontext.Value) *fieldReader {
	if fields == nil {
		fields = map[string]jsontext.Value{}
	}
	return &fieldReader{
		flavor: s.options.Flavor, projects: s.options.Projects, screen: s.options.Fields, users: s.options.Users,
		given: fields, errs: map[string]string{},
	}
}

func (s *Server) createIssue(r *http.Request) (answer, error) {
	var body issueBody
	if err := decode(r, &body); err != nil {
		return answer{}, err
	}
	read := s.reader(body.Fields)
	project := read.project()
	issue := &Issue{
		Project: project, Type: read.issueType(project), Summary: read.summary(), Description: read.description(),
		Labels: read.labels(), Status: statuses()[0].name, Properties: map[string]jsontext.Value{}, Fields: read.others(true),
	}
	if read.rest(); len(read.errs) > 0 {
		return answer{}, refuseFields(read.errs)
	}
	if err := checkProperties(body.Properties); err != nil {
		return answer{}, err
	}
	setProperties(issue.Properties, body.Properties)
	return answer{http.StatusCreated, s.store.add(issue)}, nil
}

// created is the answer to the creation of an issue.
type created struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Self string `json:"self"`
}

// add stores a new issue and tells the world.
func (s *store) add(issue *Issue) created {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counter[issue.Project]++
	issue.ID, issue.Key = s.nextID(), issue.Project+"-"+strconv.Itoa(s.counter[issue.Project])
	issue.Created = s.options.Now()
	issue.Updated = issue.Created
	s.issues = append(s.issues, issue)
	s.issueEvent("jira:issue_created", "issue_created", issue, []change{
		{"summary", "", issue.Summary}, {"labels", "", strings.Join(issue.Labels, " ")}, {"Status", "", issue.Status},
	})
	return created{issue.ID, issue.Key, s.issueURL(issue)}
}

func (s *store) issueURL(issue *Issue) string { return s.url + "/rest/api/2/issue/" + issue.ID }

func (s *Server) getIssue(r *http.Request) (answer, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	issue, err := s.store.find(r.PathValue("issue"))
	if err != nil {
		return answer{}, err
	}
	wanted := list(r.URL.Query()["fields"])
	if len(wanted) == 0 {
		wanted = []string{"*all"}
	}
	view := s.store.issueView(issue, wanted)
	if slices.Contains(list(r.URL.Query()["expand"]), "transitions") {
		view.Transitions = s.store.transitionViews(issue)
	}
	if keys := list(r.URL.Query()["properties"]); len(keys) > 0 {
		view.Properties = map[string]jsontext.Value{}
		for key, value := range issue.Properties {
			if slices.Contains(keys, key) || slices.Contains(keys, "*all") {
				view.Properties[key] = value.Clone()
			}
		}
	}
	return answer{http.StatusOK, view}, nil
}

// list splits parameters that hold several values, repeated or with commas.
func list(values []string) []string {
	var all []string
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			if one = strings.TrimSpace(one); one != "" {
				all = append(all, one)
			}
		}
	}
	return all
}

func (s *Server) updateIssue(r *http.Request) (answer, error) {
	var body issueBody
	if err := decode(r, &body); err != nil {
		return answer{}, err
	}
	read := s.reader(body.Fields)
	var edits []func(*Issue) change
	if _, ok := body.Fields["summary"]; ok {
		summary := read.summary()
		edits = append(edits, func(i *Issue) change { return set(&i.Summary, "summary", summary) })
	}
	if _, ok := body.Fields["description"]; ok {
		text := read.description()
		edits = append(edits, func(i *Issue) change { return set(&i.Description, "description", text) })
	}
	if _, ok := body.Fields["labels"]; ok {
		labels := read.labels()
		edits = append(edits, func(i *Issue) change {
			before := strings.Join(i.Labels, " ")
			i.Labels = labels
			return change{"labels", before, strings.Join(labels, " ")}
		})
	}
	edits = append(edits, editOthers(read.others(false))...)
	if read.rest(); len(read.errs) > 0 {
		return answer{}, refuseFields(read.errs)
	}
	if err := checkProperties(body.Properties); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, s.store.edit(r.PathValue("issue"), edits, body.Properties)
}

func set(field *string, name, value string) change {
	before := *field
	*field = value
	return change{name, before, value}
}

// edit changes an issue and tells the world about what became different.
func (s *store) edit(keyOrID string, edits []func(*Issue) change, properties []property) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	issue, err := s.change(keyOrID)
	if err != nil {
		return err
	}
	var changes []change
	for _, apply := range edits {
		if made := apply(issue); made.from != made.to {
			changes = append(changes, made)
		}
	}
	setProperties(issue.Properties, properties)
	if len(changes) > 0 {
		issue.Updated = s.options.Now()
		s.issueEvent("jira:issue_updated", "issue_updated", issue, changes)
	}
	return nil
}

func (s *Server) getIssueProperty(r *http.Request) (answer, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	issue, err := s.store.find(r.PathValue("issue"))
	if err != nil {
		return answer{}, err
	}
	return oneProperty(issue.Properties, r.PathValue("key"))
}

func oneProperty(properties map[string]jsontext.Value, key string) (answer, error) {
	value, ok := properties[key]
	if !ok {
		return answer{}, refuse(http.StatusNotFound, "The property with key "+strconv.Quote(key)+" does not exist.")
	}
	return answer{http.StatusOK, property{key, value.Clone()}}, nil
}
