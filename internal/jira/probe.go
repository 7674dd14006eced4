package jira

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"funnelweb/framework"
)

var (
	_ framework.Prober       = (*Client)(nil)
	_ framework.TicketProber = (*Client)(nil)
)

// whoAmI is who Jira takes us for.
type whoAmI struct {
	account

	DisplayName string `json:"displayName"`
	Email       string `json:"emailAddress"` // absent where the profile hides it
}

// siteInfo is what a site says about itself, to anybody.
type siteInfo struct {
	Deployment string `json:"deploymentType"` // Cloud or Server
	Version    string `json:"version"`
}

func (s *siteInfo) complete() bool { return s.Deployment != "" }

// Probe signs in and compares the flavour.
func (c *Client) Probe(ctx context.Context) []framework.Probed {
	var me whoAmI
	signIn := framework.Try(c.now, "sign in", func() (string, error) {
		err := c.call(ctx, operation{name: "sign in", method: http.MethodGet, path: "rest/api/2/myself"}, &me)
		return "as " + me.called(), err
	})
	if !signIn.OK {
		return []framework.Probed{signIn}
	}
	return []framework.Probed{signIn, c.probeFlavor(ctx)}
}

func (w whoAmI) called() string {
	login := cmp.Or(w.Email, w.Name, w.AccountID)
	if w.DisplayName == "" || w.DisplayName == login {
		return framework.Line(login, 100)
	}
	return framework.Line(w.DisplayName, 100) + " (" + framework.Line(login, 100) + ")"
}

func (c *Client) probeFlavor(ctx context.Context) framework.Probed {
	var site siteInfo
	probed := framework.Try(c.now, "flavor", func() (string, error) {
		err := c.call(ctx, operation{name: "read the flavour", method: http.MethodGet, path: "rest/api/2/serverInfo"}, &site)
		return c.flavor + ", Jira " + framework.Line(site.Version, 40), err
	})
	found := DataCenter
	if site.Deployment == "Cloud" {
		found = Cloud
	}
	if probed.OK && found != c.flavor {
		probed.OK, probed.Detail = false, "this site is "+found+" and the configuration says "+c.flavor
		probed.Advice = "set jira.flavor to " + found
	}
	return probed
}

// right is a permission of a project that a plan needs.
type right struct{ key, name string }

// rights are those that every ticket and its living comment need, and those of what else the plan does.
func rights(plan framework.TicketPlan) []right {
	needed := []right{{"BROWSE_PROJECTS", "Browse Projects"}}
	if plan.Project != "" {
		needed = append(needed, right{"CREATE_ISSUES", "Create Issues"})
	}
	needed = append(needed,
		right{"ADD_COMMENTS", "Add Comments"},
		right{"EDIT_OWN_COMMENTS", "Edit Own Comments"},
		right{"CREATE_ATTACHMENTS", "Create Attachments"}, // of what a description or comment has no room for
	)
	if plan.Assignee != "" {
		needed = append(needed, right{"ASSIGN_ISSUES", "Assign Issues"})
	}
	if plan.Transition != "" {
		needed = append(needed, right{"TRANSITION_ISSUES", "Transition Issues"})
	}
	if plan.Links {
		needed = append(needed, right{"LINK_ISSUES", "Link Issues"})
	}
	return needed
}

// grants are our permissions in a project.
type grants struct {
	Permissions map[string]struct {
		Have bool `json:"havePermission"`
	} `json:"permissions"`
}

func (g *grants) complete() bool { return g.Permissions != nil }

// ProbeTickets asks for our permissions in the project and for the create screen, and makes no ticket.
func (c *Client) ProbeTickets(ctx context.Context, plan framework.TicketPlan) []framework.Probed {
	if plan.Project == "" {
		return []framework.Probed{c.probeAnywhere(ctx, plan)}
	}
	permissions, seen := c.probeRights(ctx, plan)
	if !seen {
		return []framework.Probed{permissions}
	}
	return []framework.Probed{permissions, c.probeScreen(ctx, plan)}
}

// probeRights also reports whether the project can be looked at further.
func (c *Client) probeRights(ctx context.Context, plan framework.TicketPlan) (probed framework.Probed, seen bool) {
	var lacking []string
	missing := false
	probed = framework.Try(c.now, "project "+plan.Project, func() (names string, err error) {
		names, lacking, err = c.rights(ctx, plan)
		failure, ok := errors.AsType[*framework.ServiceError](err)
		missing = ok && failure.Status == http.StatusNotFound
		return "may " + names, err
	})
	switch {
	case missing || slices.Contains(lacking, "Browse Projects"):
		probed.OK, probed.Detail = false, "there is no project "+plan.Project+", or the user of the token may not see it"
		probed.Advice = "correct the key, or grant the user Browse Projects in the permission scheme of the project"
		return probed, false
	case len(lacking) > 0:
		probed.OK, probed.Detail = false, "the user of the token lacks "+strings.Join(lacking, ", ")
		probed.Advice = "grant it in the permission scheme of the project, to a role or group that the user is in"
	}
	return probed, probed.OK || len(lacking) > 0
}

