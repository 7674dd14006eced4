package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// EnsureAccessToken makes the access token of a data directory if there is none yet: 256 random bits in a file that only
// its owner may read. It returns the file, and the token itself only when it was made now, to be shown once.
func EnsureAccessToken(data string) (file, made string, err error) {
	file = TokenFile(data)
	if _, err := os.Stat(file); err == nil {
		return file, "", nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return file, "", fmt.Errorf("look for the access token: %w", err)
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return file, "", fmt.Errorf("make the data directory: %w", err)
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	token := base64.RawURLEncoding.EncodeToString(random)
	if err := writeNew(file, token+"\n"); err != nil {
		return file, "", fmt.Errorf("write the access token: %w", err)
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
