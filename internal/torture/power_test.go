package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// tortureByPowerCut stops the process in the midst of its work, takes of its file system what had reached the device, and
// goes on from that.
func tortureByPowerCut(t *testing.T, random *rand.Rand, trials int) account {
	t.Helper()
	disk := newImage(t, 512)
	w := newWorld(t, options{data: filepath.Join(disk.mount, "data"), searchLag: 500 * time.Millisecond})
	a := account{trials: trials}
	sent := newTally()
	sending, stop := context.WithCancel(t.Context())
	defer stop()
	senders := w.send(sending, sent, random, 4, 1500, 10*time.Millisecond)
	for trial := range trials {
		running, took := w.mustStart(t)
		a.recovered = append(a.recovered, took)
		rest(t.Context(), time.Duration(random.IntN(random.IntN(2000)+1))*time.Millisecond)
		if err := running.command.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		clone := filepath.Join(filepath.Dir(disk.mount), fmt.Sprint(trial+1, ".img"))
		err := disk.clone(clone)
		running.kill()
		if err != nil {
			t.Fatal(err)
		}
		if err := disk.cut(clone); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	senders.Wait()
	running, took := w.mustStart(t)
	a.recovered = append(a.recovered, took)
	w.settle(t, sent, &a)
	w.stop(t, running)
	return a
}