// probeAnywhere looks whether there is a project in which tickets of others can be commented on. In which ones they are to be is not
// known before there is an event.
func (c *Client) probeAnywhere(ctx context.Context, plan framework.TicketPlan) framework.Probed {
	var lacking []string
	probed := framework.Try(c.now, "tickets of others", func() (names string, err error) {
		names, lacking, err = c.rights(ctx, plan)
		return "may, in one project at least, " + names, err
	})
	if probed.OK && len(lacking) > 0 {
		probed.OK, probed.Detail = false, "the user of the token lacks, in every project, "+strings.Join(lacking, ", ")
		probed.Advice = "grant it in the permission scheme of the projects, to a role or group that the user is in"
	}
	return probed
}

// rights names those that a plan needs, and those of them that we lack. Without a project a right is lacking that we have in none.
func (c *Client) rights(ctx context.Context, plan framework.TicketPlan) (names string, lacking []string, err error) {
	var keys, all []string
	for _, one := range rights(plan) {
		keys, all = append(keys, one.key), append(all, one.name)
	}
	query := url.Values{"permissions": {strings.Join(keys, ",")}} // Cloud wants them named
	if plan.Project != "" {
		query.Set("projectKey", plan.Project)
	}
	var granted grants
	op := operation{name: "read permissions", method: http.MethodGet, path: "rest/api/2/mypermissions?" + query.Encode()}
	if err := c.call(ctx, op, &granted); err != nil {
		return "", nil, err
	}
	for _, one := range rights(plan) {
		if !granted.Permissions[one.key].Have {
			lacking = append(lacking, one.name)
		}
	}
	return strings.Join(all, ", "), lacking, nil
}

// probeScreen looks whether the fields that are set are on the screen and take the values that are known, and whether those that
// are required are set.
func (c *Client) probeScreen(ctx context.Context, plan framework.TicketPlan) framework.Probed {
	op := operation{name: "read the create screen", method: http.MethodGet}
	var unset []string
	probed := framework.Try(c.now, "new "+framework.Line(plan.Type, 60)+" in "+plan.Project, func() (string, error) {
		screen, err := c.screen(ctx, plan.Project, plan.Type)
		if err != nil {
			return "", err
		}
		set := map[string]any{}
		for _, one := range planned(plan) {
			found, err := c.find(ctx, op, screen, one.Name)
			if err != nil {
				return "", err
			}
			set[found.ID] = true
			wrong, err := c.probeValue(ctx, screen.project, found, one.Values)
			switch {
			case err != nil:
				return "", err
			case wrong != "" && found.Required:
				return "", invalid(op, "the field "+found.called()+" is required and cannot be set: "+wrong)
			case wrong != "":
				unset = append(unset, found.Name+": "+wrong)
			}
		}
		if err := screen.missing(op, set); err != nil {
			return "", err
		}
		detail := fmt.Sprintf("%d fields on the screen, all that are required are set", len(screen.fields))
		if plan.Transition != "" {
			detail += "; whether " + framework.Line(plan.Transition, 60) + " leads on from there is seen with the first ticket"
		}
		return detail, nil
	})
	if probed.OK && len(unset) > 0 {
		probed.Advice = "tickets will go without these, and say so: " + strings.Join(unset, "; ")
	}
	return probed
}

// planned are all fields that a plan sets.
func planned(plan framework.TicketPlan) []framework.TicketField {
	fields := slices.Clone(plan.Fields)
	if plan.Assignee != "" {
		fields = append(fields, framework.TicketField{Name: "assignee", Values: []string{plan.Assignee}})
	}
	return fields
}

// probeValue says why a field does not take values, or returns "". On Data Center a user name is looked for, too, which a ticket
// with it is not worth.
func (c *Client) probeValue(ctx context.Context, project string, f field, values []string) (wrong string, err error) {
	_, err = c.value(ctx, project, f, values)
	if err == nil && f.Schema.Type == "user" && c.flavor == DataCenter && len(values) == 1 {
		_, err = c.search(ctx, project, strings.TrimSpace(values[0]))
	}
	if misfit, ok := errors.AsType[*misfit](err); ok {
		return misfit.reason, nil
	}
	return "", err
}
