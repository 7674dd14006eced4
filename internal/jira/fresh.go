package jira

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"funnelweb/framework"
)

// Cloud's search shows a new ticket after seconds, seldom minutes, and on a bad day hours; no answer tells how far behind it
// is. A call that names tickets by their keys does not ask the index. A project numbers its tickets one after the other,
// so that those which the search does not show yet have the numbers after, and around, the newest that it shows.

const (
	// So many keys go into one call (Jira Cloud REST, issue/bulkfetch, read 2026-11).
	freshPage = 100
	// Of the first page so many are before the newest that is shown: the index need not take tickets in their order.
	freshBefore = 50
	// So many pages are read at most: a search that is further behind is waited for.
	freshPages = 20
)

type fetchKeys struct {
	Keys   []string `json:"issueIdsOrKeys"`
	Fields []string `json:"fields"`
}

type fetchedIssue struct {
	Key    string `json:"key"`
	Fields struct {
		Labels []string `json:"labels"`
	} `json:"fields"`
}

// fetchedIssues are those of the keys that exist and that the user may see, also where they were moved to another project
// and have another key now. Failed are those that Jira could not read and that are worth another try.
type fetchedIssues struct {
	Issues *[]fetchedIssue `json:"issues"`
	Failed []struct{}      `json:"issueErrors"`
}

func (f *fetchedIssues) complete() bool {
	return f.Issues != nil && !slices.ContainsFunc(*f.Issues, func(one fetchedIssue) bool { return !issueKey.MatchString(one.Key) })
}

// findFresh returns the key of a ticket with the label that the search does not show yet, or "". Where more than 50 numbers in
// a row have no ticket, or none that the user may see, those behind them are not looked at.
func (c *Client) findFresh(ctx context.Context, project, label string) (string, error) {
	newest, err := c.newestShown(ctx, project)
	if err != nil {
		return "", err
	}
	start := max(1, newest-freshBefore+1)
	for range freshPages {
		fetched, err := c.fetch(ctx, project, start)
		if err != nil {
			return "", err
		}
		further := false
		for _, one := range fetched {
			if slices.Contains(one.Fields.Labels, label) {
				return one.Key, nil
			}
			further = further || numberIn(one.Key, project) > newest
		}
		if !further {
			return "", nil
		}
		start += freshPage
	}
	reason := "Jira's search is behind by more than " + strconv.Itoa(freshPages*freshPage-freshBefore) + " tickets"
	return "", &framework.ServiceError{Service: service, Op: "read new issues", Reason: reason}
}

// newestShown is the highest number of a ticket in the project that the search shows, 0 where it shows none.
func (c *Client) newestShown(ctx context.Context, project string) (int64, error) {
	key, err := c.searchOne(ctx, "project = "+quoteJQL(project)+" ORDER BY key DESC")
	return numberIn(key, project), err
}

// numberIn is the number of a ticket in the project, 0 for one of another project.
func numberIn(key, project string) int64 {
	text, ok := strings.CutPrefix(key, project+"-")
	number, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil {
		return 0
	}
	return number
}

// fetch reads the tickets of a project from a number on.
func (c *Client) fetch(ctx context.Context, project string, start int64) ([]fetchedIssue, error) {
	body := fetchKeys{Fields: []string{"labels"}}
	for number := start; number < start+freshPage; number++ {
		body.Keys = append(body.Keys, project+"-"+strconv.FormatInt(number, 10))
	}
	op := operation{
		name: "read new issues", method: http.MethodPost, path: "rest/api/2/issue/bulkfetch", body: body, needs: "Browse Projects", reads: true,
	}
	var fetched fetchedIssues
	if err := c.call(ctx, op, &fetched); err != nil {
		return nil, err
	}
	if len(fetched.Failed) > 0 {
		return nil, &framework.ServiceError{Service: service, Op: op.name, Reason: "Jira could not read all of them"}
	}
	return *fetched.Issues, nil
}

// searchOne returns the key of the first ticket that a search shows, or "".
func (c *Client) searchOne(ctx context.Context, jql string) (string, error) {
	query := url.Values{
		"jql":        {jql},
		"fields":     {"key"}, // Cloud's search/jql gives ids alone when no fields are asked for
		"maxResults": {"1"},
	}
	for range maxSearchPages {
		op := operation{name: "search issues", method: http.MethodGet, path: c.searchPath + "?" + query.Encode(), needs: "Browse Projects"}
		var found foundIssues
		if err := c.call(ctx, op, &found); err != nil {
			return "", err
		}
		if len(*found.Issues) > 0 {
			return (*found.Issues)[0].Key, nil
		}
		if found.Next == "" {
			return "", nil
		}
		query.Set("nextPageToken", found.Next)
	}
	return "", &framework.ServiceError{Service: service, Op: "search issues", Reason: "Jira gives empty pages without end"}
}
