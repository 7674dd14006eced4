package engine

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody has no rights but those of everybody.
const nobody = 65534

// asNobody calls a function with the rights of nobody, on a thread that ends with it.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give its rights up")
	}
	done := make(chan syscall.Errno)
	go func() {
		runtime.LockOSThread() // for good: nobody else gets the thread
		_, _, failed := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody)
		if failed == 0 {
			do()
		}
		done <- failed
	}()
	if failed := <-done; failed != 0 {
		t.Fatal(failed)
	}
}

// openTo is a folder that everybody may pass through.
func openTo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAStoreThatThisUserMayNotUseSaysWhoseItIs(t *testing.T) {
	for name, c := range map[string]struct {
		make func(dir string) error
		want string // with DIR
	}{
		"a folder of root's": {
			func(dir string) error { return os.Mkdir(dir, 0o755) },
			"DIR belongs to root (mode 0755), and this process is nobody: run chown -R nobody:root DIR",
		},
		"a file of root's": {
			func(dir string) error {
				if err := os.Mkdir(dir, 0o700); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
					return err
				}
				return os.Chown(dir, nobody, nobody)
			},
			"DIR/lock belongs to root (mode 0600), and this process is nobody: run chown -R nobody:root DIR",
		},
		"a file in a folder deep inside": {
			func(dir string) error {
				deep := filepath.Join(streamsIn(dir), "EV_splunk", "msgs")
				if err := os.MkdirAll(deep, 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(deep, "1.blk"), nil, 0o600); err != nil {
					return err
				}
				return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
					if err != nil || !entry.IsDir() {
						return err
					}
					return os.Chown(path, nobody, nobody)
				})
			},
			"DIR/jetstream/$G/streams/EV_splunk/msgs/1.blk belongs to root (mode 0600), and this process is nobody: run chown -R nobody:root DIR",
		},
		"one of its own that it closed": {
			func(dir string) error {
				if err := os.Mkdir(dir, 0o500); err != nil {
					return err
				}
				return os.Chown(dir, nobody, nobody)
			},
			"DIR has mode 0500: run chmod -R u+rwX DIR",
		},
		"none that it could make": {
			func(string) error { return nil },
			"ABOVE belongs to root (mode 0755), and this process is nobody: run install -d -m 0700 -o nobody -g root DIR",
		},
	} {
		t.Run(name, func(t *testing.T) {
			above := openTo(t)
			dir := filepath.Join(above, "events")
			if err := c.make(dir); err != nil {
				t.Fatal(err)
			}
			asNobody(t, func() {
				engine, err := Open(t.Context(), Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now})
				if err == nil {
					closeEngine(t, engine)
				}
				want := strings.NewReplacer("DIR", dir, "ABOVE", above).Replace(c.want)
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "backup") {
					t.Errorf("got %v\nwant %s", err, want)
				}
			})
		})
	}
}

func TestAStoreThatThisUserMayUseIsNotRefused(t *testing.T) {
	dir := filepath.Join(openTo(t), "events")
	if err := CheckAccess(dir); err != nil {
		t.Errorf("one that is not there: %v", err)
	}
	closeEngine(t, open(t, dir, nil))
	if err := CheckAccess(dir); err != nil {
		t.Error(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := CheckAccess(link); err != nil {
		t.Errorf("by a link: %v", err)
	}
}

func TestAFullDiskAtTheVeryFirstStartSaysWhichAndWhatIsNeeded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	options := Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	free := int64(leastNew - 1)
	options.diskFree = func(string) (int64, error) { return free, nil }
	engine, err := Open(t.Context(), options)
	if err == nil {
		closeEngine(t, engine)
		t.Fatal("it started")
	}
	for _, part := range []string{dir, strconv.Itoa(leastNew-1) + " bytes free", "needs 83886080 (80 MiB)", "make room there"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	free = leastNew
	if engine, err = Open(t.Context(), options); err != nil {
		t.Fatalf("with as much as is needed: %v", err)
	}
	closeEngine(t, engine)
	free = 0
	if engine, err = Open(t.Context(), options); err != nil {
		t.Fatalf("one that is there: %v", err)
	}
	closeEngine(t, engine)
}

func TestAnErrorOfAFullDiskSaysWhich(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	err := Explain(dir, &fs.PathError{Op: "write", Path: dir, Err: syscall.ENOSPC})
	if err == nil || !strings.Contains(err.Error(), "the disk of "+dir+" has ") || !strings.Contains(err.Error(), "no space left on device") {
		t.Error(err)
	}
}
