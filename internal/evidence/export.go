package evidence

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"funnelweb/framework"
)

//go:embed verify.sh
var verifyScript string

// Exported is what Export wrote.
type Exported struct {
	Manifests int       `json:"manifests"`
	Objects   int       `json:"objects"`
	Waiting   int       `json:"waiting"`  // objects of the time that are not in it, as their hour is not sealed yet
	Findings  []Finding `json:"findings"` // objects that are not, or not as, they were sealed
}

// ErrNothingSealed is Export's when no manifest is of the time.
var ErrNothingSealed = errors.New("no manifest is of this time: hours are sealed when they are over, or at once by archive seal --now")

// Export writes a tar with the manifests of the hours that a time touches, from start until before end, with the objects that
// they name, and with a script that checks all of it by sh and sha256sum alone. Objects are there as they are now.
func Export(ctx context.Context, store framework.Archive, to io.Writer, options Options) (*Exported, error) {
	e := &exporter{store: store, options: options, tar: tar.NewWriter(to), report: &Exported{Findings: []Finding{}}}
	if err := e.readManifests(ctx); err != nil {
		return nil, err
	}
	script := strings.ReplaceAll(verifyScript, "OBJECTS", fmt.Sprint(len(e.entries)))
	if err := e.file("verify.sh", 0o755, e.newest, []byte(script)); err != nil {
		return nil, err
	}
	for _, m := range e.manifests {
		if err := e.file(strings.TrimPrefix(m.key, own), 0o644, e.newest, m.body); err != nil {
			return nil, err
		}
	}
	if err := e.objects(ctx); err != nil {
		return nil, err
	}
	if err := e.wait(ctx); err != nil {
		return nil, err
	}
	return e.report, wrapIf("write the tar", e.tar.Close())
}

type exporter struct {
	store     framework.Archive
	options   Options
	tar       *tar.Writer
	report    *Exported
	manifests []storedManifest
	entries   []Entry // each key once
	newest    time.Time
	last      string // the newest manifest, of the time or not
}

type storedManifest struct {
	key  string
	body []byte
}

// readManifests reads the manifests of the time.
func (e *exporter) readManifests(ctx context.Context) error {
	taken := map[string]bool{}
	for key, err := range e.store.List(ctx, manifests, "", "") {
		if err != nil {
			return wrap("list manifests", err)
		}
		hour, _, ok := parseManifestKey(key)
		if ok {
			e.last = key
		}
		if !ok || !touches(hour, e.options.Start, e.options.End) {
			continue
		}
		body, err := e.store.Get(ctx, key)
		if err != nil {
			return wrap("read "+key, err)
		}
		m, ok := parseManifest(body)
		if !ok {
			e.find(Broken, key, "it is not what was sealed")
		}
		e.manifests, e.newest = append(e.manifests, storedManifest{key, body}), hour
		for _, entry := range m.entries {
			if ok && !taken[entry.Key] {
				taken[entry.Key] = true
				e.entries = append(e.entries, entry)
			}
		}
	}
	if e.report.Manifests = len(e.manifests); e.report.Manifests == 0 {
		return ErrNothingSealed
	}
	return nil
}

// wait counts what was archived in the time and is not sealed yet.
func (e *exporter) wait(ctx context.Context) error {
	entries, err := journalAfter(ctx, e.store, e.last)
	for _, entry := range entries {
		if touches(hourOf(entry.StoredAt), e.options.Start, e.options.End) {
			e.report.Waiting++
		}
	}
	return err
}

func (e *exporter) find(kind, key, detail string) {
	e.report.Findings = append(e.report.Findings, Finding{kind, key, detail})
}

// objects writes the objects, some of which are read side by side.
func (e *exporter) objects(ctx context.Context) error {
	for from := 0; from < len(e.entries); from += readers {
		entries := e.entries[from:min(from+readers, len(e.entries))]
		bodies, errs := make([][]byte, len(entries)), make([]error, len(entries))
		if err := framework.Each(ctx, len(entries), readers, func(ctx context.Context, i int) error {
			bodies[i], errs[i] = e.store.Get(ctx, entries[i].Key)
			return nil
		}); err != nil {
			return err
		}
		for i, entry := range entries {
			if err := e.object(entry, bodies[i], errs[i]); err != nil {
				return err
			}
		}
		if e.options.Progress != nil {
			e.options.Progress(from+len(entries), len(e.entries))
		}
	}
	return nil
}

func (e *exporter) object(entry Entry, body []byte, err error) error {
	switch {
	case errors.Is(err, framework.ErrNoObject):
		e.find(Missing, entry.Key, "sealed as "+entry.SHA256.String())
		return nil
	case framework.IsPermanent(err):
		e.find(Changed, entry.Key, "it is no object any more: "+framework.Reason(err))
		return nil
	case err != nil:
		return wrap("read "+entry.Key, err)
	}
	if is := Hash(sha256.Sum256(body)); is != entry.SHA256 {
		e.find(Changed, entry.Key, fmt.Sprintf("sealed as %s, is now %s", entry.SHA256, is))
	}
	e.report.Objects++
	return e.file("objects/"+entry.Key, 0o644, entry.StoredAt, body)
}

func (e *exporter) file(name string, mode int64, at time.Time, body []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(body)), ModTime: at.Truncate(time.Second)}
	if err := e.tar.WriteHeader(header); err != nil {
		return wrap("write the tar", err)
	}
	_, err := e.tar.Write(body)
	return wrapIf("write the tar", err)
}
