package ticket

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/go-json-experiment/json"
)

// maxRendered bounds what a template may write in bytes: twice what a ticket can hold.
const maxRendered = 64 << 10

// text is a template over an event's data.
type text struct {
	name     string
	template *template.Template
}

// parseText parses a template; mistakes name it and the line.
func parseText(name, source string) (*text, error) {
	parsed, err := template.New(name).Funcs(template.FuncMap{
		showName: show,
		// The built-in ones write <no value> or %!s(<nil>) for a member that is missing.
		"printf":   func(format string, args ...any) string { return fmt.Sprintf(format, present(args)...) },
		"print":    func(args ...any) string { return fmt.Sprint(present(args)...) },
		"println":  func(args ...any) string { return fmt.Sprintln(present(args)...) },
		"html":     func(v any) string { return template.HTMLEscapeString(show(v)) },
		"js":       func(v any) string { return template.JSEscapeString(show(v)) },
		"urlquery": func(v any) string { return url.QueryEscape(show(v)) },
	}).Parse(source)
	if err != nil {
		return nil, fmt.Errorf("%s: line %s", name, strings.TrimPrefix(err.Error(), "template: "+name+":")) // "summary: line 1: …"
	}
	for _, one := range parsed.Templates() {
		if one.Tree != nil {
			showAll(one.Root)
		}
	}
	return &text{name, parsed}, nil
}

// showName is the function through which each output of a template goes.
const showName = "_show"

// showAll makes every action of a template end in "| _show", as html/template does with its escapers.
func showAll(node parse.Node) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				showAll(child)
			}
		}
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 {
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{
				NodeType: parse.NodeCommand, Pos: n.Pos,
				Args: []parse.Node{parse.NewIdentifier(showName).SetPos(n.Pos)},
			})
		}
	case *parse.IfNode:
		showAll(n.List)
		showAll(n.ElseList)
	case *parse.RangeNode:
		showAll(n.List)
		showAll(n.ElseList)
	case *parse.WithNode:
		showAll(n.List)
		showAll(n.ElseList)
	}
}

func present(args []any) []any {
	shown := make([]any, len(args))
	for i, arg := range args {
		if shown[i] = arg; arg == nil {
			shown[i] = ""
		}
	}
	return shown
}

// show writes a value for people: nothing for what is missing, lists with commas, objects as JSON.
func show(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = show(one)
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		encoded, err := json.Marshal(v, json.Deterministic(true))
		if err != nil {
			return ""
		}
		return string(encoded)
	default:
		return fmt.Sprint(v)
	}
}

// render returns what was written when the template failed or would have written more than maxRendered, which it then says.
func (t *text) render(data any) (string, error) {
	var out bounded
	err := t.template.Execute(&out, data)
	rendered := strings.ToValidUTF8(out.String(), "")
	if errors.Is(err, errRenderedTooLong) {
		rendered += "…\nCut off here: the template writes more than 64 KiB."
	}
	return rendered, err
}

type bounded struct{ strings.Builder }

var errRenderedTooLong = errors.New("the template writes more than 64 KiB")

func (b *bounded) Write(p []byte) (int, error) {
	if room := maxRendered - b.Len(); len(p) > room {
		n, _ := b.Builder.Write(p[:room])
		return n, errRenderedTooLong
	}
	return b.Builder.Write(p)
}
