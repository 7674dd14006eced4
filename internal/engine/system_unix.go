//go:build unix

package engine

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// tryLock locks the file unless another process has. The system releases it when the process ends, however it does.
func tryLock(file *os.File) (bool, error) { return flock(file, unix.LOCK_EX) }

// tryShare locks the file together with others who do so, unless a process has it by tryLock.
func tryShare(file *os.File) (bool, error) { return flock(file, unix.LOCK_SH) }

func flock(file *os.File, how int) (bool, error) {
	err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// diskFree returns how many bytes an unprivileged process can still write below dir.
func diskFree(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil //nolint:gosec,unconvert // types differ by system; no disk has 2^63 bytes
}

// syncFolder makes the names in a folder safe against power loss.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// mayUse tells why this process may not read and write a file, or make and remove files in a folder.
func mayUse(path string, folder bool) error {
	how := uint32(unix.R_OK | unix.W_OK)
	if folder {
		how |= unix.X_OK
	}
	return unix.Access(path, how)
}

// isDiskFull reports whether an error says that a disk, or what this user may have of it, is full.
func isDiskFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// owners tells whose a file is, and who this process is.
func owners(info fs.FileInfo) (owner string, self identity, known bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return "", self, false
	}
	self = identity{userName(strconv.Itoa(unix.Geteuid())), strconv.Itoa(unix.Getegid())}
	if group, err := user.LookupGroupId(self.group); err == nil {
		self.group = group.Name
	}
	return userName(strconv.FormatUint(uint64(stat.Uid), 10)), self, true
}

func userName(id string) string {
	if found, err := user.LookupId(id); err == nil {
		return found.Username
	}
	return id
}
