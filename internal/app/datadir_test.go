package app_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/app"
)

// tree lists what is below a directory, with modes and sizes.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			all = append(all, strings.TrimPrefix(path, dir)+" "+info.Mode().String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestADataDirectoryThatCannotBeUsedIsAMistake(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(dir string) error
		data    string // below the directory
		want    string // after the line; empty when it is fine
	}{
		"not there":                    {nil, "data", ""},
		"not there, nor what is above": {nil, "a/b/c", ""},
		"there":                        {func(dir string) error { return os.Mkdir(dir+"/data", 0o700) }, "data", ""},
		"a file":                       {func(dir string) error { return os.WriteFile(dir+"/data", nil, 0o600) }, "data", "data: DIR/data is a file and no directory"},
		"a file above":                 {func(dir string) error { return os.WriteFile(dir+"/a", nil, 0o600) }, "a/b/c", "data: DIR/a is a file and no directory"},
		"a link to nothing":            {func(dir string) error { return os.Symlink("nothing", dir+"/data") }, "data", "data: DIR/data is a link that leads nowhere"},
		"a link to nothing above":      {func(dir string) error { return os.Symlink("nothing", dir+"/a") }, "a/b", "data: DIR/a is a link that leads nowhere"},
		"a link to itself":             {func(dir string) error { return os.Symlink("data", dir+"/data") }, "data", "data: DIR/data is a link that leads nowhere"},
		"a file in place of events": {func(dir string) error {
			return errors.Join(os.Mkdir(dir+"/data", 0o700), os.WriteFile(dir+"/data/events", nil, 0o600))
		}, "data", "data: DIR/data/events is a file and no directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if test.prepare != nil {
				if err := test.prepare(dir); err != nil {
					t.Fatal(err)
				}
			}
			before := tree(t, dir)
			config, err := app.ParseConfig([]byte("listen: 127.0.0.1:0\ndata: " + filepath.Join(dir, test.data) + "\n"))
			if err != nil {
				t.Fatal(err)
			}
			want := []string(nil)
			if test.want != "" {
				want = []string{"line 2: " + strings.ReplaceAll(test.want, "DIR", dir)}
			}
			if diff := cmp.Diff(want, app.Mistakes(config.CheckData(false))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
				t.Errorf("it has changed something:\n%s", diff)
			}
			server, err := build(t, "listen: 127.0.0.1:0\ndata: "+filepath.Join(dir, test.data)+"\n", options(t, nil))
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if err := server.Run(ctx, func(string) { stop() }); (err != nil) != (test.want != "") {
				t.Errorf("the check and the server are not of one mind: %v", err)
			}
		})
	}
}

func TestADataDirectoryThatAnotherServerHasIsAMistakeUnlessItIsMeant(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	text := small(t.TempDir())
	_, drain := start(t, text, nil)
	config, err := app.ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got := app.Mistakes(config.CheckData(false))
	if len(got) != 1 || !strings.HasPrefix(got[0], "line 2: data: another process uses this directory") {
		t.Errorf("got %q", got)
	}
	if err := config.CheckData(true); err != nil {
		t.Errorf("the server that runs is in its own way: %v", err)
	}
	if err := drain(); err != nil {
		t.Fatal(err)
	}
	if err := config.CheckData(false); err != nil {
		t.Errorf("after it has ended: %v", err)
	}
}
