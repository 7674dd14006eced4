package jira

import (
	"net/http"
	"slices"
	"strconv"
)

// maxResults is how many issues Cloud's search returns at most, and the default of both flavours.
const (
	maxResults     = 5000
	defaultResults = 50
)

// query is a search of either flavour; parameters of one that the other does not know are refused.
type query struct {
	JQL        string   `json:"jql"`
	Fields     []string `json:"fields"`
	MaxResults *int     `json:"maxResults"`
	Expand     any      `json:"expand"`

	NextPageToken   string `json:"nextPageToken"`
	ReconcileIssues []int  `json:"reconcileIssues"`
	FieldsByKeys    bool   `json:"fieldsByKeys"`

	StartAt       int  `json:"startAt"`
	ValidateQuery *any `json:"validateQuery"`
}

func (s *Server) searchRoutes(routes map[string]handle) {
	if s.options.Flavor == DataCenter {
		routes["GET /rest/api/2/search"] = s.searchDataCenter
		routes["POST /rest/api/2/search"] = s.searchDataCenter
		return
	}
	routes["GET /rest/api/2/search/jql"] = s.searchCloud
	routes["POST /rest/api/2/search/jql"] = s.searchCloud
	routes["POST /rest/api/2/issue/bulkfetch"] = s.bulkFetch
	for _, path := range []string{"/rest/api/2/search", "/rest/api/3/search"} {
		routes["GET "+path] = removed
		routes["POST "+path] = removed
	}
}

// removed is Cloud's answer where search was (CHANGE-2046).
func removed(*http.Request) (answer, error) {
	return answer{}, refuse(http.StatusGone, "The requested API has been removed. Please migrate to the "+
		"/rest/api/3/search/jql API. A full migration guideline is available at "+
		"https://developer.atlassian.com/changelog/#CHANGE-2046")
}

func readQuery(r *http.Request) (query, error) {
	var asked query
	if r.Method == http.MethodPost {
		return asked, decode(r, &asked)
	}
	values := r.URL.Query()
	asked.JQL, asked.NextPageToken = values.Get("jql"), values.Get("nextPageToken")
	asked.Fields = list(values["fields"])
	if values.Has("maxResults") {
		limit, err := number(r, "maxResults", 0, maxResults)
		if err != nil {
			return asked, err
		}
		asked.MaxResults = &limit
	}
	for _, id := range list(values["reconcileIssues"]) {
		number, err := strconv.Atoi(id)
		if err != nil {
			return asked, refuse(http.StatusBadRequest, "reconcileIssues must be ids of issues.")
		}
		asked.ReconcileIssues = append(asked.ReconcileIssues, number)
	}
	start, err := number(r, "startAt", 0, 1<<30)
	asked.StartAt = start
	return asked, err
}

// limit is how many issues a page holds. Zero counts as the default.
func (q query) limit() int {
	if q.MaxResults == nil || *q.MaxResults <= 0 {
		return defaultResults
	}
	return min(*q.MaxResults, maxResults)
}

// searchCloud is the search that is eventually consistent, knows no total and shows ids unless asked for more.
func (s *Server) searchCloud(r *http.Request) (answer, error) {
	asked, err := readQuery(r)
	if err != nil {
		return answer{}, err
	}
	if asked.StartAt != 0 || asked.ValidateQuery != nil || len(asked.ReconcileIssues) > 50 {
		return answer{}, refuse(http.StatusBadRequest, "Invalid request payload. Refer to the REST API documentation and try again.")
	}
	jql, err := parseJQL(asked.JQL)
	if err != nil {
		return answer{}, err
	}
	if len(jql.terms) == 0 {
		const text = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
		return answer{}, refuse(http.StatusBadRequest, text)
	}
	start := 0
	if asked.NextPageToken != "" {
		if start, err = strconv.Atoi(asked.NextPageToken); err != nil || start < 0 {
			return answer{}, refuse(http.StatusBadRequest, "The provided next page token is invalid.")
		}
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	found, err := s.store.search(jql, func(issue *Issue) bool {
		id, _ := strconv.Atoi(issue.ID) // made by nextID
		return s.options.Now().Sub(issue.Created) >= s.options.SearchLag || slices.Contains(asked.ReconcileIssues, id)
	})
	if err != nil {
		return answer{}, err
	}
	end := min(start+asked.limit(), len(found))
	body := map[string]any{"isLast": end == len(found)}
	if end < len(found) {
		body["nextPageToken"] = strconv.Itoa(end)
	}
	views := []issueView{}
	for _, issue := range found[min(start, end):end] {
		if len(asked.Fields) == 0 || slices.Equal(asked.Fields, []string{"id"}) {
			views = append(views, issueView{ID: issue.ID})
			continue
		}
		views = append(views, s.store.issueView(issue, asked.Fields))
	}
	body["issues"] = views
	return answer{http.StatusOK, body}, nil
}

// searchDataCenter is the search that sees everything at once and pages by number.
func (s *Server) searchDataCenter(r *http.Request) (answer, error) {
	asked, err := readQuery(r)
	if err != nil {
		return answer{}, err
	}
	jql, err := parseJQL(asked.JQL)
	if err != nil {
		return answer{}, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	found, err := s.store.search(jql, func(*Issue) bool { return true })
	if err != nil {
		return answer{}, err
	}
	fields := asked.Fields
	if len(fields) == 0 {
		fields = []string{"*navigable"}
	}
	views := []issueView{}
	end := min(asked.StartAt+asked.limit(), len(found))
	for _, issue := range found[min(asked.StartAt, end):end] {
		views = append(views, s.store.issueView(issue, fields))
	}
	return answer{http.StatusOK, map[string]any{
		"expand": "names,schema", "startAt": asked.StartAt, "maxResults": asked.limit(), "total": len(found), "issues": views,
	}}, nil
}

// search returns the visible issues that match, in the order of the query; the lock is held.
func (s *store) search(jql jql, visible func(*Issue) bool) ([]*Issue, error) {
	for _, term := range jql.terms {
		if term.field != "project" {
			continue
		}
		for _, value := range term.values {
			if _, ok := s.options.Projects[value]; !ok {
				return nil, refuse(http.StatusBadRequest, "The value '"+value+"' does not exist for the field 'project'.")
			}
		}
	}
	var found []*Issue
	for _, issue := range s.issues { // oldest first
		if visible(issue) && jql.matches(issue) {
			found = append(found, issue)
		}
	}
	if jql.newestFirst {
		slices.Reverse(found)
	}
	return found, nil
}
