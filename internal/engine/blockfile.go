package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// readBlock reads a block into a buffer that may be used again.
func readBlock(folder, stream string, number int, buffer []byte) (*block, error) {
	content, err := readInto(buffer, filepath.Join(folder, strconv.Itoa(number)+".blk"))
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return newBlock(folder, stream, number, content)
}

// readInto reads a file into a buffer that may be used again: a store has gigabytes of them.
func readInto(buffer []byte, path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	buffer = slices.Grow(buffer[:0], int(info.Size()))[:info.Size()]
	size, err := io.ReadFull(file, buffer)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) { // a server that runs has just made it shorter
		err = nil
	}
	return buffer[:size], err
}

// blockNumbers lists the blocks of a folder in their order; none when there is no such folder.
func blockNumbers(folder string) (numbers []int, err error) {
	files, err := blockFiles(folder)
	for _, file := range files {
		if number, ok := blockNumber(file); ok {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers, err
}

// blockFiles lists what has or had the name of a block, in whatever form. What is no file is refused: the server reads through
// a link, waits for a pipe, and neither may be taken for a block that is gone.
func blockFiles(folder string) (names []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".blk") && !strings.HasSuffix(name, foundSuffix) {
			continue
		}
		switch path := filepath.Join(folder, name); {
		case entry.Type()&fs.ModeSymlink != 0:
			return nil, fmt.Errorf("%s is a link: move the file that it leads to there", path)
		case !entry.Type().IsRegular():
			return nil, fmt.Errorf("%s is no file: move it away", path)
		}
		names = append(names, name)
	}
	return names, nil
}

// blockNumber returns the number in the name of a block, as the server writes it.
func blockNumber(file string) (number int, ok bool) {
	name, isBlock := strings.CutSuffix(file, ".blk")
	parsed, err := strconv.ParseUint(name, 10, 32)
	return int(parsed), isBlock && err == nil && strconv.FormatUint(parsed, 10) == name
}

// writeSafely writes a file in one step, safe against power loss.
func writeSafely(path string, content []byte) error {
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
