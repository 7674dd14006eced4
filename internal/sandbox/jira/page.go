package jira

import (
	"embed"
	"html/template"
	"net/http"

	"funnelweb/internal/sandbox/wiki"
)

//go:embed page.html page.css
var pageFiles embed.FS

// row is a comment on the page.
type row struct {
	Comment
	HTML template.HTML
}

// page is what the page shows: one issue, or all of them.
type page struct {
	Issues      []Issue
	Issue       *Issue
	Description template.HTML
	Comments    []row
}

// pages serves the issues to people. They need not log in: what is shown is the sandbox's own.
func (s *Server) pages(mux *http.ServeMux) {
	pages := template.Must(template.ParseFS(pageFiles, "page.html"))
	show := func(w http.ResponseWriter, content page) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		if err := pages.Execute(w, content); err != nil {
			s.options.Log.Error("the Jira stand-in could not show a page", "err", err)
		}
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { show(w, page{Issues: s.Issues()}) })
	mux.HandleFunc("GET /browse/{key}", func(w http.ResponseWriter, r *http.Request) {
		issue, ok := s.Issue(r.PathValue("key"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		content := page{Issue: &issue, Description: wiki.HTML(issue.Description)}
		for _, comment := range s.Comments(issue.Key) {
			content.Comments = append(content.Comments, row{comment, wiki.HTML(comment.Body)})
		}
		show(w, content)
	})
	mux.HandleFunc("GET /secure/attachment/{id}/{name}", s.download)
	mux.HandleFunc("GET /page.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, pageFiles, "page.css")
	})
}
