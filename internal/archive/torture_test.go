package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// asChild, in the environment, makes the test write to an archive in its working directory until it is killed.
const asChild = "FUNNELWEB_TEST_WRITE_UNTIL_KILLED"

// TestTortureDirSurvivesKill kills a process that writes with several hands: every object that it was told is stored is
// there, every object that is there is whole, and what else it left is swept.
func TestTortureDirSurvivesKill(t *testing.T) {
	if os.Getenv(asChild) != "" {
		writeUntilKilled(t)
		return
	}
	folder := t.TempDir()
	acknowledged := killAfter(t, folder, 50+rand.IntN(300))
	dir, err := NewDir(filepath.Join(folder, "archive"), func() time.Time { return time.Now().Add(2 * tempAge) })
	if err != nil {
		t.Fatal(err)
	}
	listed := list(t, dir, "", "", "")
	found := map[string]bool{}
	for _, key := range listed {
		found[key] = true
		if got := get(t, dir, key); string(got) != bodyOf(filepath.Base(key)) {
			t.Errorf("%s is not whole: %d bytes", key, len(got))
		}
	}
	for _, key := range acknowledged {
		if !found[key] {
			t.Errorf("%s was acknowledged and is not there", key)
		}
	}
	mustPut(t, dir, "sweep/first", "the first put of a process sweeps")
	if left := glob(t, filepath.Join(dir.path, tempFolder, "*")); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
	t.Logf("%d acknowledged, %d there", len(acknowledged), len(listed))
}

// killAfter starts the child, kills it when it has acknowledged so many objects, and returns all that it acknowledged.
func killAfter(t *testing.T, folder string, count int) []string {
	t.Helper()
	command := exec.Command(self(t), "-test.run=^TestTortureDirSurvivesKill$")
	command.Dir, command.Env = folder, append(os.Environ(), asChild+"=1")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		acknowledged = append(acknowledged, lines.Text())
		if len(acknowledged) == count {
			_ = command.Process.Kill()
		}
	}
	_ = command.Wait() // it was killed
	if len(acknowledged) < count {
		t.Fatalf("the child ended by itself after %d objects: %q", len(acknowledged), acknowledged)
	}
	return acknowledged
}

func writeUntilKilled(t *testing.T) {
	t.Helper()
	dir, err := NewDir("archive", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for hand := range 4 {
		group.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", hand, i)
				key := fmt.Sprintf("webhooks/%02d/%02d/%s", i/60%24, i%60, id)
				if err := dir.Put(t.Context(), key, []byte(bodyOf(id))); err != nil {
					_, _ = fmt.Fprintln(os.Stdout, "error:", err)
					return
				}
				_, _ = fmt.Fprintln(os.Stdout, key)
			}
		})
	}
	group.Wait()
}

// bodyOf is a body of 1 to 64 KiB that tells whose it is, to its last byte.
func bodyOf(id string) string {
	hash := sha256.Sum256([]byte(id))
	text := hex.EncodeToString(hash[:])
	length := 1024 + int(hash[0])*256
	body := make([]byte, 0, length)
	for len(body) < length {
		body = append(body, text...)
	}
	return string(body[:length])
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func self(t *testing.T) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program
}
