package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// tortureByFullDisk lets somebody else fill the disk under the server while it is sent alerts, and lets them go again. The
// server must refuse, say that it is not ready, lose nothing of what it accepted, and work again by itself.
func tortureByFullDisk(t *testing.T, random *rand.Rand, trials int) account {
	t.Helper()
	disk := newImage(t, 512)
	w := newWorld(t, options{data: filepath.Join(disk.mount, "data")})
	a := account{trials: trials}
	sent := newTally()
	sending, stop := context.WithCancel(t.Context())
	defer stop()
	running, _ := w.mustStart(t)
	senders := w.send(sending, sent, random, 3, 1500, 10*time.Millisecond)
	for range trials {
		before := sent.count()
		w.awaitAccepted(t, sent, before+20)
		left := []int64{0, 1 << 20, 40 << 20}[random.IntN(3)]
		a.note(fmt.Sprintf("left on the disk %d MiB", left>>20))
		filler := fill(t, disk.mount, left)
		if err := until(t, func() error { return w.refuses(t.Context(), sent) }); err != nil {
			t.Errorf("on the full disk: %v\n%s", err, w.logTail())
		}
		rest(t.Context(), time.Duration(random.IntN(2000))*time.Millisecond)
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := until(t, func() error {
			if !w.isReady(t.Context()) {
				return errors.New("not ready although there is room again")
			}
			return nil
		}); err != nil {
			t.Errorf("%v\n%s", err, w.logTail())
		}
		a.recovered = append(a.recovered, time.Since(began))
		w.awaitAccepted(t, sent, sent.count()+20)
	}
	stop()
	senders.Wait()
	w.settle(t, sent, &a)
	w.stop(t, running)
	return a
}

// refuses returns nil when the server answers 503 and is not ready.
func (w *world) refuses(ctx context.Context, sent *tally) error {
	if sent.statuses()[http.StatusServiceUnavailable] == 0 {
		return fmt.Errorf("no 503 among %v", sent.statuses())
	}
	if w.isReady(ctx) {
		return errors.New("it says that it is ready")
	}
	return nil
}

func (w *world) awaitAccepted(t *testing.T, sent *tally, count int) {
	t.Helper()
	err := until(t, func() error {
		if got := sent.count(); got < count {
			return fmt.Errorf("%d of %d accepted, refused %v", got, count, sent.statuses())
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, w.logTail())
	}
}

// fill takes all of a file system but some bytes.
func fill(t *testing.T, mount string, left int64) string {
	t.Helper()
	file, err := os.Create(filepath.Join(mount, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for size := int64(0); ; {
		var stat syscall.Statfs_t
		if err := syscall.Statfs(mount, &stat); err != nil {
			t.Fatal(err)
		}
		part := int64(stat.Bavail)*stat.Bsize - left
		if part <= 0 {
			return file.Name()
		}
		err := syscall.Fallocate(int(file.Fd()), 0, size, part)
		if errors.Is(err, syscall.ENOSPC) { // others write too
			part = 4096
			err = syscall.Fallocate(int(file.Fd()), 0, size, part)
		}
		switch {
		case errors.Is(err, syscall.ENOSPC):
			return file.Name()
		case err != nil:
			t.Fatal(err)
		}
		size += part
	}
}
