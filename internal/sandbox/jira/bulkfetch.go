package jira

import (
	"net/http"
	"slices"
)

// maxFetched is how many issues one call fetches at most.
const maxFetched = 100

// fetchBody names issues by their ids or keys.
type fetchBody struct {
	IssueIDsOrKeys []string `json:"issueIdsOrKeys"`
	Fields         []string `json:"fields"`
	FieldsByKeys   bool     `json:"fieldsByKeys"`
	Properties     []string `json:"properties"`
	Expand         []string `json:"expand"`
}

// bulkFetch returns issues as they are, unlike a search, oldest first. Those that are not there are left away: issueErrors is for
// those that Jira could not read just then.
func (s *Server) bulkFetch(r *http.Request) (answer, error) {
	var asked fetchBody
	if err := decode(r, &asked); err != nil {
		return answer{}, err
	}
	if count := len(asked.IssueIDsOrKeys); count == 0 || count > maxFetched {
		return answer{}, refuse(http.StatusBadRequest, "issueIdsOrKeys must have from 1 to 100 entries.")
	}
	wanted := asked.Fields
	if len(wanted) == 0 {
		wanted = []string{"*navigable"}
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	views := []issueView{}
	for _, issue := range s.store.issues {
		if slices.Contains(asked.IssueIDsOrKeys, issue.ID) || slices.Contains(asked.IssueIDsOrKeys, issue.Key) {
			views = append(views, s.store.issueView(issue, wanted))
		}
	}
	return answer{http.StatusOK, map[string]any{"issues": views, "issueErrors": []any{}}}, nil
}
