package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// image is a file system in a file, mounted through a loop device that writes past the page cache, so that the file holds
// exactly what a disk would have been given.
type image struct {
	file, mount, device string
}

// newImage makes and mounts an ext4 file system, or skips the test where that is not possible.
func newImage(t *testing.T, megabytes int64) *image {
	t.Helper()
	dir := t.TempDir()
	i := &image{file: filepath.Join(dir, "0.img"), mount: filepath.Join(dir, "mount")}
	file, err := os.Create(i.file)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(megabytes << 20); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(i.mount, 0o700); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("mkfs.ext4", "-q", "-m", "0", i.file).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: power cuts and full disks: mkfs.ext4: %v %s", err, output)
	}
	if err := i.attach(); err != nil {
		t.Skipf("SKIPPED: power cuts and full disks: this user may not mount an image: %v", err)
	}
	t.Cleanup(func() {
		if err := i.detach(); err != nil {
			t.Error(err)
		}
	})
	return i
}

func (i *image) attach() error {
	output, err := exec.Command("losetup", "--find", "--show", "--direct-io=on", i.file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("losetup: %w: %s", err, output)
	}
	i.device = strings.TrimSpace(string(output))
	if output, err := exec.Command("mount", i.device, i.mount).CombinedOutput(); err != nil {
		_ = exec.Command("losetup", "--detach", i.device).Run()
		i.device = ""
		return fmt.Errorf("mount: %w: %s", err, output)
	}
	return nil
}

func (i *image) detach() error {
	if i.device == "" {
		return nil
	}
	if output, err := exec.Command("umount", i.mount).CombinedOutput(); err != nil {
		return fmt.Errorf("umount: %w: %s", err, output)
	}
	if output, err := exec.Command("losetup", "--detach", i.device).CombinedOutput(); err != nil {
		return fmt.Errorf("losetup --detach: %w: %s", err, output)
	}
	i.device = ""
	return nil
}

// clone copies the file at a moment in which nothing is on its way to it: a copy during which the device was written to is
// thrown away.
func (i *image) clone(to string) error {
	for range 200 {
		before, err := i.writes()
		if err != nil {
			return err
		}
		if output, err := exec.Command("cp", "--sparse=always", i.file, to).CombinedOutput(); err != nil {
			return fmt.Errorf("cp: %w: %s", err, output)
		}
		after, err := i.writes()
		if err != nil || before == after && strings.HasSuffix(after, " 0 in flight") {
			return err
		}
	}
	return fmt.Errorf("%s is written to all the time", i.device)
}

// writes tells how many writes and discards the device has seen and how many are under way (Documentation/block/stat.rst).
func (i *image) writes() (string, error) {
	text, err := os.ReadFile("/sys/block/" + filepath.Base(i.device) + "/stat")
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 12 {
		return "", fmt.Errorf("%s: %q", i.device, text)
	}
	return fields[4] + " " + fields[6] + " " + fields[11] + " " + fields[8] + " in flight", nil
}

// cut replaces the file system by what a power cut would have left of it. Nobody may use it.
func (i *image) cut(clone string) error {
	if err := i.detach(); err != nil {
		return err
	}
	if err := os.Remove(i.file); err != nil {
		return err
	}
	i.file = clone
	return i.attach()
}
