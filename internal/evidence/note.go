package evidence

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"funnelweb/framework"
)

// Note is a file of this machine that holds the newest seal, beside the archive and not in it: whoever cuts the end off the
// archive's chain, or makes the chain anew, has to change it too. Each replica has its own.
type Note struct {
	path  string
	place string // of the archive, which a machine may change
}

// NewNote returns the note about the archive at a place. It touches no file yet.
func NewNote(path, place string) *Note { return &Note{path, strings.Join(strings.Fields(place), "_")} }

// Noted is a manifest that was the newest.
type Noted struct {
	Key    string `json:"key"`
	SHA256 Hash   `json:"sha256"`
}

// maxNote is more than any note has: hash, manifest and place.
const maxNote = 4 << 10

// Read returns what is noted of this archive, and nil when nothing is.
func (n *Note) Read() (*Noted, error) {
	info, err := os.Stat(n.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxNote {
		return nil, n.wrong()
	}
	body, err := os.ReadFile(n.path)
	if err != nil {
		return nil, err
	}
	parts := strings.Fields(string(body))
	if len(parts) != 3 {
		return nil, n.wrong()
	}
	hash, ok := ParseHash(parts[0])
	if _, _, isManifest := parseManifestKey(parts[1]); !ok || !isManifest {
		return nil, n.wrong()
	}
	if parts[2] != n.place {
		return nil, nil //nolint:nilnil // it is about the archive that was here before
	}
	return &Noted{parts[1], hash}, nil
}

func (n *Note) wrong() error {
	return fmt.Errorf("%s is not what was noted: hash, manifest and place of the archive in one line", n.path)
}

// write replaces what is noted, whole or not at all.
func (n *Note) write(noted Noted) error {
	temp, err := os.CreateTemp(filepath.Dir(n.path), filepath.Base(n.path)+".*")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(temp, "%s %s %s\n", noted.SHA256, noted.Key, n.place)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), n.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// note notes the newest seal, unless the one that was noted before is not in the chain any more: then that stays, for Verify to
// tell. A note that cannot be made stops no sealing.
func (a *Archive) note(ctx context.Context, newest *Seal) {
	if a.deps.Note == nil || newest == nil || newest.key == "" {
		return
	}
	now := Noted{newest.key, newest.SHA256}
	noted, err := a.deps.Note.Read()
	if err == nil && noted != nil {
		if *noted == now {
			return
		}
		var stands bool
		if stands, err = a.stands(ctx, *noted); err == nil && !stands {
			a.deps.Log.ErrorContext(ctx, "the archive's chain is not what it was: a manifest that was the newest is gone or was made anew; archive verify tells more",
				"manifest", noted.Key, "sha256", noted.SHA256.String())
			return
		}
	}
	if err == nil {
		err = a.deps.Note.write(now)
	}
	if err != nil {
		a.deps.Log.WarnContext(ctx, "the newest seal cannot be noted on this machine", "err", err)
	}
}

// stands reports whether a manifest is still what was noted of it.
func (a *Archive) stands(ctx context.Context, noted Noted) (bool, error) {
	body, err := a.Get(ctx, noted.Key)
	if errors.Is(err, framework.ErrNoObject) || framework.IsPermanent(err) {
		return false, nil
	}
	return err == nil && Hash(sha256.Sum256(body)) == noted.SHA256, err
}

// Noted returns what this machine has noted of the archive, and nil when it has not.
func (a *Archive) Noted() (*Noted, error) {
	if a.deps.Note == nil {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	return a.deps.Note.Read()
}
