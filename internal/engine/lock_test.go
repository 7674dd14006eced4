package engine

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestAStoreThatIsInUseIsSeenWithoutTouchingIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if err := CheckLock(dir); err != nil {
		t.Errorf("where there is no store: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the directory was made")
	}
	engine := open(t, dir, nil)
	for range 2 { // looking does not take it
		if err := CheckLock(dir); !errors.Is(err, ErrLocked) {
			t.Errorf("while it is open: %v", err)
		}
	}
	closeEngine(t, engine)
	if err := CheckLock(dir); err != nil {
		t.Errorf("when it is closed: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("lock", filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if err := CheckLock(dir); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("a lock that cannot be opened: %v", err)
	}
}
