package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestNewDirTouchesNothing(t *testing.T) {
	dir := newDir(t)
	if _, err := dir.Get(t.Context(), "a/b"); !errors.Is(err, framework.ErrNoObject) {
		t.Errorf("get: %v", err)
	}
	for key, err := range dir.List(t.Context(), "", "", "") {
		t.Errorf("list gave %q, %v", key, err)
	}
	if _, err := os.Stat(dir.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is there: %v", err)
	}
}

func TestDirIsReadableByItsOwnerAlone(t *testing.T) {
	dir := newDir(t)
	mustPut(t, dir, "alerts/58/9b/id", "detail")
	modes := map[string]os.FileMode{}
	err := filepath.WalkDir(filepath.Dir(dir.path), func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		modes[strings.TrimPrefix(path, filepath.Dir(dir.path))] = info.Mode().Perm()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]os.FileMode{
		"": 0o700, "/archive": 0o700, "/archive/~tmp": 0o700, "/archive/alerts": 0o700,
		"/archive/alerts/58": 0o700, "/archive/alerts/58/9b": 0o700, "/archive/alerts/58/9b/id": 0o600,
	}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("modes, and no temporary file left (-want +got):\n%s", diff)
	}
}

func TestDirRefusesWhatIsNoObject(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, "outside")
	cases := []struct {
		name  string
		plant func(t *testing.T, path string)
	}{
		{"a link that leads out of the archive", func(t *testing.T, path string) { t.Helper(); link(t, outside, path) }},
		{"a link to another object", func(t *testing.T, path string) { t.Helper(); link(t, "other", path) }},
		{"a pipe", func(t *testing.T, path string) {
			t.Helper()
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"a file larger than an object", func(t *testing.T, path string) {
			t.Helper()
			write(t, path, "")
			if err := os.Truncate(path, maxBody+1); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := newDir(t)
			mustPut(t, dir, "a/other", "other")
			c.plant(t, filepath.Join(dir.path, "a", "key"))
			if body, err := dir.Get(t.Context(), "a/key"); !framework.IsPermanent(err) {
				t.Errorf("get: got %d bytes, %v", len(body), err)
			}
			if err := dir.Put(t.Context(), "a/key", []byte("other")); !framework.IsPermanent(err) {
				t.Errorf("put over it: got %v", err)
			}
		})
	}
	if body, err := os.ReadFile(outside); err != nil || string(body) != "outside" {
		t.Errorf("the file outside: %q, %v", body, err)
	}
}

func TestDirStaysInsideWhenAFolderIsALink(t *testing.T) {
	outside := t.TempDir()
	write(t, filepath.Join(outside, "secret"), "outside")
	dir := newDir(t)
	mustPut(t, dir, "a/b", "body")
	link(t, outside, filepath.Join(dir.path, "out"))
	if err := dir.Put(t.Context(), "out/new", []byte("body")); err == nil {
		t.Error("put through the link succeeded")
	}
	if body, err := dir.Get(t.Context(), "out/secret"); err == nil {
		t.Errorf("get through the link gave %q", body)
	}
	if diff := cmp.Diff([]string{"a/b"}, list(t, dir, "", "", "")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside there are now %d files, %v", len(entries), err)
	}
}

func TestDirRefusesAKeyThatIsAFolder(t *testing.T) {
	dir := newDir(t)
	mustPut(t, dir, "a/b", "body")
	for _, key := range []string{"a", "a/b/c", "a/b/c/d"} {
		err := dir.Put(t.Context(), key, []byte("body"))
		if !framework.IsPermanent(err) || !strings.Contains(framework.Reason(err), "same name") {
			t.Errorf("put %q: got %v", key, err)
		}
	}
}

