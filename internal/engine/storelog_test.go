package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
)

func TestOnlyWhatTheServerSaysOfItsFilesIsTakenForDamage(t *testing.T) {
	stateFile := errors.New("corrupt state file") // as errCorruptState of nats-server
	for _, c := range []struct {
		name   string
		format string
		values []any
		want   bool
	}{
		{"a damaged state", "Filestore [EV_splunk] loadBlock error: %v", []any{stateFile}, true},
		{"a damaged state, wrapped", "Received an error looking up message for consumer '%s > %s > %s': %v", []any{"$G", "EV_splunk", "ticket", fmt.Errorf("load: %w", stateFile)}, true},
		{"a damaged record of a block", "Filestore [EV_splunk] indexCacheBuf corrupt record state in %s: dlen %d", []any{"1.blk", 7}, true},
		{"a damaged block", "Filestore [EV_splunk] indexCacheBuf corrupt state in %s: mb.first %d", []any{"1.blk", 7}, true},
		{"a message that is not stored", "%s", []any{"JetStream failed to store a msg on stream '$G > EV_splunk': malformed or corrupt message in 12.blk: invalid checksum"}, true},
		{"one without more", "%s", []any{"JetStream failed to store a msg on stream '$G > EV_splunk': malformed or corrupt message in 12.blk"}, true},
		{"what is not said twice", "%s", []any{"Filestore [EV_splunk] Ignoring non-write error: corrupt state file"}, true},

		{"a summary, which is made anew", "Filestore [EV_splunk] Recovering stream state from index errored: %v", []any{stateFile}, false},
		{"a folder's name", "  Store Directory: %q", []any{"/srv/corrupt state file"}, false},
		{"a queue's name", "JetStream consumer '%s > %s > %s' errored while updating state: %v", []any{"$G", "EV_splunk", "corrupt state file", errors.New("no room")}, false},
		{"a stream's name", "Filestore [corrupt] WriteFullState took %v (%d bytes)", []any{1, 2}, false},
		{"an error that quotes a message", "Error processing: %v", []any{errors.New(`bad subject "malformed or corrupt message in 1.blk"`)}, false},
		{"an error that ends like one", "Error processing: %v", []any{errors.New("x: corrupt state file")}, false},
		{"text of somebody's", "%s", []any{"JetStream account limits exceeded for 'x': corrupt state file"}, false},
		{"text of somebody's, made to look so", "%s", []any{"bad: JetStream failed to store a msg on stream '$G > EV_splunk': corrupt state file"}, false},
		{"text of two lines", "%s", []any{"x\nFilestore [EV_splunk] Ignoring non-write error: corrupt state file"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for level, say := range map[string]func(storeLog, string, ...any){"warn": storeLog.Warnf, "error": storeLog.Errorf} {
				var suspect atomic.Bool
				say(storeLog{slog.New(slog.DiscardHandler), &suspect}, c.format, c.values...)
				if suspect.Load() != c.want {
					t.Errorf("at level %s: %t", level, suspect.Load())
				}
			}
			var suspect atomic.Bool
			for _, say := range []func(storeLog, string, ...any){storeLog.Noticef, storeLog.Debugf, storeLog.Tracef} {
				say(storeLog{slog.New(slog.DiscardHandler), &suspect}, c.format, c.values...)
			}
			if suspect.Load() {
				t.Error("a notice is taken for damage")
			}
		})
	}
}
