package jira

import (
	"maps"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func (s *Server) myself(*http.Request) (answer, error) {
	return answer{http.StatusOK, s.store.user(true)}, nil
}

func (s *Server) getProject(r *http.Request) (answer, error) {
	key, err := s.project(r)
	if err != nil {
		return answer{}, err
	}
	view := s.store.projectView(key)
	view["issueTypes"] = s.types(key)
	view["lead"] = s.store.user(false)
	return answer{http.StatusOK, view}, nil
}

func (s *Server) project(r *http.Request) (string, error) {
	asked := r.PathValue("project")
	for key := range s.options.Projects {
		if asked == key || asked == projectID(s.options.Projects, key) {
			return key, nil
		}
	}
	return "", refuse(http.StatusNotFound, "No project could be found with key '"+asked+"'.")
}

func (s *Server) types(project string) []map[string]any {
	views := []map[string]any{}
	for _, name := range s.options.Projects[project] {
		views = append(views, s.store.typeView(project, name))
	}
	return views
}

func (s *Server) listIssueTypes(r *http.Request) (answer, error) {
	key, err := s.project(r)
	if err != nil {
		return answer{}, err
	}
	types := s.types(key)
	body := map[string]any{"startAt": 0, "maxResults": 50, "total": len(types)}
	if s.options.Flavor == Cloud {
		body["issueTypes"] = types
	} else {
		body["values"], body["isLast"] = types, true
	}
	return answer{http.StatusOK, body}, nil
}

// linkBody is a request to add a remote link.
type linkBody struct {
	GlobalID     string         `json:"globalId"`
	Relationship string         `json:"relationship"`
	Application  jsontext.Value `json:"application"`
	Object       jsontext.Value `json:"object"`
}

func (b linkBody) check() error {
	var object struct {
		URL   string `json:"url"`
		Title string `json:"title"`
	}
	errs := map[string]string{}
	_ = json.Unmarshal(b.Object, &object) // an object that cannot be read lacks both
	if object.URL == "" {
		errs["url"] = "'url' is required."
	}
	if object.Title == "" {
		errs["title"] = "'title' is required."
	}
	if length(b.GlobalID) > 255 {
		errs["globalId"] = "'globalId' must be at most 255 characters."
	}
	if len(errs) > 0 {
		return refuseFields(errs)
	}
	return nil
}

// addRemoteLink adds a link, or replaces the one with the same global id.
func (s *Server) addRemoteLink(r *http.Request) (answer, error) {
	var body linkBody
	if err := decode(r, &body); err != nil {
		return answer{}, err
	}
	if err := body.check(); err != nil {
		return answer{}, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	issue, err := s.store.change(r.PathValue("issue"))
	if err != nil {
		return answer{}, err
	}
	for i, link := range issue.RemoteLinks {
		if body.GlobalID != "" && link.GlobalID == body.GlobalID {
			issue.RemoteLinks[i].Object = body.Object.Clone()
			return answer{http.StatusOK, s.linkView(issue, link)}, nil
		}
	}
	link := RemoteLink{ID: s.store.nextID(), GlobalID: body.GlobalID, Object: body.Object.Clone()}
	issue.RemoteLinks = append(issue.RemoteLinks, link)
	return answer{http.StatusCreated, s.linkView(issue, link)}, nil
}

func (s *Server) linkView(issue *Issue, link RemoteLink) map[string]any {
	id, _ := strconv.Atoi(link.ID) // made by nextID
	return map[string]any{"id": id, "self": s.store.issueURL(issue) + "/remotelink/" + link.ID}
}

func (s *Server) listRemoteLinks(r *http.Request) (answer, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	issue, err := s.store.find(r.PathValue("issue"))
	if err != nil {
		return answer{}, err
	}
	views := []map[string]any{}
	for _, link := range issue.RemoteLinks {
		if wanted := r.URL.Query().Get("globalId"); wanted != "" && wanted != link.GlobalID {
			continue
		}
		view := s.linkView(issue, link)
		view["globalId"], view["object"] = link.GlobalID, link.Object
		views = append(views, view)
	}
	return answer{http.StatusOK, views}, nil
}

func (s *Server) listTransitions(r *http.Request) (answer, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	issue, err := s.store.find(r.PathValue("issue"))
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, map[string]any{"expand": "transitions", "transitions": s.store.transitionViews(issue)}}, nil
}

// transitionViews are the transitions that lead from the issue's status to another one; the lock is held.
func (s *store) transitionViews(issue *Issue) []map[string]any {
	views := []map[string]any{}
	for _, one := range statuses() {
		if one.name == issue.Status {
			continue
		}
		views = append(views, map[string]any{
			"id": one.transition, "name": one.by, "to": s.statusView(one.name), "hasScreen": false, "isAvailable": true,
		})
	}
	return views
}

// transitionBody is a request for a transition. Its screen has no fields, so that these must be empty.
type transitionBody struct {
	Transition named                     `json:"transition"`
	Fields     map[string]jsontext.Value `json:"fields"`
	Update     map[string]jsontext.Value `json:"update"`
}

func (s *Server) doTransition(r *http.Request) (answer, error) {
	var body transitionBody
	if err := decode(r, &body); err != nil {
		return answer{}, err
	}
	read := s.reader(body.Fields)
	maps.Copy(read.given, body.Update)
	if read.rest(); len(read.errs) > 0 {
		return answer{}, refuseFields(read.errs)
	}
	current, ok := s.Issue(r.PathValue("issue"))
	for _, one := range statuses() {
		if body.Transition.ID == one.transition && (!ok || current.Status != one.name) {
			return answer{status: http.StatusNoContent}, s.store.edit(r.PathValue("issue"), []func(*Issue) change{
				func(i *Issue) change { return set(&i.Status, "status", one.name) },
			}, nil)
		}
	}
	return answer{}, refuse(http.StatusBadRequest, "Transition id '"+body.Transition.ID+"' is not valid for this issue.")
}
