package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// lastWordsLimit bounds what is said before the process ends: nobody may read it.
const lastWordsLimit = time.Second

// lastWords are said when a second signal ends the process at once.
type lastWords struct {
	mutex sync.Mutex
	speak func() // nil while there is nothing to say
}

// set has a function called ahead of the end.
func (w *lastWords) set(speak func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.speak = speak
}

func (w *lastWords) say() {
	w.mutex.Lock()
	speak := w.speak
	w.mutex.Unlock()
	if speak == nil {
		return
	}
	said := make(chan struct{})
	go func() { // ends with the process at the latest
		defer close(said)
		speak()
	}()
	limit := time.NewTimer(lastWordsLimit)
	defer limit.Stop()
	select {
	case <-said:
	case <-limit.C:
	}
}

// untilSignal returns a context that ends at the first signal to stop. A second one ends the process at once, after its last
// words; a third does not wait for those. Release takes no more signals.
func untilSignal(words *lastWords) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals, released := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-signals:
			cancel()
		case <-released:
			return
		}
		select {
		case again := <-signals:
			signal.Reset(os.Interrupt, syscall.SIGTERM)
			words.say()
			end(again)
		case <-released:
		}
	})
	return ctx, func() {
		close(released)
		watching.Wait()
		signal.Stop(signals)
		cancel()
	}
}

// end ends the process as the signal would have done, so that whoever started it is told so.
func end(again os.Signal) {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(again)
	}
	if err != nil { // a system without such signals
		os.Exit(exitFailed)
	}
}
