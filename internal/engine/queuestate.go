package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// rejectTorn has the server pass over consumers whose state is gone or cut short, or is not what the server left. By itself it
// takes an empty one for new, and what lacks the end for whole: it would forget what was delivered and not finished.
func (e *Engine) rejectTorn() error {
	if err := e.restoreQueues(); err != nil {
		return err
	}
	return eachDescription(e.streamsDir(), func(folder string) error {
		path := filepath.Join(e.streamsDir(), folder, "o.dat")
		state, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read state of queue: %w", err)
		}
		there := err == nil || isQueue(folder) // a stream has none
		sum, err := os.ReadFile(filepath.Join(e.opts.Dir, copiesDir, folder, stateSum))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read checksum of the state of a queue: %w", err)
		}
		ended := err == nil // the server was stopped in order, and there is a sum of what it left
		if (!ended || bytes.Equal(sum, sumOf(state))) && (!there || wholeState(state)) {
			return nil
		}
		if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
			return fmt.Errorf("mark the state of a queue as damaged: %w", err)
		}
		return nil
	})
}

// restoreQueues puts the descriptions of queues in place whose folders are gone. A queue that is given up loses its copy first.
func (e *Engine) restoreQueues() error {
	copies := filepath.Join(e.opts.Dir, copiesDir)
	return eachDescription(copies, func(folder string) error {
		stream, _, _ := strings.Cut(folder, string(filepath.Separator))
		to := filepath.Join(e.streamsDir(), folder)
		if !isQueue(folder) || isThere(filepath.Join(to, "meta.inf")) || !isThere(filepath.Join(e.streamsDir(), stream)) {
			return nil
		}
		if err := copyDescription(filepath.Join(copies, folder), to); err != nil {
			return fmt.Errorf("restore description of a queue: %w", err)
		}
		return nil
	})
}

// dropCopy removes the copy of the description of what is removed on purpose, so that no start takes it for lost.
func (e *Engine) dropCopy(folder string) error {
	if e.embedded == nil || e.opts.Inline {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(e.opts.Dir, copiesDir, folder)); err != nil {
		return fmt.Errorf("remove copy of a description: %w", err)
	}
	return nil
}

// isQueue reports whether a folder, relative to that of the streams, is that of a consumer.
func isQueue(folder string) bool { return filepath.Base(filepath.Dir(folder)) == "obs" }

// sumStates writes a checksum of the state of each queue, of which the server keeps none. It holds until a server runs again.
func sumStates(dir string) error {
	return eachDescription(streamsIn(dir), func(folder string) error {
		state, err := os.ReadFile(filepath.Join(streamsIn(dir), folder, "o.dat"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		into := filepath.Join(dir, copiesDir, folder)
		if err = errors.Join(err, os.MkdirAll(into, 0o700)); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(into, stateSum), sumOf(state), 0o600) //nolint:gosec // in the operator's directory
	})
}

// dropSums removes the checksums: a server will change what they are of.
func dropSums(dir string) error {
	return eachDescription(filepath.Join(dir, copiesDir), func(folder string) error {
		err := os.Remove(filepath.Join(dir, copiesDir, folder, stateSum))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func sumOf(state []byte) []byte {
	sum := sha256.Sum256(state)
	return sum[:]
}

// wholeState reports whether a consumer's state ends where its own counts say: two bytes, four numbers, those that are pending
// with a time in front and three numbers each, those delivered again with two each (encodeConsumerState in nats-server/v2 v2.15.2).
func wholeState(state []byte) bool {
	const header, version = 2, 2
	if len(state) < header {
		return false
	}
	if state[1] != version {
		return true // the server knows
	}
	rest, whole := state[header:], true
	number := func() uint64 {
		value, size := binary.Uvarint(rest)
		if size <= 0 {
			whole, rest = false, nil
			return 0
		}
		rest = rest[size:]
		return value
	}
	skip := func(count uint64) {
		for ; whole && count > 0; count-- {
			number()
		}
	}
	most := uint64(len(state)) // more numbers than bytes there cannot be
	skip(4)
	if pending := number(); pending > 0 {
		skip(1 + 3*min(pending, most))
	}
	skip(2 * min(number(), most))
	return whole && len(rest) == 0
}
