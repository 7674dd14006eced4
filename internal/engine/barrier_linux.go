package engine

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncAlways is not needed where one call makes all files safe.
const syncAlways = false

// storeSync returns a function that makes every file on dir's file system safe against power loss. Syncing only the
// newest file of a stream would not do: it misses the roll to a new one.
func storeSync(dir string) (sync, shut func() error, err error) {
	open, err := os.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	sync = func() error {
		for {
			err := unix.Syncfs(int(open.Fd()))
			if !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	}
	return sync, open.Close, nil
}
