package jira

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// User is somebody to whom issues can be assigned.
type User struct {
	Email string // what stands before the @ is the name on Data Center
	Name  string // as it is shown
	// Private says that the e-mail address is not shown to others, as is usual on Cloud; it finds its owner all the same.
	Private bool
}

// AccountID is the user's account id on Cloud.
func (u User) AccountID() string {
	hash := sha256.Sum256([]byte(u.Email))
	return "712020:" + hex.EncodeToString(hash[:16])
}

func (u User) login() string {
	name, _, _ := strings.Cut(u.Email, "@")
	return name
}

func (s *store) personView(u User) userView {
	view := userView{DisplayName: u.Name, Active: true, TimeZone: "Etc/UTC"}
	if !u.Private {
		view.EmailAddress = u.Email
	}
	if s.options.Flavor == Cloud {
		view.AccountID, view.AccountType = u.AccountID(), "atlassian"
		view.Self = s.url + "/rest/api/2/user?accountId=" + view.AccountID
		return view
	}
	view.Name, view.Key = u.login(), "JIRAUSER-"+u.login()
	view.Self = s.url + "/rest/api/2/user?username=" + view.Name
	return view
}

// assignable finds users of a project by the beginning of a name or of an e-mail address. The flavours call what is looked
// for differently, and each refuses the other's name of it.
func (s *Server) assignable(r *http.Request) (answer, error) {
	query := r.URL.Query()
	wanted, other := "query", "username"
	if s.options.Flavor == DataCenter {
		wanted, other = other, wanted
	}
	switch {
	case s.options.Flavor == Cloud && query.Has(other):
		return answer{}, refuse(http.StatusBadRequest, "The query parameter 'username' is not supported in GDPR strict mode.")
	case !query.Has(wanted):
		return answer{}, refuse(http.StatusBadRequest, "The "+wanted+" query parameter was not provided")
	}
	if _, ok := s.options.Projects[query.Get("project")]; !ok {
		return answer{}, refuse(http.StatusNotFound, "No project could be found with key '"+query.Get("project")+"'.")
	}
	limit, err := number(r, "maxResults", 50, 1000)
	if err != nil {
		return answer{}, err
	}
	text, views := strings.ToLower(query.Get(wanted)), []userView{}
	for _, user := range s.options.Users {
		words := append(strings.Fields(user.Name), user.Name, user.Email, user.login())
		if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(strings.ToLower(w), text) }) && len(views) < limit {
			views = append(views, s.store.personView(user))
		}
	}
	return answer{http.StatusOK, views}, nil
}

func (f *fieldReader) checkUser(value jsontext.Value) string {
	var who struct {
		AccountID *string `json:"accountId"`
		Name      *string `json:"name"`
	}
	if json.Unmarshal(value, &who) != nil {
		return "data was not an object"
	}
	if f.flavor == Cloud {
		if who.Name != nil || who.AccountID == nil {
			return "'accountId' must be the only user identifying query parameter in GDPR strict mode."
		}
		if !slices.ContainsFunc(f.users, func(u User) bool { return u.AccountID() == *who.AccountID }) {
			return "User '" + *who.AccountID + "' cannot be assigned issues."
		}
		return ""
	}
	if who.Name == nil {
		return "expected 'name' property to be provided"
	}
	if !slices.ContainsFunc(f.users, func(u User) bool { return u.login() == *who.Name }) {
		return "User '" + *who.Name + "' does not exist."
	}
	return ""
}
