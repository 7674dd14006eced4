package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrLocked says that another process uses the store's directory.
var ErrLocked = errors.New("another process uses this directory")

// lockDir takes the directory for this process until the file is closed. The store does not do so itself: two of them
// would write over each other.
func lockDir(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of store directory: %w", err)
	}
	taken, err := tryLock(file)
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock store directory %s: %w", dir, err), file.Close())
	case !taken:
		return nil, errors.Join(fmt.Errorf("store directory %s: %w", dir, ErrLocked), file.Close())
	}
	return file, nil
}

// CheckLock tells whether a store could be opened in a directory, which need not be there: it is ErrLocked while another
// process has one open. It writes nothing; a process that opens the store in the very moment of the check may be refused.
func CheckLock(dir string) error {
	file, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open lock of store directory: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	free, err := tryShare(file)
	if err != nil {
		return fmt.Errorf("look at lock of store directory: %w", err)
	}
	if !free {
		return ErrLocked
	}
	return nil
}
