package torture

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// What the long run is told. Without -torture.trials a few trials of each kind are run.
var (
	trials   = flag.Int("torture.trials", 0, "trials of all kinds together; 0 for a few of each")
	seed     = flag.Uint64("torture.seed", 0, "begin of the random numbers; 0 for a new one, which is printed")
	from     = flag.Int("torture.from", 0, "leave out the worlds of each kind before this one, to go on where a run was ended")
	parallel = flag.Int("torture.worlds", 4, "worlds of a kind at once")
	page     = flag.String("torture.report", "", "write the report to this file")
	only     = flag.String("torture.only", "", "run only this kind of trial")
	kept     = flag.String("torture.keep", "", "keep data, log and stacks of servers that did not do all in this folder")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "64"); err != nil { // worlds mostly wait; -torture.worlds bounds them
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(filepath.Join(os.TempDir(), fmt.Sprint("funnelweb-torture-", os.Getpid())))
		os.Exit(code)
	}))
}

// binary builds the program once; it is what an operator runs, without what a debugger needs, which takes long to link.
var binary = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprint("funnelweb-torture-", os.Getpid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	built := filepath.Join(dir, "funnelweb")
	if output, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", built, "funnelweb/cmd/funnelweb").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, output)
	}
	return built, nil
})

// kind is one way to torture.
type kind struct {
	name  string
	what  string // in the report
	short int    // trials in an ordinary test
	share int    // of 100 trials in the long run
	world int    // trials in one world, at most
	apart bool   // in an ordinary test each trial has a world of its own, as each waits for what it left undone
	run   func(t *testing.T, random *rand.Rand, trials int) account
}

func kinds() []kind {
	return []kind{
		{"kill", "kill -9 at a random moment, while senders, Jira, Active Directory and VirusTotal go on", 3, 52, 13, false, tortureByKill},
		{"power", "power cut: the process frozen, its file system's image cloned, mounted and started on", 1, 10, 5, false, tortureByPowerCut},
		{"torn", "a file of the store cut short, emptied, deleted, bytes of it flipped, its end all zeros, two swapped, or a folder moved away, while the server is down", 2, 12, 6, true, tortureByDamage},
		{"full", "the disk filled to the last byte by somebody else, and emptied", 1, 2, 1, false, tortureByFullDisk},
		{"jira", "Jira commits and cuts, cuts before, answers HTML, 429 with Retry-After, or 500 for an hour", 4, 16, 8, true, tortureByJira},
		{"clock", "the clock jumps back or forth by a second to three days", 3, 8, 8, false, tortureByClock},
	}
}

// TestTorture runs the trials of every kind, in worlds of their own, and reports what was counted. Bar: nothing lost, nothing
// twice. The times are reported and judge nothing.
func TestTorture(t *testing.T) {
	t.Parallel()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("go on with: TRIALS=%d SEED=%d FROM=… make torture", *trials, *seed)
	report := report{seed: *seed, began: time.Now(), rows: make([]row, len(kinds()))}
	t.Run("kinds", func(t *testing.T) {
		for i, kind := range kinds() {
			report.rows[i].kind = kind
			if *only != "" && *only != kind.name {
				continue
			}
			t.Run(kind.name, func(t *testing.T) {
				t.Parallel()
				kind.all(t, &report.rows[i])
			})
		}
	})
	t.Logf("\n%s", report.table())
	if *page != "" {
		report.lag = lagTable(t)
		if err := os.WriteFile(*page, []byte(report.markdown()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// all runs the trials of a kind, divided into worlds.
func (k kind) all(t *testing.T, into *row) {
	t.Helper()
	count := k.short
	if *trials > 0 {
		count = max(1, *trials*k.share/100)
	}
	var mutex sync.Mutex
	free := make(chan struct{}, *parallel)
	t.Cleanup(func() { into.took = time.Since(into.began) })
	into.began = time.Now()
	for world := 0; count > 0; world++ {
		size := min(k.world, count)
		if k.apart && *trials == 0 {
			size = 1
		}
		count -= size
		if world < *from {
			continue
		}
		t.Run(fmt.Sprint(world), func(t *testing.T) {
			t.Parallel()
			free <- struct{}{}
			defer func() { <-free }()
			random := rand.New(rand.NewPCG(*seed, uint64(world)))
			got := k.run(t, random, size)
			mutex.Lock()
			defer mutex.Unlock()
			into.add(got)
			t.Logf("%s %d: %s", k.name, world, got)
			if len(got.lost)+len(got.twice) > 0 {
				t.Errorf("lost %q, twice %q", got.lost, got.twice)
			}
		})
	}
}

// patience bounds the wait for a condition; nothing depends on being faster. The longest waits are those for an event whose
// worker could not tell the store what became of it (a minute) and for an effect whose outcome is not known (Effect.Limit and search_lag).
const patience = 150 * time.Second

// until asks until the answer is nil, and reports the last reason when patience ends.
func until(t *testing.T, ask func() error) error {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-t.Context().Done():
			return err
		case <-end.C:
			return err
		case <-tick.C:
		}
	}
}
