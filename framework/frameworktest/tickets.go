package frameworktest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"funnelweb/framework"
)

// TicketCall names a method of framework.Tickets.
type TicketCall string

// The calls that can be told to fail.
const (
	Create      TicketCall = "Create"
	FindByLabel TicketCall = "FindByLabel"
	AddComment  TicketCall = "AddComment"
	EditComment TicketCall = "EditComment"
	FindComment TicketCall = "FindComment"
)

// Ticket is a ticket as RecordingTickets holds it.
type Ticket struct {
	Key       string
	CreatedAt time.Time
	framework.NewTicket
	Comments []TicketComment
}

// TicketComment is a comment as RecordingTickets holds it.
type TicketComment struct {
	ID, Mark string
	Body     framework.Document
	Edits    int // how often it was replaced
}

// RecordingTickets is a framework.Tickets that numbers tickets by project (SEC-1, SEC-2) and comments from 10001.
type RecordingTickets struct {
	Now       func() time.Time // Start when nil
	SearchLag time.Duration    // how long FindByLabel does not see a new ticket

	mu      sync.Mutex
	tickets []Ticket
	calls   []string
	planned map[TicketCall][]planned
	comment int
}

// planned is what an upcoming call returns.
type planned struct {
	err    error
	commit bool
}

// FailNext makes the next calls of a kind return the errors, in order, without doing anything; nil lets one through.
func (r *RecordingTickets) FailNext(call TicketCall, errs ...error) { r.plan(call, false, errs) }

// CommitThenFailNext makes the next calls do their work and then return the errors: the answer is lost.
func (r *RecordingTickets) CommitThenFailNext(call TicketCall, errs ...error) {
	r.plan(call, true, errs)
}

func (r *RecordingTickets) plan(call TicketCall, commit bool, errs []error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.planned == nil {
		r.planned = map[TicketCall][]planned{}
	}
	for _, err := range errs {
		r.planned[call] = append(r.planned[call], planned{err, commit})
	}
}

// Tickets returns all tickets, oldest first.
func (r *RecordingTickets) Tickets() []Ticket {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.tickets)
	for i := range all {
		all[i].Comments = slices.Clone(all[i].Comments)
	}
	return all
}

// Calls returns every call as its name and the texts that identify it: "Create SEC", "FindByLabel SEC fw-abc",
// "AddComment SEC-1 mark", "EditComment SEC-1 10001", "FindComment SEC-1 mark".
func (r *RecordingTickets) Calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// DeleteComments deletes all comments of a ticket, as a person may.
func (r *RecordingTickets) DeleteComments(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ticket := r.find(key); ticket != nil {
		ticket.Comments = nil
	}
}

// call records a call and does the work under the lock, unless the call was planned to fail before it.
func (r *RecordingTickets) call(ctx context.Context, call TicketCall, texts []string, work func() (string, error)) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, strings.Join(append([]string{string(call)}, texts...), " "))
	var plan planned
	if waiting := r.planned[call]; len(waiting) > 0 {
		plan, r.planned[call] = waiting[0], waiting[1:]
	}
	if plan.err != nil && !plan.commit {
		return "", plan.err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	result, err := work()
	if plan.err != nil {
		return "", plan.err
	}
	return result, err
}

// Create makes a ticket even when there is one like it, as a ticket system does.
func (r *RecordingTickets) Create(ctx context.Context, ticket framework.NewTicket) (string, error) {
	return r.call(ctx, Create, []string{ticket.Project}, func() (string, error) {
		if ticket.Project == "" || ticket.Type == "" || strings.TrimSpace(ticket.Summary) == "" {
			return "", refused("create issue", 400, "project, type and summary are required")
		}
		if slices.ContainsFunc(ticket.Labels, func(label string) bool { return label == "" || strings.ContainsAny(label, " \t\r\n") }) {
			return "", refused("create issue", 400, "a label is empty or contains spaces")
		}
		number := 1
		for _, other := range r.tickets {
			if other.Project == ticket.Project {
				number++
			}
		}
		key := ticket.Project + "-" + strconv.Itoa(number)
		r.tickets = append(r.tickets, Ticket{Key: key, CreatedAt: r.now(), NewTicket: ticket})
		return key, nil
	})
}

// FindByLabel finds the oldest ticket of the project with the label that is older than SearchLag.
func (r *RecordingTickets) FindByLabel(ctx context.Context, project, label string) (string, error) {
	return r.call(ctx, FindByLabel, []string{project, label}, func() (string, error) {
		for _, ticket := range r.tickets {
			seen := !r.now().Before(ticket.CreatedAt.Add(r.SearchLag))
			if seen && ticket.Project == project && slices.Contains(ticket.Labels, label) {
				return ticket.Key, nil
			}
		}
		return "", nil
	})
}

// AddComment adds a comment even when there is one with the mark.
func (r *RecordingTickets) AddComment(ctx context.Context, key, mark string, body framework.Document) (string, error) {
	return r.call(ctx, AddComment, []string{key, mark}, func() (string, error) {
		ticket := r.find(key)
		if ticket == nil {
			return "", refused("add comment", 404, "no such issue")
		}
		r.comment++
		id := strconv.Itoa(10_000 + r.comment)
		ticket.Comments = append(ticket.Comments, TicketComment{ID: id, Mark: mark, Body: body})
		return id, nil
	})
}

// EditComment replaces a comment, or returns framework.ErrNoComment.
func (r *RecordingTickets) EditComment(ctx context.Context, key, id, mark string, body framework.Document) error {
	_, err := r.call(ctx, EditComment, []string{key, id}, func() (string, error) {
		if ticket := r.find(key); ticket != nil {
			for i := range ticket.Comments {
				if comment := &ticket.Comments[i]; comment.ID == id {
					comment.Mark, comment.Body, comment.Edits = mark, body, comment.Edits+1
					return "", nil
				}
			}
		}
		return "", framework.ErrNoComment
	})
	return err
}

// FindComment finds the oldest comment with the mark.
func (r *RecordingTickets) FindComment(ctx context.Context, key, mark string) (string, error) {
	return r.call(ctx, FindComment, []string{key, mark}, func() (string, error) {
		ticket := r.find(key)
		if ticket == nil {
			return "", refused("read comments", 404, "no such issue")
		}
		for _, comment := range ticket.Comments {
			if comment.Mark == mark {
				return comment.ID, nil
			}
		}
		return "", nil
	})
}

// Link is below https://jira.example.com/browse/.
func (*RecordingTickets) Link(key string) string { return "https://jira.example.com/browse/" + key }

func (r *RecordingTickets) find(key string) *Ticket {
	for i := range r.tickets {
		if r.tickets[i].Key == key {
			return &r.tickets[i]
		}
	}
	return nil
}

func (r *RecordingTickets) now() time.Time {
	if r.Now == nil {
		return Start()
	}
	return r.Now()
}

func refused(op string, status int, reason string) error {
	return &framework.ServiceError{
		Service: "jira", Op: op, Status: status, Reason: reason, Permanent: true,
		Err: fmt.Errorf("refused by %T", new(RecordingTickets)),
	}
}
