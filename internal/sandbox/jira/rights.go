package jira

import (
	"net/http"
	"strings"
)

// permissionNames are the permissions of a project that automations use, as Jira's screens call them.
func permissionNames() map[string]string {
	return map[string]string{
		"BROWSE_PROJECTS": "Browse Projects", "CREATE_ISSUES": "Create Issues", "ADD_COMMENTS": "Add Comments",
		"EDIT_OWN_COMMENTS": "Edit Own Comments", "CREATE_ATTACHMENTS": "Create Attachments", "TRANSITION_ISSUES": "Transition Issues",
		"LINK_ISSUES": "Link Issues", "ASSIGN_ISSUES": "Assign Issues", "EDIT_ISSUES": "Edit Issues",
	}
}

// permissions tells what the one user may do in a project: everything. Cloud wants to be told which permissions are meant,
// and knows no others; Data Center gives all.
func (s *Server) permissions(r *http.Request) (answer, error) {
	query := r.URL.Query()
	if key := query.Get("projectKey"); key != "" {
		if _, ok := s.options.Projects[key]; !ok {
			return answer{}, refuse(http.StatusNotFound, "No project could be found with key '"+key+"'.")
		}
	}
	names := permissionNames()
	if s.options.Flavor == Cloud {
		asked := query.Get("permissions")
		if asked == "" {
			return answer{}, refuse(http.StatusBadRequest, "The 'permissions' query parameter is required.")
		}
		wanted := map[string]string{}
		for key := range strings.SplitSeq(asked, ",") {
			name, ok := names[key]
			if !ok {
				return answer{}, refuse(http.StatusBadRequest, "Unrecognized permission: "+key)
			}
			wanted[key] = name
		}
		names = wanted
	}
	views := map[string]any{}
	for key, name := range names {
		views[key] = map[string]any{"key": key, "name": name, "type": "PROJECT", "havePermission": true}
	}
	return answer{http.StatusOK, map[string]any{"permissions": views}}, nil
}

// serverInfo tells which flavour it is. Data Center calls itself Server.
func (s *Server) serverInfo(*http.Request) (answer, error) {
	info := map[string]any{"baseUrl": s.url, "version": "1001.0.0-SNAPSHOT", "deploymentType": "Cloud", "serverTitle": "Jira"}
	if s.options.Flavor == DataCenter {
		info["version"], info["deploymentType"] = "10.3.1", "Server"
	}
	return answer{http.StatusOK, info}, nil
}
