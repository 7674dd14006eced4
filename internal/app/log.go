package app

import (
	"log"
	"log/slog"
)

// errorLog carries what net/http complains about (broken handshakes, bad requests) at a level that floods nobody.
func errorLog(logger *slog.Logger) *log.Logger {
	return slog.NewLogLogger(logger.With("part", "http").Handler(), slog.LevelDebug)
}
