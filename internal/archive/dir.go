package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"funnelweb/framework"
)

const dirService = "archive"

// Dir is an archive in a local directory: each object is a file of mode 0600 whose path is its key. Everything goes
// through os.Root, so that no link inside the directory leads out of it. The directory's file system must have hard
// links. Two processes may use one directory.
//
// Unlike in S3, a key cannot at once be an object and the beginning of others ("a" and "a/b"); the second is refused.
type Dir struct {
	path string
	now  func() time.Time

	mu     sync.Mutex
	synced map[string]bool // folders whose entry in their parent this process has made durable
	cased  bool            // the file system was seen to tell large from small letters
	swept  time.Time       // when left-over temporary files were last removed
}

// NewDir returns an archive at a path. It does not touch the disk: the directory is made by the first Put or Check.
func NewDir(path string, now func() time.Time) (*Dir, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("archive directory: %w", err)
	}
	return &Dir{path: absolute, now: now, synced: map[string]bool{}}, nil
}

// Put stores a body under a key, or does nothing when the same body is there.
func (d *Dir) Put(ctx context.Context, key string, body []byte) error {
	if err := check(dirService, key, body); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store %s in the archive: %w", key, err)
	}
	root, err := d.open()
	if err != nil {
		return dirError(putOp, err)
	}
	defer func() { _ = root.Close() }()
	if err := d.put(root, key, body); err != nil {
		return dirError(putOp, err)
	}
	return nil
}

// put writes a complete and durable file under a temporary name and then links it to its own. A link either makes
// the whole object appear or fails because there is one: there is no moment at which a reader sees a part of it,
// and of several writers one wins.
func (d *Dir) put(root *os.Root, key string, body []byte) error {
	folder := path.Dir(key)
	if err := d.makeFolders(root, folder); err != nil {
		return err
	}
	temp, err := d.writeTemp(root, body)
	if err != nil {
		return err
	}
	defer func() { _ = root.Remove(temp) }() // the object, if it was made, keeps its own name
	err = root.Link(temp, key)
	if errors.Is(err, fs.ErrExist) {
		err = sameBody(root, key, body)
	}
	if err != nil {
		return err
	}
	// Also for an object that was there: whoever made it may not have come to this line.
	return syncFolder(root, folder)
}

func sameBody(root *os.Root, key string, body []byte) error {
	stored, err := read(root, key)
	if err != nil {
		return err
	}
	if !bytes.Equal(stored, body) {
		return different(dirService, key)
	}
	return nil
}

// Get returns the body of an object.
func (d *Dir) Get(ctx context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, badKey(dirService, getOp, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read %s from the archive: %w", key, err)
	}
	root, err := os.OpenRoot(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noObject(key, err)
	}
	if err != nil {
		return nil, dirError(getOp, err)
	}
	defer func() { _ = root.Close() }()
	body, err := read(root, key)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, errFolder):
		return nil, noObject(key, err)
	case err != nil:
		return nil, dirError(getOp, err)
	}
	return body, nil
}

var (
	errFolder  = errors.New("it is a folder")
	errNotFile = errors.New("it is not a regular file")
	errTooBig  = errors.New("it is larger than an object may be")

	errFoldsCase = errors.New("the file system does not tell large from small letters")
)

// read reads a regular file, never what a link, a pipe or a device in its place would give.
func read(root *os.Root, key string) ([]byte, error) {
	named, err := root.Lstat(key)
	if err != nil {
		return nil, err
	}
	if named.IsDir() {
		return nil, errFolder
	}
	if !named.Mode().IsRegular() {
		return nil, errNotFile
	}
	file, err := root.OpenFile(key, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	opened, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(named, opened) {
		return nil, errNotFile
	}
	body, err := io.ReadAll(io.LimitReader(file, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errTooBig
	}
	return body, err
}

// Check makes the directory and writes and removes a file in it.
func (d *Dir) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("check the archive: %w", err)
	}
	root, err := d.open()
	if err != nil {
		return dirError(checkOp, err)
	}
	defer func() { _ = root.Close() }()
	temp, err := d.writeTemp(root, []byte("check"))
	if err != nil {
		return dirError(checkOp, err)
	}
	if err := root.Remove(temp); err != nil {
		return dirError(checkOp, err)
	}
	return nil
}

// dirError tells what a person can do about a failure of the disk.
func dirError(op string, err error) error {
	if _, ok := errors.AsType[*framework.ServiceError](err); ok {
		return err
	}
	failure := &framework.ServiceError{Service: dirService, Op: op, Reason: "the disk gave an error; the log has it", Err: err}
	switch {
	case errors.Is(err, fs.ErrPermission):
		failure.Reason = "no permission for the archive directory: it must belong to the user that funnelweb runs as"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		failure.Reason = "the disk of the archive is full"
	case errors.Is(err, syscall.EROFS):
		failure.Reason = "the disk of the archive is read-only"
	case errors.Is(err, errFoldsCase):
		failure.Reason = "the file system of the archive does not tell large from small letters, as keys do: use one that does, such as ext4 or xfs"
	case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
		failure.Reason = "the file system of the archive has no hard links: use one that has, such as ext4 or xfs"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, errFolder):
		failure.Reason, failure.Permanent = "an object and a folder would have the same name in the archive directory", true
	case errors.Is(err, errNotFile), errors.Is(err, errTooBig):
		failure.Reason, failure.Permanent = "the archive directory holds something under this key that is no object", true
	}
	return failure
}
