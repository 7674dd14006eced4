package framework_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"funnelweb/framework"
)

// The ids are in stored events, ledgers and labels on tickets: they must stay the same from version to version.
func TestIDsOfStoredThingsDoNotChange(t *testing.T) {
	event, err := framework.NewEvent("splunk.alert", "scheduler__admin__search__1_at_1483557185_2", map[string]any{"b": 1, "a": "x"})
	if err != nil {
		t.Fatal(err)
	}
	want := framework.Event{ID: "splunk-nm2zwnqgixunsjyshr3r6tcpkq", Type: "splunk.alert", Data: framework.JSON(`{"a":"x","b":1}`)}
	if diff := cmp.Diff(want, event); diff != "" {
		t.Error(diff)
	}
	job := framework.Job{Automation: "ticket-for-alert", Name: "", Event: event, Attempt: 3}
	if got, want := job.Key(), "4dymr7dc44h2bayv5ykasea2jy"; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
	if got := event.Source(); got != "splunk" {
		t.Errorf("source %s", got)
	}
}

func TestJobKeyDependsOnWhatTheJobIs(t *testing.T) {
	base := framework.Job{Automation: "a", Name: "n", Event: framework.Event{ID: "e"}}
	again, automation, name, event := base, base, base, base
	again.Attempt = 7
	automation.Automation, name.Name, event.Event.ID = "b", "m", "f"
	if base.Key() != again.Key() {
		t.Error("another attempt has another key")
	}
	for _, other := range []framework.Job{automation, name, event} {
		if base.Key() == other.Key() {
			t.Errorf("%+v has the same key as %+v", other, base)
		}
	}
}

func TestEventsThatCannotBeKeptApartAreRefused(t *testing.T) {
	for _, c := range []struct{ eventType, key string }{
		{"", "k"},
		{"splunk", "k"},
		{".alert", "k"},
		{"splunk.", "k"},
		{"Splunk.alert", "k"},
		{"splunk.alert.x", "k"},
		{"splunk.alert*", "k"},
		{"spl unk.alert", "k"},
		{"splunk.alert", ""},
	} {
		if event, err := framework.NewEvent(c.eventType, c.key, "x"); err == nil {
			t.Errorf("%q with key %q became %+v", c.eventType, c.key, event)
		}
	}
	if _, err := framework.NewEvent("splunk.alert", "k", func() {}); err == nil {
		t.Error("data that is no JSON was taken")
	}
}

func TestFingerprintsTellListsOfTextsApart(t *testing.T) {
	form := regexp.MustCompile(`^[a-z2-7]{26}$`)
	texts := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "ab", "1:a", "0:", ":", "é"}), 0, 4)
	rapid.Check(t, func(rt *rapid.T) {
		a, b := texts.Draw(rt, "a"), texts.Draw(rt, "b")
		one, other := framework.Fingerprint(a...), framework.Fingerprint(b...)
		if (one == other) != cmp.Equal(a, b) {
			rt.Errorf("%q and %q have %s and %s", a, b, one, other)
		}
		if !form.MatchString(one) {
			rt.Errorf("%q has %s", a, one)
		}
	})
}
