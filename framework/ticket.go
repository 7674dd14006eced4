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
	Priority    string   // its name; the project's default when empty
	Assignee    string   // account id, e-mail address or user name; nobody when empty
	Fields      []TicketField
}

// TicketField is a further field of a ticket. What its values become is decided by the type that the ticket system gives
// to the field: a number, a choice, a person, a list.
type TicketField struct {
	Name   string   // as people see it, or its id
	Values []string // plain text; blank ones are left out, and a field that has no other is not set
}

// TicketLink leads from a ticket to something elsewhere.
type TicketLink struct {
	ID    string // the same for the same thing; at most 255 characters
	URL   string // an absolute http or https URL made by us or by a configured service, never one that came in as data
	Title string // plain text
}

// TicketFile is a file on a ticket.
type TicketFile struct {
	Name string // letters, digits and any of - _ . alone; at most 100 of them
	Type string // its media type, such as text/csv
	Body []byte
}

// Tickets is the ticket system. Its errors are ServiceErrors, or a Wait where a ticket must not be written to yet.
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
	// Fits reports whether a description or comment of this body would be shown whole. What does not fit is cut off with a note.
	Fits(body Document) bool
	// AddLink adds the link, or replaces the ticket's link of the same id: it is idempotent.
	AddLink(ctx context.Context, key string, link TicketLink) error
	// AddFile attaches the file and returns its id. It is not idempotent: call it through Once.
	AddFile(ctx context.Context, key string, file TicketFile) (id string, err error)
	// FindFile returns the id of the ticket's oldest file of that name, or "" when there is none. It is a consistent read.
	FindFile(ctx context.Context, key, name string) (id string, err error)
	// Status returns the name of the ticket's status. It is a consistent read.
	Status(ctx context.Context, key string) (string, error)
	// Move moves the ticket by the transition of that name, or to the status of that name, and returns the name of its new
	// status. A ticket that is in that status stays there.
	Move(ctx context.Context, key, transition string) (status string, err error)
	// Link is where a person reads the ticket.
	Link(key string) string
}
