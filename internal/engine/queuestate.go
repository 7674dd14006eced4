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
		there := err == nil
		if !there && !isQueue(folder) || string(state) == tornState { // a stream has none
			return nil
		}
		sum := readSum(filepath.Join(e.opts.Dir, copiesDir, folder, stateSum))
		if (sum == nil || bytes.Equal(sum, sumOf(state))) && wholeState(state) {
			return nil
		}
		return e.markTorn(folder, path, state, there)
	})
}

// tornState is in the place of a queue's state that is damaged: nothing that the server could read.
const tornState = "damaged"

// markTorn keeps a queue's state and has the server pass over the queue.
func (e *Engine) markTorn(folder, path string, state []byte, there bool) error {
	if there {
		stream, _, _ := strings.Cut(folder, string(filepath.Separator))
		part := filepath.Join(stream, filepath.Base(folder))
		if err := keepAside(e.opts.Dir, e.now(), part, map[string][]byte{"o.dat": state}); err != nil {
			return err
		}
	}
	if err := writeSafely(path, []byte(tornState)); err != nil {
		return fmt.Errorf("mark the state of a queue as damaged: %w", err)
	}
	return nil
}

// readSum returns the checksum of a queue's state, or nil where there is none that can be one: a power cut leaves files empty, or
// full of zeroes. The state is then taken as it is after a kill.
func readSum(path string) []byte {
	sum, err := os.ReadFile(path)
	if err != nil || len(sum) != sha256.Size || bytes.Equal(sum, make([]byte, sha256.Size)) {
		return nil
	}
	return sum
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
		files, err := newDescription(filepath.Join(copies, folder), to)
		if err == nil {
			err = writeAll(e.opts.Dir, files)
		}
		if err != nil {
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
// The states are safe against power loss first: a checksum of what is lost would refuse what was there before.
func sumStates(dir string) error {
	sums := map[string][]byte{}
	if err := eachDescription(streamsIn(dir), func(folder string) error {
		state, err := os.ReadFile(filepath.Join(streamsIn(dir), folder, "o.dat"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		sums[filepath.Join(dir, copiesDir, folder, stateSum)] = sumOf(state)
		return err
	}); err != nil {
		return err
	}
	return writeAll(dir, sums) // its first sync is of the states too
}

// dropSums removes the checksums, for good: a server will change what they are of, and one that came back after a power cut
// would refuse that.
func dropSums(dir string) error {
	dropped := false
	if err := eachDescription(filepath.Join(dir, copiesDir), func(folder string) error {
		path := filepath.Join(dir, copiesDir, folder, stateSum)
		err := os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if dropped = true; err == nil && syncAlways { // one sync for all there is none
			err = syncFolder(filepath.Dir(path))
		}
		return err
	}); err != nil || !dropped {
		return err
	}
	sync, shut, err := storeSync(dir)
	if err != nil {
		return err
	}
	return errors.Join(sync(), shut())
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
