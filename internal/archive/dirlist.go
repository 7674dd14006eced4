package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"syscall"

	"funnelweb/framework"
)

// List yields the keys of a range in byte order. It reads the folders that can hold such keys, and those above them,
// nothing else; a folder is read whole.
func (d *Dir) List(ctx context.Context, prefix, from, to string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		asked, err := newSpan(prefix, from, to)
		if err != nil {
			yield("", badKey(dirService, listOp, err))
			return
		}
		if asked.empty {
			return
		}
		root, err := os.OpenRoot(d.path)
		if errors.Is(err, fs.ErrNotExist) {
			return // nothing was stored yet
		}
		if err != nil {
			yield("", dirError(listOp, err))
			return
		}
		defer func() { _ = root.Close() }()
		folder, _ := splitBound(asked.prefix)
		walk{root.Open, asked, yield}.folder(ctx, folder)
	}
}

// walk is one List under way.
type walk struct {
	open  func(folder string) (*os.File, error)
	asked span
	yield func(string, error) bool
}

// folder yields what is in a folder, which is empty or ends in a slash, and reports whether to go on.
func (w walk) folder(ctx context.Context, folder string) bool {
	if err := ctx.Err(); err != nil {
		w.yield("", fmt.Errorf("list the archive: %w", err))
		return false
	}
	names, err := w.names(folder)
	if err != nil {
		w.yield("", dirError(listOp, err))
		return false
	}
	for _, name := range names {
		goOn := false
		if strings.HasSuffix(name, "/") {
			goOn = w.folder(ctx, folder+name)
		} else {
			goOn = w.yield(folder+name, nil)
		}
		if !goOn {
			return false
		}
	}
	return true
}

// names returns what is wanted of a folder. Folders have a slash at the end, and with it they sort as the keys
// below them do: "a-b" comes before "a/c".
func (w walk) names(folder string) ([]string, error) {
	opened, err := w.open(folderPath(folder))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil // an object, or nothing, where the prefix has a folder
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }()
	found, err := opened.ReadDir(-1)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(found))
	for _, entry := range found {
		name := entry.Name()
		switch {
		case checkKey(folder+name) != nil: // not ours: temporary files, or something put there by hand
		case entry.IsDir() && w.asked.mayHold(folder+name+"/"):
			names = append(names, name+"/")
		case entry.Type().IsRegular() && w.asked.has(folder+name):
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

var _ framework.Archive = (*Dir)(nil)
