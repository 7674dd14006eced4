package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ours is the path of this module. A module with parts of its own requires it.
const ours = "funnelweb"

// Module is where a part is written.
type Module struct {
	Root string // folder of go.mod
	Name string // path of the module
}

// IsOurs reports whether it is this repository, not one that builds on it.
func (m Module) IsOurs() bool { return m.Name == ours }

func (m Module) path(file string) string { return filepath.Join(m.Root, filepath.FromSlash(file)) }

// findModule looks for go.mod in dir and above.
func findModule(dir string) (Module, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return Module{}, fmt.Errorf("find the module of %s: %w", dir, err)
	}
	for root := start; ; root = filepath.Dir(root) {
		text, err := os.ReadFile(filepath.Join(root, "go.mod"))
		if err == nil {
			return parseModule(root, string(text))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return Module{}, fmt.Errorf("read go.mod: %w", err)
		}
		if root == filepath.Dir(root) {
			return Module{}, errors.New("there is no go.mod here or above: a part is written into the clone of Funnelweb, or into a module " +
				"of your own that requires it (see docs/parts.md)")
		}
	}
}

// parseModule reads the two lines of go.mod that matter here: the go command writes each of them in one way.
func parseModule(root, text string) (Module, error) {
	module, requires := Module{Root: root}, false
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) != 2 {
			continue
		}
		switch {
		case fields[0] == "module":
			module.Name = unquote(fields[1])
		case unquote(fields[0]) == ours:
			requires = true
		}
	}
	if module.Name == "" {
		return Module{}, fmt.Errorf("%s names no module", filepath.Join(root, "go.mod"))
	}
	if !requires && !module.IsOurs() {
		return Module{}, fmt.Errorf("the module %s does not require %s, so that it cannot have parts of it; add that with:\n"+
			"  go mod edit -require=%[2]s@v0.0.0 -replace=%[2]s=FOLDER_OF_THE_CLONE", module.Name, ours)
	}
	return module, nil
}

func unquote(text string) string {
	if plain, err := strconv.Unquote(text); err == nil {
		return plain
	}
	return text
}
