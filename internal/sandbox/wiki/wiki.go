// Package wiki reads Jira's wiki markup.
package wiki

import "html/template"

// HTML shows markup to people as safe HTML.
func HTML(markup string) template.HTML { return template.HTML(template.HTMLEscapeString(markup)) }
