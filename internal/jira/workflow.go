package jira

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"funnelweb/framework"
)

// maxLinkTitle and maxGlobalID bound a remote link in UTF-16 units (255 is Jira's limit for both).
const maxLinkTitle, maxGlobalID = 250, 255

// remoteLink is a link from a ticket to something elsewhere. Jira replaces the one with the same global id.
type remoteLink struct {
	GlobalID    string      `json:"globalId"`
	Application application `json:"application"`
	Object      linkObject  `json:"object"`
}

type application struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

type linkObject struct {
	URL   string `json:"url"`
	Title string `json:"title"`
}

type storedLink struct {
	ID int64 `json:"id"`
}

func (s *storedLink) complete() bool { return s.ID > 0 }

// AddLink adds a remote link or replaces the one of the same id.
func (c *Client) AddLink(ctx context.Context, key string, link framework.TicketLink) error {
	op := operation{name: "add link", method: http.MethodPost, issue: key, needs: "Link Issues"}
	path, err := issuePath(op, key)
	if err != nil {
		return err
	}
	target, err := url.Parse(link.URL)
	if err != nil || target.Host == "" || target.Scheme != "https" && target.Scheme != "http" {
		return invalid(op, "the link is not an absolute http or https address")
	}
	if link.ID == "" || width(link.ID) > maxGlobalID {
		return invalid(op, "the link's id is empty or too long")
	}
	op.path = path + "/remotelink"
	op.body = remoteLink{link.ID, application{"net.funnelweb", "Funnelweb"}, linkObject{target.String(), shortened(link.Title, maxLinkTitle)}}
	return c.call(ctx, op, new(storedLink))
}

type place struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// workflowState is where a ticket is and where it can go from there.
type workflowState struct {
	Fields struct {
		Status place `json:"status"`
	} `json:"fields"`
	Transitions []struct {
		place
		To place `json:"to"`
	} `json:"transitions"`
}

func (w *workflowState) complete() bool { return w.Fields.Status.Name != "" }

// Status returns the name of the ticket's status.
func (c *Client) Status(ctx context.Context, key string) (string, error) {
	state, err := c.workflow(ctx, operation{name: "read status", method: http.MethodGet, needs: "Browse Projects"}, key)
	return state.Fields.Status.Name, err
}

func (c *Client) workflow(ctx context.Context, op operation, key string) (workflowState, error) {
	var state workflowState
	path, err := issuePath(op, key)
	if err != nil {
		return state, err
	}
	op.path = path + "?fields=status&expand=transitions"
	return state, c.call(ctx, op, &state)
}

type move struct {
	Transition place `json:"transition"`
}

// Move moves a ticket by the transition of that name, or to the status of that name.
func (c *Client) Move(ctx context.Context, key, transition string) (string, error) {
	op := operation{name: "move ticket", method: http.MethodPost, issue: key, needs: "Transition Issues"}
	state, err := c.workflow(ctx, operation{name: op.name, method: http.MethodGet, needs: "Browse Projects"}, key)
	if err != nil {
		return "", err
	}
	if strings.EqualFold(state.Fields.Status.Name, transition) {
		return state.Fields.Status.Name, nil
	}
	var names []string
	var chosen, target place
	for _, one := range state.Transitions {
		names = append(names, one.Name+" (to "+one.To.Name+")")
		// The name of the transition counts before the one of where it leads.
		if strings.EqualFold(one.Name, transition) || chosen.ID == "" && strings.EqualFold(one.To.Name, transition) {
			chosen, target = one.place, one.To
		}
	}
	if !commentID.MatchString(chosen.ID) {
		return "", invalid(op, fmt.Sprintf("no transition %s leads from the status %s; there are: %s",
			framework.Line(transition, 60), framework.Line(state.Fields.Status.Name, 60), some(names)))
	}
	path, err := issuePath(op, key)
	if err != nil {
		return "", err
	}
	op.path, op.body = path+"/transitions", move{place{ID: chosen.ID}}
	if err := c.call(ctx, op, nothing{}); err != nil {
		return "", err
	}
	return target.Name, nil
}
