package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// writeNew writes a file that does not exist yet and makes it durable.
func writeNew(file, text string) (err error) {
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := out.WriteString(text); err != nil {
		return err
	}
	return out.Sync()
}
