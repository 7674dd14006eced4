package frameworktest

import (
	"bytes"
	"log/slog"
	"sync"
)

// Log keeps what is logged, at every level, as slog's text form.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Logger returns a logger that writes to the log.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler((*logWriter)(l), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// String returns all that was logged so far, one line a record.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// logWriter keeps Write out of the methods of Log.
type logWriter Log

func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(line)
}
