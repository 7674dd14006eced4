package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"funnelweb/internal/engine"
)

// EnsureAccessToken makes the access token of a data directory if there is none yet: 256 random bits in a file that only
// its owner may read. A directory that others may write to is refused. It returns the file, and the token itself only when it was made now, to be shown once.
func EnsureAccessToken(data string) (file, made string, err error) {
	file = TokenFile(data)
	if err := secureData(data); err != nil {
		return file, "", err
	}
	if _, err := os.Stat(file); err == nil {
		return file, "", nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return file, "", fmt.Errorf("look for the access token: %w", engine.Explain(data, err))
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return file, "", fmt.Errorf("make the data directory: %w", engine.Explain(data, err))
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	token := base64.RawURLEncoding.EncodeToString(random)
	if err := writeNew(file, token+"\n"); err != nil {
		return file, "", fmt.Errorf("write the access token: %w", engine.Explain(data, err))
	}
	return file, token, nil
}

// writeNew makes a file with a text, durably and in one step: it is there whole or not at all.
func writeNew(file, text string) error {
	dir := filepath.Dir(file)
	out, err := os.CreateTemp(dir, ".new-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) //nolint:errcheck // it has the right name by then, too
	_, err = out.WriteString(text)
	err = errors.Join(err, out.Sync(), out.Close())
	if err != nil {
		return err
	}
	if err := os.Link(out.Name(), file); err != nil {
		return err
	}
	opened, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}
