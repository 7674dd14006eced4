//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is the user that has no files (Linux Standard Base 5.0, section 22.2).
const nobody = 65534

// Root may write everywhere: there the program is run by another user.
func TestCheckSeesADataDirectoryThatItsUserMayNotWriteTo(t *testing.T) {
	binary, dir := build(t), t.TempDir()
	data := filepath.Join(dir, "data")
	for name, test := range map[string]struct {
		mode os.FileMode
		data string
		want string
	}{
		"not writable":          {0o555, data, "data: this user may not write to " + data},
		"nothing can be made":   {0o555, filepath.Join(data, "a", "b"), "data: this user may not write to " + data},
		"cannot be looked into": {0o600, filepath.Join(data, "a"), "permission denied"},
		"all is well":           {0o777, filepath.Join(data, "a"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(data, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(data, test.mode); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(data, 0o700) }) // so that it can be removed
			file := filepath.Join(dir, "funnelweb.yaml")
			if err := os.WriteFile(file, []byte("listen: 127.0.0.1:0\ndata: "+test.data+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), binary, "check", "--config", file)
			if os.Getuid() == 0 {
				command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
				for _, path := range []string{dir, filepath.Dir(dir), filepath.Dir(binary), filepath.Dir(filepath.Dir(binary))} {
					if err := os.Chmod(path, 0o755); err != nil {
						t.Fatal(err)
					}
				}
			}
			output, err := command.CombinedOutput()
			if (err != nil) != (test.want != "") || !strings.Contains(string(output), test.want) || test.want != "" && !strings.Contains(string(output), "line 2: data: ") {
				t.Errorf("%v\n%s, want %q", err, output, test.want)
			}
		})
	}
}
