package jira

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// uploadLimit is how many bytes an attachment may have unless the options say otherwise: Data Center's default.
const uploadLimit = 10 << 20

// Attachment is a file on an issue.
type Attachment struct {
	ID, Name, Type string
	Created        time.Time
	Body           []byte
}

// attachmentMeta tells how large a file may be.
func (s *Server) attachmentMeta(*http.Request) (answer, error) {
	return answer{http.StatusOK, map[string]any{"enabled": s.options.UploadLimit > 0, "uploadLimit": max(0, s.options.UploadLimit)}}, nil
}

// attach takes files from a form. What the form holds is not JSON, so that a browser could send it from another site:
// Jira wants a header that a browser would not send.
func (s *Server) attach(w http.ResponseWriter, r *http.Request) {
	if !s.authenticate(w, r) {
		return
	}
	if r.Header.Get("X-Atlassian-Token") != "no-check" {
		http.Error(w, "XSRF check failed", http.StatusForbidden)
		return
	}
	got, err := s.takeFiles(r)
	if refused, ok := errors.AsType[*refusal](err); ok {
		for name, value := range refused.header {
			w.Header().Set(name, value)
		}
		write(w, refused.status, refused)
		return
	}
	write(w, got.status, got.body)
}

func (s *Server) takeFiles(r *http.Request) (answer, error) {
	if s.options.UploadLimit <= 0 {
		return answer{}, refuse(http.StatusForbidden, "You do not have permission to create attachments for this issue")
	}
	files, err := s.readForm(r)
	if err != nil {
		return answer{}, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	issue, err := s.store.change(r.PathValue("issue"))
	if err != nil {
		return answer{}, err
	}
	views := []map[string]any{}
	for _, file := range files {
		file.ID, file.Created = s.store.nextID(), s.options.Now()
		issue.Attachments = append(issue.Attachments, file)
		views = append(views, s.store.attachmentView(file))
	}
	issue.Updated = s.options.Now()
	s.store.issueEvent("jira:issue_updated", "issue_updated", issue, []change{{"Attachment", "", files[0].Name}})
	return answer{http.StatusOK, views}, nil
}

func (s *Server) readForm(r *http.Request) ([]Attachment, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return nil, refuse(http.StatusUnsupportedMediaType, "The request must be multipart/form-data.")
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "The form could not be read.")
	}
	var files []Attachment
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "The form could not be read.")
		}
		if part.FormName() != "file" || part.FileName() == "" {
			continue // Jira looks at nothing else
		}
		body, err := io.ReadAll(io.LimitReader(part, int64(s.options.UploadLimit)+1))
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "The form could not be read.")
		}
		if len(body) > s.options.UploadLimit {
			return nil, refuse(http.StatusRequestEntityTooLarge, "The file "+part.FileName()+" exceeds the maximum size of "+strconv.Itoa(s.options.UploadLimit)+" bytes.")
		}
		files = append(files, Attachment{Name: part.FileName(), Type: part.Header.Get("Content-Type"), Body: body})
	}
	if len(files) == 0 {
		return nil, refuse(http.StatusBadRequest, "The form holds no file named 'file'.")
	}
	return files, nil
}

func (s *store) attachmentView(file Attachment) map[string]any {
	return map[string]any{
		"self": s.url + "/rest/api/2/attachment/" + file.ID, "id": file.ID, "filename": file.Name, "author": s.user(false),
		"created": when(file.Created), "size": len(file.Body), "mimeType": file.Type,
		"content": s.url + "/secure/attachment/" + file.ID + "/" + file.Name,
	}
}

// download gives a file to people, never to be shown in the page.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	for _, issue := range s.store.issues {
		at := slices.IndexFunc(issue.Attachments, func(a Attachment) bool { return a.ID == r.PathValue("id") })
		if at < 0 {
			continue
		}
		file := issue.Attachments[at]
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": file.Name}))
		_, _ = w.Write(file.Body) // the caller may be gone
		return
	}
	http.NotFound(w, r)
}
