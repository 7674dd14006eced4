package framework

import (
	"context"
	"errors"
)

// ErrNoComment says that a comment, or the ticket it was on, is gone.
var ErrNoComment = errors.New("no such comment")

// NewTicket is a ticket to be created.
type NewTicket struct {
	Project     string // key, such as SEC
	Type        string // name of the issue type, such as Task
	Summary     string // plain text; the ticket system cuts it to its limit and to one line
	Description Document
	Labels      []string // no spaces
}

// Tickets is the ticket system. Its errors are ServiceErrors.
type Tickets interface {
	// Create makes a ticket and returns its key. It is not idempotent: call it through Once.
	Create(ctx context.Context, ticket NewTicket) (key string, err error)
	// FindByLabel returns the key of the oldest ticket with the label, or "" when there is none to be seen (yet).
	FindByLabel(ctx context.Context, project, label string) (key string, err error)
	// AddComment adds a comment that carries the mark where people do not see it, and returns its id.
	AddComment(ctx context.Context, key, mark string, body Document) (id string, err error)
	// EditComment replaces a comment made by AddComment; ErrNoComment when somebody deleted it.
	EditComment(ctx context.Context, key, id, mark string, body Document) error
	// FindComment returns the id of the comment with the mark, or "" when there is none. It is a consistent read.
	FindComment(ctx context.Context, key, mark string) (id string, err error)
	// Link is where a person reads the ticket.
	Link(key string) string
}