func TestDirListsOnlyObjects(t *testing.T) {
	dir := newDir(t)
	mustPut(t, dir, "a/b", "body")
	write(t, filepath.Join(dir.path, "a", "notes of mine~"), "")
	write(t, filepath.Join(dir.path, tempFolder, "left"), "")
	link(t, "b", filepath.Join(dir.path, "a", "link"))
	if diff := cmp.Diff([]string{"a/b"}, list(t, dir, "", "", "")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

func TestDirSweepsWhatACrashLeftOver(t *testing.T) {
	var clock frameworktest.Clock
	dir, err := NewDir(t.TempDir(), clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, dir, "a/b", "body")
	temp := filepath.Join(dir.path, tempFolder)
	old, young := filepath.Join(temp, "old"), filepath.Join(temp, "young")
	write(t, old, "half of a bo")
	write(t, young, "being written by another process")
	// A crash between link and remove: the object has two names.
	if err := os.Link(filepath.Join(dir.path, "a", "b"), filepath.Join(temp, "linked")); err != nil {
		t.Fatal(err)
	}
	clock.Advance(tempAge)
	age(t, young, clock.Now())
	age(t, old, clock.Now().Add(-tempAge))
	age(t, filepath.Join(temp, "linked"), clock.Now().Add(-2*tempAge))
	mustPut(t, dir, "a/c", "body")
	left, err := filepath.Glob(temp + "/*")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{young}, left); diff != "" {
		t.Errorf("temporary files (-want +got):\n%s", diff)
	}
	if body, err := dir.Get(t.Context(), "a/b"); err != nil || string(body) != "body" {
		t.Errorf("the object that had two names: %q, %v", body, err)
	}
}

func TestDirIsMadeAnewWhenItWasRemoved(t *testing.T) {
	dir := newDir(t)
	mustPut(t, dir, "a/b", "body")
	if err := os.RemoveAll(filepath.Dir(dir.path)); err != nil {
		t.Fatal(err)
	}
	mustPut(t, dir, "a/b", "other body")
	if body, err := dir.Get(t.Context(), "a/b"); err != nil || string(body) != "other body" {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestTwoProcessesShareADir(t *testing.T) {
	one := newDir(t)
	other, err := NewDir(one.path, one.now)
	if err != nil {
		t.Fatal(err)
	}
	writers := []*Dir{one, other}
	results := race(32, func(i int) error {
		return writers[i%2].Put(t.Context(), "race/key", fmt.Appendf(nil, "writer %d", i))
	})
	won := 0
	for i, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, framework.ErrDifferent) {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
}

func TestDirSaysWhatToDo(t *testing.T) {
	cases := []struct {
		cause     error
		want      string
		permanent bool
	}{
		{&os.PathError{Op: "openat", Path: "x", Err: syscall.EACCES}, "no permission", false},
		{&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, "full", false},
		{&os.PathError{Op: "write", Path: "x", Err: syscall.EDQUOT}, "full", false},
		{&os.PathError{Op: "openat", Path: "x", Err: syscall.EROFS}, "read-only", false},
		{&os.LinkError{Op: "linkat", Old: "x", New: "y", Err: syscall.EOPNOTSUPP}, "no hard links", false},
		{&os.PathError{Op: "mkdirat", Path: "x", Err: syscall.ENOTDIR}, "same name", true},
		{&os.PathError{Op: "fsync", Path: "x", Err: syscall.EIO}, "the log has it", false},
	}
	for _, c := range cases {
		t.Run(c.want, func(t *testing.T) {
			err := dirError(putOp, c.cause)
			if reason := framework.Reason(err); !strings.Contains(reason, c.want) || strings.Contains(reason, "x:") {
				t.Errorf("got %q, want %q in it and no path", reason, c.want)
			}
			if got := framework.IsPermanent(err); got != c.permanent {
				t.Errorf("permanent: got %v", got)
			}
			if !errors.Is(err, c.cause) {
				t.Error("the cause is lost to the log")
			}
		})
	}
}

func TestDirCheckFindsAFileInItsPlace(t *testing.T) {
	dir := newDir(t)
	write(t, filepath.Dir(dir.path), "a file")
	if err := dir.Check(t.Context()); err == nil {
		t.Error("check succeeded")
	}
	if err := dir.Put(t.Context(), "a/b", nil); err == nil {
		t.Error("put succeeded")
	}
}

func mustPut(t *testing.T, archive framework.Archive, key, body string) {
	t.Helper()
	put(t, archive, key, []byte(body))
}

func write(t *testing.T, path, body string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func age(t *testing.T, path string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestDirRefusesAFileSystemThatFoldsCase plants what such a file system would show: the file of one name under the other, too.
func TestDirRefusesAFileSystemThatFoldsCase(t *testing.T) {
	path := t.TempDir()
	if err := os.MkdirAll(filepath.Join(path, "~tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	planted := filepath.Join(path, "~tmp", "cASE")
	if err := os.WriteFile(planted, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := NewDir(path, realNow)
	if err != nil {
		t.Fatal(err)
	}
	for op, err := range map[string]error{"put": dir.Put(t.Context(), "a/b", []byte("body")), "check": dir.Check(t.Context())} {
		if !strings.Contains(framework.Reason(err), "large from small letters") {
			t.Errorf("%s: got %v", op, err)
		}
	}
	if err := os.Remove(planted); err != nil {
		t.Fatal(err)
	}
	for key, body := range map[string]string{"a/b": "small", "A/B": "large", "a/B": "both"} {
		put(t, dir, key, []byte(body))
		want(t, get(t, dir, key), body)
	}
	if left, _ := filepath.Glob(filepath.Join(path, "~tmp", "*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}
