package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// acceptOptions say how the durable accept is measured.
type acceptOptions struct {
	program string // the built funnelweb
	dir     string // on the disk that is measured
	rounds  int
	sample  time.Duration // of one contestant in one round
	write   string        // a page to put the section into
}

// acceptCounts are the numbers of connections, each with one call at a time.
func acceptCounts() []int { return []int{1, 32, 256} }

// acceptRound is what one round with one number of connections gave.
type acceptRound struct {
	syncs     float64 // serial appends of 2 KB with fdatasync, per second
	contender map[string]acceptFigures
}

// measureAccept measures, prints the section and puts it into the page.
func measureAccept(ctx context.Context, o acceptOptions, out io.Writer) (err error) {
	dir, err := os.MkdirTemp(o.dir, "accept-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	contenders, missing, err := startAcceptors(ctx, dir, o.program)
	defer func() {
		for _, c := range contenders {
			err = errors.Join(err, c.stop())
		}
	}()
	if err != nil {
		return err
	}
	result := acceptResult{options: o, missing: missing, rounds: map[int][]acceptRound{}}
	for _, connections := range acceptCounts() {
		for round := range o.rounds {
			got, err := acceptOnce(ctx, o, dir, contenders, connections, round)
			if err != nil {
				return err
			}
			result.rounds[connections] = append(result.rounds[connections], got)
		}
	}
	section := result.markdown()
	if _, err := io.WriteString(out, section); err != nil {
		return fmt.Errorf("print the section: %w", err)
	}
	return putSection(o.write, acceptHeading, section)
}

// acceptOnce takes a sample of the disk and of everybody, beginning at another one each round.
func acceptOnce(ctx context.Context, o acceptOptions, dir string, contenders []*acceptor, connections, round int) (acceptRound, error) {
	got := acceptRound{contender: map[string]acceptFigures{}}
	var err error
	if got.syncs, err = serialSyncs(dir, o.sample/4); err != nil {
		return got, err
	}
	for i := range contenders {
		c := contenders[(i+round)%len(contenders)]
		if err := release(c.command.Process); err != nil {
			return got, fmt.Errorf("let %s go on: %w", c.name, err)
		}
		if got.contender[c.name], err = c.sample(ctx, connections, o.sample); err != nil {
			return got, fmt.Errorf("%s with %d connections: %w", c.name, connections, err)
		}
		if err := hold(c.command.Process); err != nil {
			return got, fmt.Errorf("hold %s: %w", c.name, err)
		}
	}
	again, err := serialSyncs(dir, o.sample/4)
	got.syncs = (got.syncs + again) / 2
	return got, err
}

const acceptHeading = "## Durable accept"

// putSection replaces the section with the heading in the page, or adds it at the end.
func putSection(page, heading, section string) error {
	if page == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Clean(page))
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	before, after, found := strings.Cut(string(text), heading)
	if found {
		_, after, found = strings.Cut(after, "\n## ")
		if found {
			after = "\n## " + after
		}
	} else {
		before += "\n"
		after = ""
	}
	joined := before + strings.TrimSuffix(section, "\n") + "\n" + after
	if err := os.WriteFile(page, []byte(joined), 0o644); err != nil { //nolint:gosec // a page for everybody
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}
