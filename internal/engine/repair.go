package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Where the server meets a damaged record it cuts the file off in front of it, with all that is whole behind it, or answers
// as if there were no such message, or not at all. So before it starts all records are checked, and those that are damaged
// taken out. What the files were like is kept in damagedDir.

// repairStore puts blocks in their places and takes what is damaged out of the files of all streams in a store's directory, of
// which no server may be running.
func repairStore(dir string, now time.Time, log *slog.Logger) error {
	aside := filepath.Join(dir, damagedDir, now.UTC().Format(damagedAt))
	if err := putInPlace(dir, aside, log); err != nil {
		return fmt.Errorf("put messages in their places: %w", err)
	}
	notes := map[string]wholeNote{}
	err := eachStream(dir, func(found *injury) error {
		notes[found.stream] = wholeNote{Blocks: found.whole}
		if !found.isHurt() {
			return nil
		}
		aside := filepath.Join(aside, found.stream)
		if err := found.repair(filepath.Join(streamsIn(dir), found.stream, "msgs"), aside, now); err != nil {
			return fmt.Errorf("repair %s: %w", found.stream, err)
		}
		found.tell(log, aside)
		return nil
	})
	if err != nil {
		return err
	}
	if err := noteChecked(dir, notes); err != nil {
		log.Warn("it is not noted which files of messages are whole: the next start reads them again", "err", err)
	}
	return nil
}

// tell says what is damaged and what is gone.
func (i *injury) tell(log *slog.Logger, aside string) {
	if len(i.damaged) > 0 {
		log.Warn("records of the store are damaged; they are left out, and the rest is kept", "stream", i.stream,
			"damaged", i.holes, "about", i.about, "put_aside", aside)
	}
	lost := i.lost()
	if len(lost) == 0 {
		return
	}
	const most = 20
	sequences, messages := []string{}, 0
	for n, one := range lost {
		messages += one.messages
		if n < most {
			sequences = append(sequences, one.String())
		}
	}
	say := log.Error
	if isExpendable(i.stream) {
		say = log.Warn // nothing that matters
	}
	say("messages of the store are gone with their files: they cannot be brought back except from a backup",
		"stream", i.stream, "sequences", strings.Join(sequences, ","), "at_most", messages)
}

// noteChecked notes which blocks are whole. What was read may not be on the disk yet: the process that wrote it was killed.
func noteChecked(dir string, notes map[string]wholeNote) error {
	for stream, noted := range notes {
		if noted.isNoted(dir, stream) {
			delete(notes, stream)
		}
	}
	if len(notes) == 0 {
		return nil
	}
	sync, shut, err := storeSync(dir)
	if err != nil {
		return err
	}
	errs := []error{sync()}
	for stream, noted := range notes {
		if errs[0] == nil {
			errs = append(errs, writeWhole(dir, stream, noted))
		}
	}
	return errors.Join(append(errs, shut())...)
}

// isDamaged reports whether repairStore would find something once the server has met damage: nothing that is noted is believed
// until then. While a server is running a file may be read half written.
func isDamaged(dir string) (damaged bool, err error) {
	if err := doubtWhole(dir); err != nil {
		return false, err
	}
	err = eachStream(dir, func(found *injury) error {
		damaged = damaged || found.isHurt()
		return nil
	})
	return damaged, err
}

func eachStream(dir string, do func(*injury) error) error {
	streams, err := folders(streamsIn(dir))
	if err != nil {
		return err
	}
	for _, stream := range streams {
		found, err := examine(dir, stream)
		if err != nil {
			return fmt.Errorf("check %s: %w", stream, err)
		}
		if err := do(found); err != nil {
			return err
		}
	}
	return nil
}

// repair puts the files aside and whole ones in their place, one after the other. Cut short at any point the next start goes
// on with those that are still damaged: which place is the last is held first.
func (i *injury) repair(folder, aside string, now time.Time) error {
	if err := errors.Join(os.MkdirAll(aside, 0o700), os.MkdirAll(folder, 0o700)); err != nil {
		return err
	}
	summaries := []string{"index.db", "thw.db"} // the server makes them from the messages
	for _, name := range summaries {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err == nil {
			err = writeSafely(filepath.Join(aside, name), content)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if i.end > i.last {
		keeper, err := newBlock(folder, i.stream, i.next, nil)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(keeper.path); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fmt.Errorf("%s is in the way: it was not there a moment ago", keeper.path), err)
		}
		if err := writeSafely(keeper.path, keeper.removal(i.end, now.UnixNano())); err != nil {
			return err
		}
	}
	for _, name := range summaries {
		if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	var content []byte
	for _, number := range i.damaged {
		read, err := readBlock(folder, i.stream, number, content)
		if err != nil {
			return err
		}
		content = read.content
		if err := writeSafely(filepath.Join(aside, filepath.Base(read.path)), content); err != nil {
			return err
		}
		whole, _, _ := read.sift()
		if err := writeSafely(read.path, whole); err != nil {
			return err
		}
	}
	return nil
}
