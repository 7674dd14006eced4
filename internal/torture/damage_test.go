package torture

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hit is what was done to the files of a store.
type hit struct {
	what   string   // for the report
	detail string   // which files and bytes
	stream string   // whose files they are; empty where they are of none
	texts  [][]byte // of the records that were in use and are destroyed
}

func (h hit) String() string {
	return fmt.Sprintf("%s (%s): %d records destroyed", h.what, h.detail, len(h.texts))
}

// expendable are the streams that are made anew without loss: they only remember calls.
func expendable(stream string) bool {
	return slices.Contains([]string{"KV_answers", "KV_quota", "KV_breakers", "PROBE"}, stream)
}

// damage damages a store in one way.
func damage(t *testing.T, dir string, random *rand.Rand) hit {
	t.Helper()
	switch random.IntN(8) {
	case 0:
		return moveAway(t, dir, random)
	case 1, 2:
		if several := withSeveralFiles(t, dir); len(several) > 0 {
			return swapFiles(t, several[random.IntN(len(several))], random)
		}
	}
	return damageFile(t, dir, anyFile(t, dir, random), random)
}

// moveAway renames the folder of a stream to a place outside of the store, as an operator might.
func moveAway(t *testing.T, dir string, random *rand.Rand) hit {
	t.Helper()
	folders := slices.DeleteFunc(glob(t, filepath.Join(dir, "jetstream", "$G", "streams", "*")), func(folder string) bool {
		stream := filepath.Base(folder)
		return !expendable(stream) && stream != "KV_ledger" && !strings.HasPrefix(stream, "EV_")
	})
	folder := folders[random.IntN(len(folders))]
	h := hit{what: "moved away: " + filepath.Base(folder), detail: "the folder", stream: filepath.Base(folder)}
	used := inUse(t, folder)
	for _, path := range glob(t, filepath.Join(folder, "msgs", "*.blk")) {
		content := read(t, path)
		h.texts = append(h.texts, destroyed(content, 0, int64(len(content)), used)...)
	}
	if err := os.Rename(folder, filepath.Join(t.TempDir(), filepath.Base(folder))); err != nil {
		t.Fatal(err)
	}
	return h
}

// withSeveralFiles are the folders of streams that have more than one file of messages.
func withSeveralFiles(t *testing.T, dir string) []string {
	t.Helper()
	return slices.DeleteFunc(glob(t, filepath.Join(dir, "jetstream", "$G", "streams", "*")), func(folder string) bool {
		return len(glob(t, filepath.Join(folder, "msgs", "*.blk"))) < 2
	})
}

// swapFiles gives two files of messages of a stream each other's name. That destroys no record.
func swapFiles(t *testing.T, folder string, random *rand.Rand) hit {
	t.Helper()
	blocks := glob(t, filepath.Join(folder, "msgs", "*.blk"))
	random.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	one, two := blocks[0], blocks[1]
	for _, step := range [][2]string{{one, one + ".swap"}, {two, one}, {one + ".swap", two}} {
		if err := os.Rename(step[0], step[1]); err != nil {
			t.Fatal(err)
		}
	}
	stream := filepath.Base(folder)
	return hit{what: "two files swapped: " + stream, detail: filepath.Base(one) + " and " + filepath.Base(two), stream: stream}
}

// anyFile is a file of the store: half of the time one with messages, and half of those what other events need.
func anyFile(t *testing.T, dir string, random *rand.Rand) string {
	t.Helper()
	var files, blocks, needed []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == "damaged" {
			return filepath.SkipDir // what was put aside before
		}
		if err != nil || !entry.Type().IsRegular() || entry.Name() == "lock" {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Size() == 0 {
			return err
		}
		files = append(files, path)
		if strings.HasSuffix(path, ".blk") {
			blocks = append(blocks, path)
			if stream := streamOf(path); stream == "KV_ledger" || stream == "KV_answers" {
				needed = append(needed, path)
			}
		}
		return nil
	})
	if err != nil || len(blocks) == 0 {
		t.Fatal("no files of the store: ", err)
	}
	switch chance := random.IntN(4); {
	case chance == 0 && len(needed) > 0:
		return needed[random.IntN(len(needed))]
	case chance < 2:
		return blocks[random.IntN(len(blocks))]
	}
	return files[random.IntN(len(files))]
}

// damageFile damages one file.
func damageFile(t *testing.T, dir, path string, random *rand.Rand) hit {
	t.Helper()
	content := read(t, path)
	from, to := random.Int64N(int64(len(content))), int64(len(content))
	var name string
	var after []byte
	switch random.IntN(5) {
	case 0:
		name = "cut short"
		if random.IntN(2) == 0 {
			from = to - 1 - random.Int64N(min(to, 64))
		}
		after = content[:from]
	case 1:
		name, to = "bytes flipped", min(to, from+1+random.Int64N(8))
		after = bytes.Clone(content)
		for i := from; i < to; i++ {
			after[i] ^= byte(1 + random.IntN(255))
		}
	case 2: // what some file systems leave after a power cut
		name = "zeros to its end"
		after = append(bytes.Clone(content[:from]), make([]byte, to-from)...)
	case 3:
		name, from = "emptied", 0
	case 4:
		name, from = "deleted", 0
	}
	h := hit{what: name + ": " + kindOf(path), detail: fmt.Sprintf("%s, bytes %d to %d", path[len(dir):], from, to), stream: streamOf(path)}
	if strings.HasSuffix(path, ".blk") {
		h.texts = destroyed(content, from, to, inUse(t, filepath.Dir(filepath.Dir(path))))
	}
	err := os.WriteFile(path, after, 0o600)
	if name == "deleted" {
		err = os.Remove(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// streamOf is the stream that a file of messages or of queues belongs to.
func streamOf(path string) string {
	_, rest, _ := strings.Cut(path, "/streams/")
	stream, _, _ := strings.Cut(rest, "/")
	return stream
}

func kindOf(path string) string {
	stream := or(streamOf(path), "store")
	if strings.Contains(path, "/obs/") {
		return stream + " consumer " + filepath.Base(path)
	}
	return stream + " " + filepath.Base(path)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
