package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"funnelweb/configs"
	"funnelweb/internal/app"
)

// configFlag is shared by every command that reads a configuration.
type configFlag struct {
	Config string `help:"Configuration file. Default: $$FUNNELWEB_CONFIG, else ./funnelweb.yaml, else built-in defaults." placeholder:"FILE" env:"FUNNELWEB_CONFIG"`
}

const standardConfig = "funnelweb.yaml"

// name returns the file to read, or "" for the built-in defaults.
func (f configFlag) name() string {
	if f.Config != "" {
		return f.Config
	}
	if _, err := os.Stat(standardConfig); err == nil {
		return standardConfig
	}
	return ""
}

// read decodes the configuration, or the built-in defaults.
func (f configFlag) read() (*app.Config, error) {
	name := f.name()
	if name == "" {
		return app.ParseConfig(configs.Embedded)
	}
	config, err := app.ReadConfig(name)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w\nName a file with --config; configs/example.yaml has every key", err)
	}
	return config, err
}

// build makes the parts of what read returned, with clock and version of the program. Every mistake, in the file and in the
// parts, is in one usageError.
func (f configFlag) build(p *program, config *app.Config, readErr error, options app.Options) (*app.Server, error) {
	if config == nil {
		return nil, usageError{readErr}
	}
	options.Version, options.Now = p.version, time.Now //nolint:forbidigo // the clock of the process
	server, err := app.Build(p.ctx, config, p.registry, options)
	if err = errors.Join(readErr, err); err != nil {
		return nil, usageError{fmt.Errorf("%s has mistakes:\n%s", f.label(), strings.Join(app.Mistakes(err), "\n"))}
	}
	return server, nil
}

// inspect builds the configuration without touching its data directory: where there is no access token yet, one that is
// thrown away takes its place. A mistake that was found already is told with the others. Online is for CheckOnline.
func (f configFlag) inspect(p *program, found error, online bool) (config *app.Config, server *app.Server, err error) {
	scratch, err := os.MkdirTemp("", "funnelweb-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	tokenFile, _, err := app.EnsureAccessToken(scratch)
	if err != nil {
		return nil, nil, err
	}
	var readErr error
	if f.name() == "" {
		config, readErr = app.ParseConfig(bytes.ReplaceAll(configs.Embedded, []byte("./funnelweb-data"), []byte(scratch)))
	} else {
		config, readErr = f.read()
	}
	options := app.Options{Log: slog.New(slog.DiscardHandler), TokenFile: tokenFile, Online: online}
	server, err = f.build(p, config, errors.Join(readErr, found), options)
	return config, server, err
}

func (f configFlag) label() string {
	if name := f.name(); name != "" {
		return name
	}
	return "the built-in configuration"
}
