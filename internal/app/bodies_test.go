package app

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"funnelweb/framework"
)

// sending is a call with a body of a size.
func sending(size int) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", size)))
}

func TestBodiesAreChargedForWhatHasComeAndReleased(t *testing.T) {
	var all bodies
	call := sending(100 << 10)
	bounded, release := all.bound(call)
	if _, err := io.CopyN(io.Discard, bounded.Body, 10<<10); err != nil {
		t.Fatal(err)
	}
	if small, large := all.small.Load(), all.large.Load(); small != 10<<10 || large != 0 {
		t.Errorf("after 10 KiB: %d small, %d large", small, large)
	}
	if _, err := io.Copy(io.Discard, bounded.Body); err != nil {
		t.Fatal(err)
	}
	if small, large := all.small.Load(), all.large.Load(); small != smallBody || large != 84<<10 {
		t.Errorf("at the end: %d small, %d large", small, large)
	}
	release()
	if small, large := all.small.Load(), all.large.Load(); small != 0 || large != 0 {
		t.Errorf("after the call: %d small, %d large", small, large)
	}
	if call.Body == bounded.Body {
		t.Error("the request of net/http was changed")
	}
}

func TestLargeBodiesStopNoSmallOnes(t *testing.T) {
	var all bodies
	all.large.Store(largeBodies)
	for size, fits := range map[int]bool{0: true, 1: true, smallBody: true, smallBody + 1: false} {
		bounded, release := all.bound(sending(size))
		_, err := io.Copy(io.Discard, bounded.Body)
		release()
		problem, refused := errors.AsType[*framework.Problem](err)
		if refused == fits || refused && (problem.Status != http.StatusServiceUnavailable || problem.Header.Get("Retry-After") == "") {
			t.Errorf("a body of %d bytes: %v", size, err)
		}
	}
	if all.small.Load() != 0 || all.large.Load() != largeBodies {
		t.Error("what was refused is still charged")
	}
}

func TestSmallBodiesAreBoundedToo(t *testing.T) {
	var all bodies
	all.small.Store(smallBodies)
	bounded, release := all.bound(sending(1))
	defer release()
	if _, err := io.Copy(io.Discard, bounded.Body); err == nil {
		t.Error("there was room")
	}
}
