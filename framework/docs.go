package framework

import (
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/swaggest/swgui/v5/static"
)

// docsPage loads nothing from elsewhere and runs nothing inline, so that the policy below can be strict.
const docsPage = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>API documentation</title>
<link rel="stylesheet" href="swagger-ui.css">
<link rel="icon" type="image/png" href="favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="swagger-ui-standalone-preset.js"></script>
<script src="start.js"></script>
</body>
</html>
`

const docsScript = `window.ui = SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
});
`

// docsPolicy lets Swagger UI work: it sets style attributes and draws data: images, and calls only this server.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// MountDocs serves the document at /openapi.json and Swagger UI at /docs/, all from the binary. Mount every route first.
func (f *Funnel) MountDocs() error {
	document, err := f.OpenAPI()
	if err != nil {
		return err
	}
	open := Chain{Public: true}
	serveDocument := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(document)))
		_, _ = w.Write(document)
	})
	if err := f.Handle("/openapi.json", serveDocument, open); err != nil {
		return err
	}
	if err := f.Handle("/docs", http.RedirectHandler("/docs/", http.StatusFound), open); err != nil {
		return err
	}
	return f.Handle("/docs/*file", http.HandlerFunc(serveDocs), open)
}

func serveDocs(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", docsPolicy)
	switch name := strings.TrimPrefix(r.URL.Path, "/docs/"); name {
	case "", "index.html":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(docsPage))
	case "start.js":
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write([]byte(docsScript))
	default:
		serveAsset(w, name)
	}
}

// serveAsset sends a file of Swagger UI, most of which are stored compressed.
func serveAsset(w http.ResponseWriter, name string) {
	body, err := fs.ReadFile(static.FS, name+".gz")
	if err == nil {
		w.Header().Set("Content-Encoding", "gzip")
	} else if body, err = fs.ReadFile(static.FS, name); err != nil {
		w.WriteHeader(http.StatusNotFound) // the funnel makes a problem of it
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) //nolint:gosec // the body is a file of the binary
}
