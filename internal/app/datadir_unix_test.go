//go:build unix

package app_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"funnelweb/internal/app"
)

// TestADirectoryThatOthersMayChangeIsRefusedByTheCheckAndTheServer: an operator who hears of it only when it is too late has
// forged events in the store.
func TestADirectoryThatOthersMayChangeIsRefusedByTheCheckAndTheServer(t *testing.T) {
	const stranger = 12345
	for _, c := range []struct {
		name         string
		data, events fs.FileMode // 0 for none
		theirs       bool        // the data directory is another user's, as that of a volume is
		want         string      // in the error; empty when it starts
		after        fs.FileMode // of events then
	}{
		{name: "made by the server", after: 0o700},
		{name: "as systemd makes it", data: 0o755, after: 0o700},
		{name: "private", data: 0o700, events: 0o700, after: 0o700},
		{name: "events that others may read", data: 0o755, events: 0o755, after: 0o700},
		{name: "for everybody", data: 0o777, want: "everybody may write to DIR (mode 0777), and so forge events and the access token: run chmod o-w DIR"},
		{name: "for everybody, with a sticky bit", data: 0o777 | fs.ModeSticky, want: "run chmod o-w DIR"},
		{name: "for the group", data: 0o775, want: "the group may write to DIR (mode 0775), and so forge events and the access token: run chmod g-w DIR"},
		{name: "events for everybody", data: 0o700, events: 0o707, want: "run chmod o-w DIR/events"},
		{name: "events for the group", data: 0o700, events: 0o770, want: "run chmod g-w DIR/events"},
		{name: "a volume of the group's", data: 0o775 | fs.ModeSetgid, theirs: true, after: 0o700},
		{name: "a volume whose folders were given to the group since", data: 0o770 | fs.ModeSetgid, events: 0o770 | fs.ModeSetgid, theirs: true, after: 0o770 | fs.ModeSetgid},
		{name: "a volume for everybody", data: 0o777, theirs: true, want: "run chmod o-w DIR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if c.theirs && os.Geteuid() != 0 {
				t.Skip("only root can give a directory away")
			}
			for path, mode := range map[string]fs.FileMode{dir: c.data, filepath.Join(dir, "events"): c.events} {
				if mode == 0 {
					continue
				}
				if err := os.MkdirAll(path, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
			}
			if c.theirs {
				if err := os.Chown(dir, stranger, -1); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(dir, c.data); err != nil { // giving it away takes the bit of the group
					t.Fatal(err)
				}
			}
			want := strings.ReplaceAll(c.want, "DIR", dir)
			text := "listen: 127.0.0.1:0\ndata: " + dir + "\n"
			config, err := app.ParseConfig([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := config.CheckData(false); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("the check says %v", err)
			}
			if _, _, err := app.EnsureAccessToken(dir); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("the access token: %v", err)
			}
			server, err := build(t, text, options(t, nil))
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if err := server.Run(ctx, func(string) { stop() }); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("the server says %v", err)
			}
			if want != "" {
				if _, err := os.Stat(app.TokenFile(dir)); err == nil {
					t.Error("a token was put where others may change it")
				}
				return
			}
			info, err := os.Stat(filepath.Join(dir, "events"))
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode() &^ fs.ModeDir; got != c.after && got != c.after|fs.ModeSetgid {
				t.Errorf("events have mode %s, not %s", got, c.after)
			}
		})
	}
}

// TestAnAccessTokenThatOthersMayReadIsClosedToThem: it may do all that operators may.
func TestAnAccessTokenThatOthersMayReadIsClosedToThem(t *testing.T) {
	for name, c := range map[string]struct {
		token  fs.FileMode
		theirs bool // the data directory is another user's, as that of a volume is
		want   fs.FileMode
	}{
		"as the server makes it":    {0o600, false, 0o600},
		"after cp -r":               {0o644, false, 0o600},
		"for the group":             {0o640, false, 0o600},
		"on a volume of the group":  {0o660, true, 0o660},
		"on a volume, for everyone": {0o664, true, 0o660},
	} {
		t.Run(name, func(t *testing.T) {
			if c.theirs && os.Geteuid() != 0 {
				t.Skip("only root can give a directory away")
			}
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			file, made, err := app.EnsureAccessToken(dir)
			if err != nil || made == "" {
				t.Fatal(made, err)
			}
			if err := os.Chmod(file, c.token); err != nil {
				t.Fatal(err)
			}
			if c.theirs {
				if err := os.Chown(dir, 12345, -1); err != nil {
					t.Fatal(err)
				}
			}
			if _, again, err := app.EnsureAccessToken(dir); err != nil || again != "" {
				t.Fatal(again, err)
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != c.want {
				t.Errorf("mode %04o, want %04o", got, c.want)
			}
		})
	}
}
