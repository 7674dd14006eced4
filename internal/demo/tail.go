package demo

import (
	"slices"
	"strings"
	"sync"
)

// tailLines is how many log lines are kept for the case that a step fails.
const tailLines = 15

// tail keeps the last lines written to it.
type tail struct {
	mutex sync.Mutex
	lines []string
}

// Write takes one line, as slog's handlers write them.
func (t *tail) Write(line []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if len(t.lines) == tailLines {
		t.lines = slices.Delete(t.lines, 0, 1)
	}
	t.lines = append(t.lines, string(line))
	return len(line), nil
}

func (t *tail) tail() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return strings.Join(t.lines, "")
}
