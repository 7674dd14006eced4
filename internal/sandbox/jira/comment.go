package jira

import (
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// commentPage is how many comments a page holds at most and by default.
const commentPage = 100

// commentBody is a request to add or to edit a comment. Cloud refuses every other member, such as the empty author
// that some client libraries send.
type commentBody struct {
	Body       string      `json:"body"`
	Visibility *Visibility `json:"visibility"`
	Properties []property  `json:"properties"`
}

func (b commentBody) check() error {
	switch {
	case b.Body == "":
		return refuseFields(map[string]string{"comment": "Comment body can not be empty!"})
	case length(b.Body) > maxText:
		return refuseFields(map[string]string{"comment": tooLong})
	}
	if v := b.Visibility; v != nil {
		if (v.Type != "group" && v.Type != "role") || (v.Value == "" && v.Identifier == "") {
			return refuse(http.StatusBadRequest, "Invalid request payload. Refer to the REST API documentation and try again.")
		}
	}
	return checkProperties(b.Properties)
}

// commentView is a comment as the REST interface and the webhooks show it.
type commentView struct {
	Self         string      `json:"self"`
	ID           string      `json:"id"`
	Author       userView    `json:"author"`
	UpdateAuthor userView    `json:"updateAuthor"`
	Body         string      `json:"body"`
	Created      string      `json:"created"`
	Updated      string      `json:"updated"`
	Visibility   *Visibility `json:"visibility,omitempty"`
	JSDPublic    *bool       `json:"jsdPublic,omitempty"`
	Properties   []property  `json:"properties,omitzero"`
}

func (s *store) commentView(issueID string, comment *Comment, properties bool) commentView {
	view := commentView{
		Self: s.url + "/rest/api/2/issue/" + issueID + "/comment/" + comment.ID, ID: comment.ID,
		Author: s.user(false), UpdateAuthor: s.user(false), Body: comment.Body,
		Created: when(comment.Created), Updated: when(comment.Updated), Visibility: comment.Visibility,
	}
	if s.options.Flavor == Cloud {
		view.JSDPublic = new(true)
	}
	if properties {
		view.Properties = listProperties(comment.Properties)
	}
	return view
}

func (s *store) commentViews(issueID string, properties bool) []commentView {
	views := []commentView{}
	for _, comment := range s.comments[issueID] {
		views = append(views, s.commentView(issueID, comment, properties))
	}
	return views
}

func expandsProperties(r *http.Request) bool {
	return slices.Contains(list(r.URL.Query()["expand"]), "properties")
}

func (s *Server) listComments(r *http.Request) (answer, error) {
	start, err := number(r, "startAt", 0, 1<<30)
	if err != nil {
		return answer{}, err
	}
	limit, err := number(r, "maxResults", commentPage, commentPage)
	if err != nil {
		return answer{}, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	issue, err := s.store.find(r.PathValue("issue"))
	if err != nil {
		return answer{}, err
	}
	views := s.store.commentViews(issue.ID, expandsProperties(r))
	total := len(views)
	if r.URL.Query().Get("orderBy") == "-created" {
		slices.Reverse(views)
	}
	views = views[min(start, total):min(start+limit, total)]
	return answer{http.StatusOK, map[string]any{
		"startAt": start, "maxResults": limit, "total": total, "comments": views,
	}}, nil
}

func (s *Server) addComment(r *http.Request) (answer, error) {
	var body commentBody
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
	now := s.options.Now()
	comment := &Comment{
		ID: s.store.nextID(), Body: body.Body, Visibility: body.Visibility,
		Created: now, Updated: now, Properties: map[string]jsontext.Value{},
	}
	setProperties(comment.Properties, body.Properties)
	s.store.comments[issue.ID] = append(s.store.comments[issue.ID], comment)
	issue.Updated = now
	s.store.commentEvent("comment_created", issue, comment)
	return answer{http.StatusCreated, s.store.commentView(issue.ID, comment, expandsProperties(r))}, nil
}

// findComment finds a comment of an issue; the lock is held.
func (s *store) findComment(issue *Issue, id string) (*Comment, error) {
	for _, comment := range s.comments[issue.ID] {
		if comment.ID == id {
			return comment, nil
		}
	}
	return nil, noComment(id)
}

func noComment(id string) error {
	return refuse(http.StatusNotFound, "Can not find a comment for the id: "+id+".")
}

func (s *Server) getComment(r *http.Request) (answer, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	issue, err := s.store.find(r.PathValue("issue"))
	if err != nil {
		return answer{}, err
	}
	comment, err := s.store.findComment(issue, r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, s.store.commentView(issue.ID, comment, expandsProperties(r))}, nil
}

func (s *Server) updateComment(r *http.Request) (answer, error) {
	var body commentBody
	if err := decode(r, &body); err != nil {
		return answer{}, err
	}
	if err := body.check(); err != nil {
		return answer{}, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	issue, comment, err := s.store.changeComment(r)
	if err != nil {
		return answer{}, err
	}
	comment.Body, comment.Visibility, comment.Updated = body.Body, body.Visibility, s.options.Now()
	setProperties(comment.Properties, body.Properties)
	issue.Updated = comment.Updated
	s.store.commentEvent("comment_updated", issue, comment)
	return answer{http.StatusOK, s.store.commentView(issue.ID, comment, expandsProperties(r))}, nil
}

// changeComment finds a comment in order to write to it; the lock is held.
func (s *store) changeComment(r *http.Request) (*Issue, *Comment, error) {
	issue, err := s.find(r.PathValue("issue"))
	if err != nil {
		return nil, nil, err
	}
	comment, err := s.findComment(issue, r.PathValue("id"))
	if err != nil {
		return nil, nil, err
	}
	_, err = s.change(issue.ID)
	return issue, comment, err
}

func (s *Server) deleteComment(r *http.Request) (answer, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	issue, comment, err := s.store.changeComment(r)
	if err != nil {
		return answer{}, err
	}
	comments := s.store.comments[issue.ID]
	at := slices.Index(comments, comment)
	s.store.comments[issue.ID] = slices.Delete(comments, at, at+1)
	issue.Updated = s.options.Now()
	s.store.commentEvent("comment_deleted", issue, comment)
	return answer{status: http.StatusNoContent}, nil
}

// anyComment finds a comment by its id alone; the lock is held.
func (s *store) anyComment(id string) (*Comment, error) {
	for _, issue := range s.issues {
		if comment, err := s.findComment(issue, id); err == nil {
			return comment, nil
		}
	}
	return nil, noComment(id)
}

func (s *Server) listCommentProperties(r *http.Request) (answer, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	id := r.PathValue("id")
	comment, err := s.store.anyComment(id)
	if err != nil {
		return answer{}, err
	}
	keys := []map[string]string{}
	for _, one := range listProperties(comment.Properties) {
		keys = append(keys, map[string]string{
			"key": one.Key, "self": s.url + "/rest/api/2/comment/" + id + "/properties/" + one.Key,
		})
	}
	return answer{http.StatusOK, map[string]any{"keys": keys}}, nil
}

func (s *Server) getCommentProperty(r *http.Request) (answer, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	comment, err := s.store.anyComment(r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	return oneProperty(comment.Properties, r.PathValue("key"))
}
