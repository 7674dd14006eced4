package engine

import (
	"io/fs"
	"syscall"
)

// changed returns when a file was last changed, in ns, which nobody can set, and its inode.
func changed(info fs.FileInfo) (at int64, inode uint64) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return stat.Ctim.Nano(), stat.Ino
}
