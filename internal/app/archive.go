package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/archive"
	"funnelweb/internal/evidence"
)

// OpenArchive makes the archive that a configuration names, and nothing else of it: for looking after the archive where no
// server runs. Nothing in it is read or written yet. The error holds every mistake.
func (c *Config) OpenArchive(ctx context.Context, log *slog.Logger, now func() time.Time) (*evidence.Archive, error) {
	c.addLegacyEnvironment()
	return c.openArchive(ctx, log, now)
}

func (c *Config) openArchive(ctx context.Context, log *slog.Logger, now func() time.Time) (*evidence.Archive, error) {
	var config archive.Config
	if err := framework.DecodeConfig(&c.Archive, "archive", &config); err != nil {
		return nil, err
	}
	store, err := archive.Open(ctx, config, archive.Deps{DataDir: c.Data, Now: now})
	if err != nil {
		return nil, framework.PlaceErrors(err, &c.Archive, "archive")
	}
	deps := evidence.Deps{Now: now, Log: log, Note: evidence.NewNote(filepath.Join(c.Data, "newest-seal"), config.Place(c.Data))}
	if !config.Seal.Key.IsZero() {
		if deps.Signer, err = c.signer(config.Seal.Key); err != nil {
			return nil, framework.PlaceErrors(fmt.Errorf("seal.key: %w", err), &c.Archive, "archive")
		}
	}
	return evidence.New(store, deps), nil
}

// signer makes the signer of a key that nobody else can read: whoever has it can seal a forgery.
func (c *Config) signer(key framework.Secret) (*evidence.Signer, error) {
	var written struct {
		Seal struct {
			Key string `yaml:"key"`
		} `yaml:"seal"`
	}
	if err := c.Archive.Decode(&written); err != nil {
		return nil, err
	}
	if file, isFile := strings.CutPrefix(written.Seal.Key, "file:"); isFile {
		if err := checkPrivate(file); err != nil {
			return nil, err
		}
	}
	return evidence.NewSigner(key)
}
