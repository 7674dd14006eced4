package app

import (
	"cmp"
	"errors"
	"slices"

	"funnelweb/framework"
)

// Mistakes takes a joined error of ParseConfig and Build apart: one line a mistake, in the order of the file.
func Mistakes(err error) []string {
	all := flatten(err)
	slices.SortStableFunc(all, func(a, b error) int { return cmp.Compare(line(a), line(b)) })
	var texts []string
	for _, one := range all {
		if text := one.Error(); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts
}

func line(err error) int {
	if mistake, ok := errors.AsType[*framework.Mistake](err); ok {
		return mistake.Line
	}
	return 0
}

func flatten(err error) []error {
	if err == nil {
		return nil
	}
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, one := range several.Unwrap() {
		all = append(all, flatten(one)...)
	}
	return all
}
