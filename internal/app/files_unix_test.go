//go:build unix

package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestAKeyIsForItsOwnerAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seal.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[fs.FileMode]bool{
		0o600: true, 0o400: true, 0o640: false, 0o620: false, 0o610: false, 0o604: false, 0o602: false, 0o444: false, 0o777: false,
	} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if err := checkPrivate(file); (err == nil) != want {
			t.Errorf("mode %04o: got %v", mode, err)
		}
	}
	if os.Geteuid() == 0 { // nobody else can give a file away
		if err := os.Chown(file, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		for mode, want := range map[fs.FileMode]bool{0o440: true, 0o640: true, 0o460: false, 0o444: false} {
			if err := os.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
			if err := checkPrivate(file); (err == nil) != want {
				t.Errorf("mode %04o, of another user: got %v", mode, err)
			}
		}
	}
	if err := checkPrivate(filepath.Join(filepath.Dir(file), "absent")); err == nil {
		t.Error("a file that is not there is private")
	}
}
