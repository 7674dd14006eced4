package engine

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
)

// A note is a file beside the store: a SHA-256 sum, and what it is of.

// readNote returns what a note says, and whether there is one that is whole.
func readNote(path string) (text []byte, whole bool) {
	content, err := os.ReadFile(path)
	if err != nil || len(content) < sha256.Size {
		return nil, false
	}
	sum, text := content[:sha256.Size], content[sha256.Size:]
	return text, bytes.Equal(sum, sumOf(text))
}

// writeNote writes a note in one step, safe against power loss.
func writeNote(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return writeSafely(path, append(sumOf(text), text...))
}
