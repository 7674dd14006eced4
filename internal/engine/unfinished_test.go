package engine

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"funnelweb/framework"
)

// makeFiles makes files with their folders, as a process leaves them that was killed while the server made them.
func makeFiles(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStartThatWasKilledInTheMiddleIsMadeGoodByTheNext(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"a stream's folder, and nothing else": {"KV_queues/msgs/1.blk": "", "KV_queues/obs/.keep": ""},
		"a description without its checksum":  {"KV_queues/meta.inf": `{"name":"KV_queues"}`},
		"an empty description":                {"KV_queues/meta.inf": "", "KV_queues/meta.sum": ""},
		"a stream of events":                  {"EV_splunk/msgs/index.db": ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			makeFiles(t, streamsIn(dir), files)
			engine := open(t, dir, nil)
			if err := engine.Run([]Automation{{Name: "ticket", On: "splunk.alert", Action: &action{}}}); err != nil {
				t.Fatal(err)
			}
			event := alert(t, "a")
			publish(t, engine, event)
			untilState(t, engine, event.ID, framework.RunDone)
		})
	}
}

func TestAQueueWhoseMakingWasCutOffIsMadeAgain(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"nothing in its folder":              {"EV_splunk/obs/ticket/.keep": ""},
		"a description without its checksum": {"EV_splunk/obs/ticket/meta.inf": `{"durable_name":"ticket"}`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			engine := open(t, dir, nil)
			publish(t, engine, alert(t, "before")) // makes the stream
			closeEngine(t, engine)
			makeFiles(t, streamsIn(dir), files)
			engine = open(t, dir, nil)
			if err := engine.Run([]Automation{{Name: "ticket", On: "splunk.alert", Action: &action{}}}); err != nil {
				t.Fatal(err)
			}
			event := alert(t, "after")
			publish(t, engine, event)
			untilState(t, engine, event.ID, framework.RunDone)
		})
	}
}

func TestWhatHoldsMessagesIsNotTakenForUnfinished(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	publish(t, engine, alert(t, "a"))
	closeEngine(t, engine)
	for _, root := range []string{streamsIn(dir), filepath.Join(dir, copiesDir)} {
		for _, file := range []string{"meta.inf", "meta.sum"} {
			if err := os.Remove(filepath.Join(root, "EV_splunk", file)); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
	}
	if refused, err := Open(t.Context(), Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now}); err == nil {
		closeEngine(t, refused)
		t.Fatal("a stream with events in it was thrown away")
	}
	if isEmpty(filepath.Join(streamsIn(dir), "EV_splunk", "msgs", "1.blk")) {
		t.Error("its events are gone")
	}
}
