package jira

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"funnelweb/framework"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// The comment property that holds a mark. People do not see comment properties, but whoever may comment may set them.
	markProperty = "funnelweb"
	// The property that keeps a comment from a service project's customers (Jira Service Management, where comments made over
	// this API are the customers' to read unless it is set). Other projects do not know it.
	internalProperty = "sd.public.comment"
	commentPage      = 100
	// So many comments of a ticket are read at most. Cloud allows 5,000.
	maxComments = 10_000
)

var commentID = regexp.MustCompile(`^[0-9]{1,18}$`)

// comment is sent as it is here: go-jira's own type adds empty objects, which some sites refuse as an invalid payload.
type comment struct {
	Body       string            `json:"body"`
	Properties []commentProperty `json:"properties"`
}

type commentProperty struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

type markValue struct {
	Mark string `json:"mark"`
}

type internalValue struct {
	Internal bool `json:"internal"`
}

type storedComment struct {
	ID         string  `json:"id"`
	Author     account `json:"author"`
	Properties []struct {
		Key   string         `json:"key"`
		Value jsontext.Value `json:"value"` // of any type where another app made it
	} `json:"properties"`
}

func (s *storedComment) complete() bool { return commentID.MatchString(s.ID) }

func (c *Client) newComment(mark string, body framework.Document) comment {
	return comment{Body: c.markup(body), Properties: []commentProperty{{markProperty, markValue{mark}}, {internalProperty, internalValue{true}}}}
}

// AddComment adds a comment with the mark as its property, which a service project's customers do not see, and returns its id. It is not idempotent. A ticket that is
// gone is framework.ErrNoComment within the ServiceError.
func (c *Client) AddComment(ctx context.Context, key, mark string, body framework.Document) (string, error) {
	op := operation{name: "add comment", method: http.MethodPost, issue: key, needs: "Add Comments"}
	path, err := commentsPath(op, key)
	if err != nil {
		return "", err
	}
	op.path, op.body = path, c.newComment(mark, body)
	var added storedComment
	if err := c.call(ctx, op, &added); err != nil {
		return "", goneTicket(err)
	}
	return added.ID, nil
}

// EditComment replaces a comment. One that is gone is framework.ErrNoComment.
func (c *Client) EditComment(ctx context.Context, key, id, mark string, body framework.Document) error {
	op := operation{name: "edit comment", method: http.MethodPut, issue: key, needs: "Edit Own Comments"}
	path, err := commentsPath(op, key)
	if err != nil {
		return err
	}
	if !commentID.MatchString(id) {
		return invalid(op, "the comment's id is not a number")
	}
	op.path, op.body = path+"/"+id, c.newComment(mark, body)
	return goneTicket(c.call(ctx, op, new(storedComment)))
}

// goneTicket adds framework.ErrNoComment to a failure that says that there is no such ticket or comment.
func goneTicket(err error) error {
	var failure *framework.ServiceError
	if errors.As(err, &failure) && failure.Status == http.StatusNotFound && failure.Permanent {
		failure.Err = framework.ErrNoComment
	}
	return err
}

type commentList struct {
	Comments *[]storedComment `json:"comments"`
	Total    int              `json:"total"`
}

func (l *commentList) complete() bool { return l.Comments != nil }

// FindComment returns the id of the oldest comment of ours with the mark, or "". It reads the ticket's own comments, which is
// consistent, unlike a search. Another's comment with the mark, which we could not edit, is not ours.
func (c *Client) FindComment(ctx context.Context, key, mark string) (string, error) {
	op := operation{name: "read comments", method: http.MethodGet, needs: "Browse Projects"}
	path, err := commentsPath(op, key)
	if err != nil {
		return "", err
	}
	for start := 0; start < maxComments; {
		query := url.Values{
			"expand": {"properties"}, "orderBy": {"created"},
			"startAt": {strconv.Itoa(start)}, "maxResults": {strconv.Itoa(commentPage)},
		}
		op.path = path + "?" + query.Encode()
		var page commentList
		if err := c.call(ctx, op, &page); err != nil {
			return "", goneTicket(err)
		}
		for _, stored := range *page.Comments {
			if !stored.marked(mark) || !stored.complete() {
				continue
			}
			me, err := c.me(ctx)
			if err != nil {
				return "", err
			}
			if stored.Author == me {
				return stored.ID, nil
			}
		}
		start += len(*page.Comments)
		if len(*page.Comments) == 0 || start >= page.Total {
			return "", nil
		}
	}
	return "", nil
}

func (s *storedComment) marked(mark string) bool {
	for _, property := range s.Properties {
		var value markValue
		if property.Key == markProperty && json.Unmarshal(property.Value, &value) == nil && value.Mark == mark {
			return true
		}
	}
	return false
}

func commentsPath(op operation, key string) (string, error) {
	path, err := issuePath(op, key)
	return path + "/comment", err
}

// issuePath is the address of a ticket; the key is checked because it becomes part of a path.
func issuePath(op operation, key string) (string, error) {
	if !issueKey.MatchString(key) {
		return "", invalid(op, "the ticket's key is not of the form ABC-123")
	}
	return "rest/api/2/issue/" + key, nil
}
