package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"funnelweb/framework"
	"funnelweb/internal/engine"
)

// CheckData finds what would keep a server from using its data directory, as Mistakes; it makes and changes nothing. What is
// not there yet is fine where it could be made. With live, another process may have the directory: the server itself.
func (c *Config) CheckData(live bool) error {
	if c.Data == "" {
		return nil // ParseConfig has said so
	}
	err := checkDir(c.Data)
	if err == nil {
		err = errors.Join(checkDir(c.eventsDir()), checkReadable(TokenFile(c.Data)))
	}
	if err == nil {
		err = errors.Join(checkOthers(c.Data), engine.CheckAccess(c.eventsDir()))
	}
	if err == nil && !live {
		err = engine.CheckLock(c.eventsDir())
	}
	if err == nil {
		return nil
	}
	message := err.Error()
	if errors.Is(err, engine.ErrLocked) {
		message = "another process uses this directory; stop it, or say --live if it is the server that runs with this configuration"
	}
	return &framework.Mistake{Line: c.lines.near("data"), Path: "data", Message: message}
}

// checkDir tells why a directory could not be written to, or made.
func checkDir(dir string) error { return checkDirFor(dir, dir) }

// checkDirFor looks at the next directory above one that is to be made.
func checkDirFor(dir, wanted string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is a file and no directory", dir)
	case err == nil && !mayWrite(dir):
		return fmt.Errorf("this user may not write to %s: %s", dir, engine.WhoMay(wanted, dir))
	case err == nil:
		return nil
	case isLink(dir):
		return fmt.Errorf("%s is a link that leads nowhere", dir)
	case !errors.Is(err, fs.ErrNotExist) && !isFileAbove(err):
		return fmt.Errorf("look at the directory: %w", err)
	}
	above := filepath.Dir(dir)
	if above == dir {
		return fmt.Errorf("look at the directory: %w", err)
	}
	return checkDirFor(above, wanted)
}

// secureData refuses a data directory in which others could put what the server believes, and closes to others what is in it of
// events, as they hold what alerts hold, and the access token, as after cp -r.
func secureData(data string) error {
	if err := checkOthers(data); err != nil {
		return err
	}
	return errors.Join(closeToOthers(filepath.Join(data, eventsFolder), data), closeToOthers(TokenFile(data), data))
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// checkReadable tells why a file, if it is there, could not be read.
func checkReadable(file string) error {
	opened, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return opened.Close()
}
