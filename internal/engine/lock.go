package engine

import (
	"errors"
	"fmt"
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
