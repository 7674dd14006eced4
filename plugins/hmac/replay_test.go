package hmac

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"funnelweb/framework/frameworktest"
)

func fingerprint(n int) (f [fingerprintSize]byte) {
	binary.BigEndian.PutUint64(f[:], uint64(n))
	return f
}

func TestMemoryIsBoundedAndSaysWhenItForgetsEarly(t *testing.T) {
	var log frameworktest.Log
	m := newMemory(10*time.Minute, log.Logger())
	m.capacity = 100
	now := frameworktest.Start()
	for n := range 1000 {
		if !m.add(t.Context(), fingerprint(n), now) {
			t.Fatalf("%d is new and was known", n)
		}
		now = now.Add(time.Second)
		if len(m.younger)+len(m.older) > 200 {
			t.Fatalf("%d are remembered", len(m.younger)+len(m.older))
		}
	}
	if m.add(t.Context(), fingerprint(999), now) || m.add(t.Context(), fingerprint(901), now) {
		t.Error("the latest are not known")
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "known_for=1m40s") {
		t.Errorf("nobody was told: %s", log.String())
	}
}

func TestMemoryForgetsWhatIsOlderThanTwoWindows(t *testing.T) {
	m := newMemory(10*time.Minute, frameworktest.Deps(t).Log)
	now := frameworktest.Start()
	for n := range 3 {
		m.add(t.Context(), fingerprint(n), now.Add(time.Duration(n)*10*time.Minute))
	}
	if len(m.younger)+len(m.older) != 2 || !m.add(t.Context(), fingerprint(0), now.Add(25*time.Minute)) {
		t.Errorf("%d are remembered", len(m.younger)+len(m.older))
	}
}

func TestMemoryGivesFree(t *testing.T) {
	m := newMemory(time.Minute, frameworktest.Deps(t).Log)
	now := frameworktest.Start()
	m.add(t.Context(), fingerprint(1), now)
	m.add(t.Context(), fingerprint(2), now.Add(time.Minute))
	for n := 1; n <= 2; n++ {
		m.remove(fingerprint(n))
		if !m.add(t.Context(), fingerprint(n), now.Add(time.Minute)) {
			t.Errorf("%d was not given free", n)
		}
	}
}
