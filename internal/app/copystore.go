package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"funnelweb/framework"
	"funnelweb/internal/engine"
)

// CopyRow is what was copied of one stream, bucket or queue.
type CopyRow = engine.CopyRow

// CopyProgress tells how far a copy is with one thing.
type CopyProgress = engine.CopyProgress

// CopyStore copies the store below a data directory into the cluster of a configuration, as engine.Copy says.
func CopyStore(ctx context.Context, data string, config *Config, options Options, tell func(CopyProgress)) ([]CopyRow, error) {
	if config.Engine.NATS == nil {
		return nil, &framework.Mistake{Line: config.lines.near("engine"), Path: "engine", Message: "name the cluster to copy into, under engine.nats"}
	}
	options.Log = redacting(options.Log, config.secrets(options.TokenFile))
	to, err := engineOptions(config, options, nil)
	if err != nil {
		return nil, framework.PlaceErrors(err, nodeAt(config.root, "engine", "nats"), "engine.nats")
	}
	from := to
	from.Cluster, from.Dir = nil, filepath.Join(data, "events")
	if _, err := os.Stat(from.Dir); errors.Is(err, os.ErrNotExist) {
		from.Dir = data // somebody named the store itself
	}
	return engine.Copy(ctx, from, to, tell)
}
