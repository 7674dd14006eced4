package archive

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// The parameters of writing.
const (
	tempFolder = "~tmp"    // holds files while they are written; no key can name it, as ~ is not allowed in one
	tempAge    = time.Hour // a temporary file this old is left over: a Put takes seconds
	maxSynced  = 10_000    // folders that are remembered as durable; beyond it the memory starts anew
)

// open opens the directory, for each operation anew, so that one that was replaced meanwhile is noticed.
func (d *Dir) open() (*os.Root, error) {
	root, err := os.OpenRoot(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeDurable(d.path); err != nil {
			return nil, err
		}
		root, err = os.OpenRoot(d.path)
	}
	return root, err
}

// makeDurable makes a directory and the missing ones above it, each with its entry safe on disk.
func makeDurable(folder string) error {
	parent := filepath.Dir(folder)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) && parent != folder {
		if err := makeDurable(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	opened, err := os.Open(parent)
	if err != nil {
		return err
	}
	return syncClose(opened)
}

// makeFolders makes the folders of a key. A folder that somebody else made is trusted to be on disk only after this
// process has seen to it once.
func (d *Dir) makeFolders(root *os.Root, folder string) error {
	if folder == "." {
		return nil
	}
	for end := range len(folder) + 1 {
		if end < len(folder) && folder[end] != '/' {
			continue
		}
		if err := d.makeFolder(root, folder[:end]); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dir) makeFolder(root *os.Root, folder string) error {
	err := root.Mkdir(folder, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err != nil && d.isSynced(folder) {
		return nil
	}
	if err := syncFolder(root, path.Dir(folder)); err != nil {
		return err
	}
	d.setSynced(folder)
	return nil
}

func (d *Dir) isSynced(folder string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.synced[folder]
}

func (d *Dir) setSynced(folder string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.synced) >= maxSynced {
		clear(d.synced)
	}
	d.synced[folder] = true
}

func syncFolder(root *os.Root, folder string) error {
	opened, err := root.Open(folder)
	if err != nil {
		return err
	}
	return syncClose(opened)
}

func syncClose(file *os.File) error {
	return errors.Join(file.Sync(), file.Close())
}

// writeTemp writes a durable file under a name of its own.
func (d *Dir) writeTemp(root *os.Root, body []byte) (string, error) {
	if err := root.Mkdir(tempFolder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	if err := d.tellsCase(root); err != nil {
		return "", err
	}
	d.sweep(root)
	name := tempFolder + "/" + rand.Text()
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = file.Write(body)
	if err = errors.Join(err, syncClose(file)); err != nil {
		_ = root.Remove(name)
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return name, nil
}

// tellsCase makes sure, once in the life of the process, that the file system keeps names apart that differ in the size of
// letters alone, as keys do: on another, one object would be found under the name of two.
func (d *Dir) tellsCase(root *os.Root) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cased {
		return nil
	}
	const name, other = tempFolder + "/Case", tempFolder + "/cASE"
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = root.Lstat(other)
	d.cased = errors.Is(err, fs.ErrNotExist)
	if err == nil {
		err = errFoldsCase
	} else if d.cased {
		err = nil
	}
	if removed := root.Remove(name); !errors.Is(removed, fs.ErrNotExist) { // another process may have been here, too
		err = errors.Join(err, removed)
	}
	return errors.Join(err, file.Close())
}

// sweep removes temporary files that a crash left over, once in tempAge. Removing is safe at any time: an object has a
// name of its own by then, and a writer whose file is taken away fails and is repeated. What cannot be removed stays.
func (d *Dir) sweep(root *os.Root) {
	now := d.now()
	d.mu.Lock()
	due := now.Sub(d.swept) >= tempAge
	if due {
		d.swept = now
	}
	d.mu.Unlock()
	if !due {
		return
	}
	for _, entry := range entries(root, tempFolder) {
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) >= tempAge {
			_ = root.Remove(tempFolder + "/" + entry.Name())
		}
	}
}

func entries(root *os.Root, folder string) []fs.DirEntry {
	opened, err := root.Open(folder)
	if err != nil {
		return nil
	}
	defer func() { _ = opened.Close() }()
	found, _ := opened.ReadDir(-1) // what could be read is swept
	return found
}

// folderPath is a folder, written with its slash, as os.Root takes it.
func folderPath(folder string) string {
	if folder == "" {
		return "."
	}
	return strings.TrimSuffix(folder, "/")
}
