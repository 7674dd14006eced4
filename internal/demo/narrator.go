package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// narrator writes what happens, a line a step.
type narrator struct {
	out    io.Writer
	color  bool
	now    func() time.Time
	start  time.Time
	number int
}

// The colours of a terminal (ECMA-48 SGR).
const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	dim   = "\x1b[2m"
	bold  = "\x1b[1m"
	plain = "\x1b[0m"
)

func (n *narrator) paint(color, text string) string {
	if !n.color {
		return text
	}
	return color + text + plain
}

// title opens the story.
func (n *narrator) title(text string) {
	n.start = n.now()
	_, _ = fmt.Fprintln(n.out, n.paint(bold, text))
}

// step tells a step that was done and checked.
func (n *narrator) step(title, detail string) {
	n.number++
	at := fmt.Sprintf("%6.2fs", n.now().Sub(n.start).Seconds())
	_, _ = fmt.Fprintf(n.out, "%s  %2d  %s %-38s %s\n", n.paint(dim, at), n.number, n.paint(green, "✔"), title, n.paint(dim, detail))
}

// fail tells the step that was not.
func (n *narrator) fail(title string, err error) {
	n.number++
	at := fmt.Sprintf("%6.2fs", n.now().Sub(n.start).Seconds())
	_, _ = fmt.Fprintf(n.out, "%s  %2d  %s %-38s %v\n", n.paint(dim, at), n.number, n.paint(red, "✘"), title, err)
}

// show prints a text from elsewhere, set off from the story.
func (n *narrator) show(text string) {
	_, _ = fmt.Fprintln(n.out)
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		_, _ = fmt.Fprint(n.out, n.paint(dim, "          │ "), line)
	}
	_, _ = fmt.Fprintln(n.out)
}

// say prints a line that is no step.
func (n *narrator) say(format string, values ...any) {
	_, _ = fmt.Fprintf(n.out, format+"\n", values...)
}
