package jira

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"regexp"
	"sync"
	"time"

	"funnelweb/framework"
)

// fileName keeps names out of trouble in headers, paths and on disks.
var fileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$`)

// form is an encoded multipart/form-data.
type form struct {
	body []byte
	kind string
}

func newForm(file framework.TicketFile) (*form, error) {
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	part, err := writer.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {mime.FormatMediaType("form-data", map[string]string{"name": "file", "filename": file.Name})},
		"Content-Type":        {file.Type},
	})
	if err != nil {
		return nil, err
	}
	if _, err := part.Write(file.Body); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return &form{body.Bytes(), writer.FormDataContentType()}, nil
}

type storedFile struct {
	ID     string  `json:"id"`
	Name   string  `json:"filename"`
	Author account `json:"author"`
}

type storedFiles []storedFile

func (s *storedFiles) complete() bool { return len(*s) > 0 && commentID.MatchString((*s)[0].ID) }

// AddFile attaches a file and returns its id. It is not idempotent. A file that is larger than this Jira takes is refused
// before it is sent.
func (c *Client) AddFile(ctx context.Context, key string, file framework.TicketFile) (string, error) {
	op := operation{name: "attach file", method: http.MethodPost, issue: key, needs: "Create Attachments"}
	path, err := issuePath(op, key)
	if err != nil {
		return "", err
	}
	if !fileName.MatchString(file.Name) {
		return "", invalid(op, "the name of a file is empty, too long or has other characters than letters, digits and -_.")
	}
	limit, err := c.uploadLimit(ctx)
	switch {
	case err != nil:
		return "", err
	case limit <= 0:
		return "", invalid(op, "attachments are turned off in this Jira")
	case int64(len(file.Body)) > limit:
		return "", invalid(op, fmt.Sprintf("the file %s has %d bytes, and this Jira takes %d", file.Name, len(file.Body), limit))
	}
	op.path = path + "/attachments"
	if op.form, err = newForm(file); err != nil {
		return "", invalid(op, "the file cannot be encoded")
	}
	var stored storedFiles
	if err := c.call(ctx, op, &stored); err != nil {
		return "", err
	}
	return stored[0].ID, nil
}

// uploads remembers how large a file may be.
type uploads struct {
	mu     sync.Mutex
	limit  int64
	readAt time.Time
}

type uploadMeta struct {
	Enabled *bool `json:"enabled"`
	Limit   int64 `json:"uploadLimit"`
}

func (u *uploadMeta) complete() bool { return u.Enabled != nil }

// uploadLimit is how many bytes a file may have, 0 where none may be attached.
func (c *Client) uploadLimit(ctx context.Context) (int64, error) {
	c.uploads.mu.Lock()
	limit, age := c.uploads.limit, c.now().Sub(c.uploads.readAt)
	c.uploads.mu.Unlock()
	if age >= 0 && age < screenLife {
		return limit, nil
	}
	var meta uploadMeta
	if err := c.call(ctx, operation{name: "read attachment settings", method: http.MethodGet, path: "rest/api/2/attachment/meta"}, &meta); err != nil {
		return 0, err
	}
	if limit = meta.Limit; !*meta.Enabled {
		limit = 0
	}
	c.uploads.mu.Lock()
	defer c.uploads.mu.Unlock()
	c.uploads.limit, c.uploads.readAt = limit, c.now()
	return limit, nil
}

type filesOfIssue struct {
	Fields *struct {
		Attachment []storedFile `json:"attachment"`
	} `json:"fields"`
}

func (f *filesOfIssue) complete() bool { return f.Fields != nil }

// FindFile returns the id of the first file of that name that we attached to the ticket, or "". It reads the ticket itself, which is
// consistent. Another's file of that name is not ours: it would keep the evidence off the ticket.
func (c *Client) FindFile(ctx context.Context, key, name string) (string, error) {
	op := operation{name: "read files", method: http.MethodGet, needs: "Browse Projects"}
	path, err := issuePath(op, key)
	if err != nil {
		return "", err
	}
	op.path = path + "?fields=attachment"
	var issue filesOfIssue
	if err := c.call(ctx, op, &issue); err != nil {
		return "", err
	}
	for _, file := range issue.Fields.Attachment {
		if file.Name != name || !commentID.MatchString(file.ID) {
			continue
		}
		me, err := c.me(ctx)
		if err != nil {
			return "", err
		}
		if file.Author == me {
			return file.ID, nil
		}
	}
	return "", nil
}
