package engine

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks the file unless another process has. The system releases it when the process ends, however it does.
func tryLock(file *os.File) (bool, error) { return lockFile(file, windows.LOCKFILE_EXCLUSIVE_LOCK) }

// tryShare locks the file together with others who do so, unless a process has it by tryLock.
func tryShare(file *os.File) (bool, error) { return lockFile(file, 0) }

func lockFile(file *os.File, how uint32) (bool, error) {
	err := windows.LockFileEx(windows.Handle(file.Fd()), how|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// diskFree returns how many bytes this user can still write below dir.
func diskFree(dir string) (int64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(free), nil
}

// syncFolder has nothing to do: the system keeps names in its journal.
func syncFolder(string) error { return nil }
