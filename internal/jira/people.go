package jira

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"funnelweb/framework"
)

// accountID is how Cloud's account ids look: 24 hexadecimal digits of old, else a number, a colon and a UUID or another
// word.
var accountID = regexp.MustCompile(`^([0-9a-f]{24}|[0-9]{1,10}:[0-9A-Za-z-]{8,64})$`)

// foundUser is somebody whom a search gave.
type foundUser struct {
	AccountID   string `json:"accountId"` // Cloud
	Name        string `json:"name"`      // Data Center
	Email       string `json:"emailAddress"`
	DisplayName string `json:"displayName"`
}

type foundUsers []foundUser

func (*foundUsers) complete() bool { return true }

// user refers to a user in the way of the flavour: by account id on Cloud, by name on Data Center. Whoever is given by
// e-mail address or, on Cloud, by name is looked up among those to whom the project's tickets can be assigned.
func (c *Client) user(ctx context.Context, project, who string) (any, error) {
	switch {
	case c.flavor == Cloud && accountID.MatchString(who):
		return map[string]string{"accountId": who}, nil
	case c.flavor == DataCenter && !strings.Contains(who, "@"):
		return map[string]string{"name": who}, nil
	}
	return c.search(ctx, project, who)
}

// search looks somebody up among those to whom the project's tickets can be assigned.
func (c *Client) search(ctx context.Context, project, who string) (any, error) {
	parameter := "query"
	if c.flavor == DataCenter {
		parameter = "username"
	}
	query := url.Values{"project": {project}, parameter: {who}, "maxResults": {"50"}}
	op := operation{name: "find user", method: http.MethodGet, path: "rest/api/2/user/assignable/search?" + query.Encode(), needs: "Browse users and groups"}
	var found foundUsers
	err := c.call(ctx, op, &found)
	if failure, ok := errors.AsType[*framework.ServiceError](err); ok && failure.Status == http.StatusForbidden && failure.Permanent {
		return nil, &misfit{"the user of the token may not look for people: it needs the global permission Browse users and groups"}
	}
	if err != nil {
		return nil, err
	}
	chosen := found.called(who)
	switch {
	case len(chosen) == 0:
		return nil, &misfit{"nobody called " + quoted(who) + " can be assigned tickets of " + project}
	case len(chosen) > 1:
		return nil, &misfit{quoted(who) + " is the name of several users, give the account id of one"}
	case c.flavor == Cloud:
		return map[string]string{"accountId": chosen[0].AccountID}, nil
	default:
		return map[string]string{"name": chosen[0].Name}, nil
	}
}

// called leaves those whose name or address it is, and not only begins so. Whose address is hidden, as it often is on Cloud,
// was found by it all the same if nobody else was.
func (f foundUsers) called(who string) foundUsers {
	var chosen foundUsers
	for _, one := range f {
		if strings.EqualFold(one.Email, who) || strings.EqualFold(one.DisplayName, who) || strings.EqualFold(one.Name, who) {
			chosen = append(chosen, one)
		}
	}
	if chosen == nil && len(f) == 1 && f[0].Email == "" && strings.Contains(who, "@") {
		return f
	}
	return chosen
}
