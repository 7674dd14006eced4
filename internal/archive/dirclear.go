package archive

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// Clear removes the objects of a folder, whose name ends in a slash: the one thing that is ever removed is a journal whose
// hour is sealed, as everything in it is in the manifest then. What somebody else has removed is no error.
func (d *Dir) Clear(ctx context.Context, folder string) error {
	if err := checkKey(folderPath(folder)); err != nil {
		return badKey(dirService, clearOp, err)
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return dirError(clearOp, err)
	}
	defer func() { _ = root.Close() }()
	for _, entry := range entries(root, folderPath(folder)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !entry.Type().IsRegular() {
			continue
		}
		if err := root.Remove(folder + entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return dirError(clearOp, err)
		}
	}
	_ = root.Remove(folderPath(folder)) // it stays where something else is in it
	return nil
}
