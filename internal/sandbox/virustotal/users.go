package virustotal

import (
	"fmt"
	"net/http"
)

// Owner is the id of the user whose key it is.
const Owner = "lab-soc"

// unlimited stands for no limit, in a quota that VirusTotal always writes as a number.
const unlimited = 1_000_000_000

// user tells about a user what VirusTotal tells the owner of a key about itself, the key included; about others next to
// nothing. It takes nothing from the quota.
func (s *Server) user(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") != Owner {
		refuse(w, http.StatusNotFound, "NotFoundError", fmt.Sprintf("User %q not found", r.PathValue("id")))
		return
	}
	allowed := s.options.PerDay
	if allowed == 0 {
		allowed = unlimited
	}
	s.mutex.Lock()
	used := s.taken[s.options.Now().UTC().Format("2006-01-02")]
	s.mutex.Unlock()
	answer(w, http.StatusOK, map[string]any{"data": map[string]any{
		"id": Owner, "type": "user", "links": map[string]any{"self": s.URL() + "/users/" + Owner},
		"attributes": map[string]any{
			"apikey": s.options.Key.Reveal(), "first_name": "SOC", "status": "active",
			"quotas": map[string]any{
				"api_requests_daily":   map[string]any{"allowed": allowed, "used": used},
				"api_requests_monthly": map[string]any{"allowed": 31 * allowed, "used": used},
			},
		},
	}})
}
