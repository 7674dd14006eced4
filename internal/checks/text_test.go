package checks

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

func textRules() []rule {
	return []rule{
		{
			name: "no file knows the machine it was written on", broken: machinePaths,
			planted: map[string]string{
				"docs/notes.md":         "see /ho" + "me/jane/funnelweb and /us" + "r/share/doc\n",
				"internal/engine/go.go": "// Package engine is in /Us" + "ers/jane.\npackage engine\n",
				"scripts/run.sh":        "cat /ro" + "ot/notes\n",
			},
			want: []string{
				"docs/notes.md:1 names a path of somebody's machine",
				"internal/engine/go.go:1 names a path of somebody's machine",
				"scripts/run.sh:1 names a path of somebody's machine",
			},
		},
		{
			name: "no file holds what a merge left", broken: mergeMarkers,
			planted: map[string]string{"docs/notes.md": "a\n" + strings.Repeat("<", 7) + " ours\n"},
			want:    []string{"docs/notes.md:2 is a conflict that was not resolved"},
		},
	}
}

func machinePaths(t tree) []string {
	// Written in pieces, so that this file keeps its own rule.
	homes := regexp.MustCompile(`(^|[^\w.])/(ho` + `me/\w|Us` + `ers/\w|ro` + `ot/)`)
	return linesThat(t, "names a path of somebody's machine", homes.MatchString)
}

func mergeMarkers(t tree) []string {
	marker := regexp.MustCompile(`^(<{7}|>{7}) `)
	return linesThat(t, "is a conflict that was not resolved", marker.MatchString)
}

// linesThat returns the place of every line of every file that is guilty.
func linesThat(t tree, what string, guilty func(string) bool) []string {
	var broken []string
	for _, path := range slices.Sorted(maps.Keys(t.texts)) {
		for i, line := range strings.Split(t.texts[path], "\n") {
			if guilty(line) {
				broken = append(broken, fmt.Sprintf("%s:%d %s", path, i+1, what))
			}
		}
	}
	return broken
}
