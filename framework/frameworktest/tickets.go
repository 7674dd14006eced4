package frameworktest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

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
	AddLink     TicketCall = "AddLink"
	AddFile     TicketCall = "AddFile"
	FindFile    TicketCall = "FindFile"
	Status      TicketCall = "Status"
	Move        TicketCall = "Move"
)

// What a new ticket's status is, and the longest description or comment in runes.
const (
	firstStatus = "To Do"
	maxBody     = 32_767
)

// Ticket is a ticket as RecordingTickets holds it.
type Ticket struct {
	Key       string
	CreatedAt time.Time
	framework.NewTicket
	Comments []TicketComment
	Links    []framework.TicketLink
	Files    []framework.TicketFile
	Status   string // To Do at first
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
		all[i].Links, all[i].Files = slices.Clone(all[i].Links), slices.Clone(all[i].Files)
	}
	return all
}

// Calls returns every call as its name and the texts that identify it: "Create SEC", "FindByLabel SEC fw-abc",
// "AddComment SEC-1 mark", "EditComment SEC-1 10001", "FindComment SEC-1 mark", "AddLink SEC-1 id", "AddFile SEC-1 name",
// "FindFile SEC-1 name", "Status SEC-1", "Move SEC-1 Done".
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
		r.tickets = append(r.tickets, Ticket{Key: key, CreatedAt: r.now(), NewTicket: ticket, Status: firstStatus})
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

// on does the work on a ticket, or refuses it when there is none.
func (r *RecordingTickets) on(ctx context.Context, call TicketCall, op, key string, texts []string, work func(*Ticket) (string, error)) (string, error) {
	return r.call(ctx, call, append([]string{key}, texts...), func() (string, error) {
		ticket := r.find(key)
		if ticket == nil {
			return "", refused(op, 404, "no such issue")
		}
		return work(ticket)
	})
}

// Fits counts the runes of all texts.
func (*RecordingTickets) Fits(body framework.Document) bool { return runes(body) <= maxBody }

// runes counts the runes of a document's texts.
func runes(body framework.Document) int {
	size := 0
	count := func(spans framework.Paragraph) {
		for _, span := range spans {
			size += utf8.RuneCountInString(span.Text)
		}
	}
	for _, block := range body {
		switch b := block.(type) {
		case framework.Heading:
			size += utf8.RuneCountInString(b.Text)
		case framework.Preformatted:
			size += utf8.RuneCountInString(b.Text)
		case framework.Paragraph:
			count(b)
		case framework.Table:
			for _, row := range b.Rows {
				for _, cell := range row {
					count(cell)
				}
			}
		}
	}
	return size
}

// AddLink adds the link or replaces the one of its id.
func (r *RecordingTickets) AddLink(ctx context.Context, key string, link framework.TicketLink) error {
	_, err := r.on(ctx, AddLink, "add link", key, []string{link.ID}, func(ticket *Ticket) (string, error) {
		same := func(other framework.TicketLink) bool { return other.ID == link.ID }
		if at := slices.IndexFunc(ticket.Links, same); at >= 0 {
			ticket.Links[at] = link
			return "", nil
		}
		ticket.Links = append(ticket.Links, link)
		return "", nil
	})
	return err
}

// AddFile adds a file even when there is one of that name; its id is its number on the ticket.
func (r *RecordingTickets) AddFile(ctx context.Context, key string, file framework.TicketFile) (string, error) {
	return r.on(ctx, AddFile, "attach file", key, []string{file.Name}, func(ticket *Ticket) (string, error) {
		ticket.Files = append(ticket.Files, file)
		return strconv.Itoa(len(ticket.Files)), nil
	})
}

// FindFile finds the oldest file of that name.
func (r *RecordingTickets) FindFile(ctx context.Context, key, name string) (string, error) {
	return r.on(ctx, FindFile, "read files", key, []string{name}, func(ticket *Ticket) (string, error) {
		at := slices.IndexFunc(ticket.Files, func(f framework.TicketFile) bool { return f.Name == name })
		if at < 0 {
			return "", nil
		}
		return strconv.Itoa(at + 1), nil
	})
}

// Status returns what Move left.
func (r *RecordingTickets) Status(ctx context.Context, key string) (string, error) {
	return r.on(ctx, Status, "read status", key, nil, func(ticket *Ticket) (string, error) { return ticket.Status, nil })
}

// Move takes the transition's name for the status that it leads to, from any other.
func (r *RecordingTickets) Move(ctx context.Context, key, transition string) (string, error) {
	return r.on(ctx, Move, "move ticket", key, []string{transition}, func(ticket *Ticket) (string, error) {
		ticket.Status = transition
		return transition, nil
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
