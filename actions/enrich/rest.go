package enrich

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"funnelweb/framework"
)

const (
	// A file may take as long to be sent as any call of a service.
	uploadLimit = 30 * time.Second
	// So many characters of the fingerprint of what a file holds are its name: what is different has another.
	restName = 12
)

// rest puts what a comment has no room for into a file on the ticket, and returns its name: "" while there is none. It waits for the
// last enricher, so that a ticket has one file and not one for each answer. A ticket system that takes no files is done without.
func (a *Action) rest(ctx context.Context, target target, stored state) (name string, err error) {
	if !stored.isSettled() || a.tickets.Fits(stored.show(rooms()[0])) {
		return "", nil
	}
	text := plain(stored.show(rooms()[0]))
	name = "findings-" + framework.Fingerprint(text)[:restName] + ".txt"
	file := framework.TicketFile{Name: name, Type: "text/plain; charset=utf-8", Body: []byte(text)}
	_, err = framework.Once(ctx, a.ledger, a.now, target.entry+"."+name, framework.Effect{
		Find:  func(ctx context.Context) (string, error) { return a.tickets.FindFile(ctx, target.ticket, name) },
		Do:    func(ctx context.Context) (string, error) { return a.tickets.AddFile(ctx, target.ticket, file) },
		Limit: uploadLimit, Lag: makeLag,
	})
	switch {
	case err != nil && framework.IsPermanent(err):
		return "", nil
	case err != nil:
		return "", err
	default:
		return name, nil
	}
}

// isSettled reports whether every enricher has answered or was given up.
func (s *state) isSettled() bool {
	return !slices.ContainsFunc(s.Sections, func(one section) bool { return one.Status != done && one.Status != dead })
}

// plain writes a document down as text. What would hide or turn text around, where the file is read, becomes U+FFFD.
func plain(document framework.Document) string {
	var out strings.Builder
	for _, block := range document {
		switch b := block.(type) {
		case framework.Heading:
			_, _ = fmt.Fprintf(&out, "\n%s %s\n", strings.Repeat("#", b.Level-2), b.Text)
		case framework.Paragraph:
			_, _ = fmt.Fprintln(&out, plainSpans(b))
		case framework.Table:
			for _, row := range b.Rows {
				_, _ = fmt.Fprintf(&out, "  %s: %s\n", plainSpans(row[0]), plainSpans(row[1]))
			}
		}
	}
	return strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.TrimPrefix(out.String(), "\n"))
}

func plainSpans(spans framework.Paragraph) string {
	var out strings.Builder
	for _, span := range spans {
		out.WriteString(strings.ReplaceAll(span.Text, "\n", "\n    "))
		if span.Link != "" {
			out.WriteString(" (" + span.Link + ")")
		}
	}
	return out.String()
}
