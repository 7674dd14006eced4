package jwt

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// set writes a set of one new key under each name.
func set(t *testing.T, ids ...string) string {
	t.Helper()
	var keys []string
	for _, id := range ids {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		encode := base64.RawURLEncoding.EncodeToString
		keys = append(keys, fmt.Sprintf(`{"kid":%q,"kty":"EC","crv":"P-256","x":%q,"y":%q}`, id, encode(point[1:33]), encode(point[33:])))
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

// server answers as its handler says and counts.
type server struct {
	*source
	clock   *frameworktest.Clock
	log     *frameworktest.Log
	asked   atomic.Int64
	handler atomic.Pointer[http.HandlerFunc]
}

func newServer(t *testing.T, handler http.HandlerFunc) *server {
	t.Helper()
	s := &server{clock: new(frameworktest.Clock), log: new(frameworktest.Log)}
	s.handle(handler)
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.handler.Load())(w, r)
	}))
	t.Cleanup(listening.Close)
	deps := frameworktest.Deps(t)
	deps.Now, deps.Log = s.clock.Now, s.log.Logger()
	address, err := url.Parse(listening.URL + "/keys?code=" + canary)
	if err != nil {
		t.Fatal(err)
	}
	s.source = newSource(address, []string{"RS256", "ES256"}, deps)
	return s
}

// canary is in the query of every address: some issuers want a key there.
const canary = "canary-code-0123456789"

func TestLogTellsTheAddressWithoutWhatIsSecretInIt(t *testing.T) {
	s := newServer(t, down)
	s.expect(t, "a", "unavailable for 10 s", 1)
	listening, _, _ := strings.Cut(s.address, "?")
	if !strings.Contains(s.log.String(), "address="+listening) {
		t.Errorf("the log does not say who was asked: %s", s.log.String())
	}
	_, err := s.key(t.Context(), keyID{"a", "ES256"})
	frameworktest.LeaksNoSecret(t, canary, s.log.String(), fmt.Sprint(err), fmt.Sprintf("%+v", err))
}

func (s *server) handle(handler http.HandlerFunc) { s.handler.Store(&handler) }

func says(document string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, document) }
}

func down(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }

// find says what looking for a key ends in.
func (s *server) find(t *testing.T, id string) string {
	t.Helper()
	key, err := s.key(t.Context(), keyID{id, "ES256"})
	problem, unavailable := errors.AsType[*framework.Problem](err)
	switch {
	case err == nil && key != nil:
		return "found"
	case errors.Is(err, errNoKey):
		return "unknown"
	case unavailable && problem.Status == http.StatusServiceUnavailable:
		return "unavailable for " + problem.Header.Get("Retry-After") + " s"
	default:
		return fmt.Sprint(err)
	}
}

// expect looks for a key and says how often the issuer must have been asked by then.
func (s *server) expect(t *testing.T, id, want string, asked int64) {
	t.Helper()
	if got := s.find(t, id); got != want || s.asked.Load() != asked {
		t.Errorf("%s is %s and not %s, the issuer was asked %d times and not %d", id, got, want, s.asked.Load(), asked)
	}
}

func TestKeysAreKeptAndFetchedAgain(t *testing.T) {
	s := newServer(t, says(set(t, "a")))
	s.expect(t, "a", "found", 1)
	s.clock.Advance(refreshAfter - time.Second)
	s.expect(t, "a", "found", 1)
	s.handle(says(set(t, "b")))
	s.clock.Advance(time.Second)
	s.expect(t, "a", "unknown", 2) // withdrawn
	s.expect(t, "b", "found", 2)
}

func TestUnknownKeysAreAskedForSeldom(t *testing.T) {
	s := newServer(t, says(set(t, "a")))
	s.expect(t, "a", "found", 1)
	for n := range 100 {
		s.expect(t, fmt.Sprint("random", n), "unknown", 1)
	}
	s.handle(says(set(t, "a", "new")))
	s.clock.Advance(minPause)
	s.expect(t, "new", "found", 2)
	s.expect(t, "random", "unknown", 2)
	s.expect(t, "a", "found", 2)
}

// An issuer publishes a key and signs with it at once. Somebody else's token made us ask a moment before.
func TestTokenByANewKeyIsAskedToComeAgainAndNotRefused(t *testing.T) {
	s := newServer(t, says(set(t, "a")))
	s.expect(t, "forged", "unknown", 1)
	s.handle(says(set(t, "a", "new")))
	s.clock.Advance(time.Millisecond)
	s.expect(t, "new", "unavailable for 10 s", 1)
	s.clock.Advance(6 * time.Second)
	s.expect(t, "new", "unavailable for 4 s", 1)
	s.expect(t, "a", "found", 1)
	s.clock.Advance(4 * time.Second)
	s.expect(t, "new", "found", 2)
	s.clock.Advance(minPause)
	s.expect(t, "forged", "unknown", 3) // whose call asked knows
}

// A call that only waits for another's fetch cannot know what was published after that began.
func TestWhoWaitsForAnEarlierFetchDoesNotKnowWhatCameSince(t *testing.T) {
	asked, release, good := make(chan struct{}), make(chan struct{}), set(t, "a")
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		_, _ = io.WriteString(w, good)
	})
	first, second := make(chan string), make(chan string)
	go func() { first <- s.find(t, "new") }()
	<-asked
	s.clock.Advance(time.Second)
	waits := make(chan struct{})
	now := s.now
	s.now = func() time.Time { // not before the second call has come may the fetch end
		defer func() { waits <- struct{}{} }()
		return now()
	}
	go func() { second <- s.find(t, "new") }()
	<-waits // came
	<-waits // looked
	s.now = now
	close(release)
	if got := [2]string{<-first, <-second}; got != [2]string{"unknown", "unavailable for 9 s"} {
		t.Errorf("got %q", got)
	}
}

func TestKeysOutliveAnOutageForADay(t *testing.T) {
	s := newServer(t, says(set(t, "a")))
	s.expect(t, "a", "found", 1)
	s.handle(down)
	s.clock.Advance(keepFor - time.Second)
	s.expect(t, "a", "found", 2)
	s.expect(t, "a", "found", 2)
	s.expect(t, "b", "unavailable for 10 s", 2) // the issuer may publish it by now
	s.clock.Advance(minPause)
	s.expect(t, "a", "unavailable for 10 s", 3)
	s.handle(says(set(t, "a")))
	s.clock.Advance(minPause - 1500*time.Millisecond)
	s.expect(t, "a", "unavailable for 2 s", 3)
	s.clock.Advance(1500*time.Millisecond - minPause)
	s.clock.Advance(minPause)
	s.expect(t, "a", "found", 4)
}

func TestAnswersThatAreNoKeysAreNotBelieved(t *testing.T) {
	elsewhere := httptest.NewServer(says(set(t, "a")))
	t.Cleanup(elsewhere.Close)
	good := set(t, "a")
	for name, handler := range map[string]http.HandlerFunc{
		"an error of the server": down,
		"an error that holds keys": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, good)
		},
		"no content":               func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"a login page":             says("<!doctype html><title>Sign in</title>"),
		"nothing":                  says(""),
		"null":                     says("null"),
		"an empty set":             says(`{"keys":[]}`),
		"a list":                   says(`[]`),
		"keys twice":               says(`{"keys":[],` + good[1:]),
		"something behind the set": says(good + good),
		"half a set":               says(good[:len(good)-2]),
		"a redirect":               func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"a redirect within the host": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/keys", http.StatusPermanentRedirect)
		},
		"the connection is cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"cut in the middle": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, good)
			panic(http.ErrAbortHandler)
		},
		"a set too large": says(`{"x":"` + strings.Repeat("a", maxJWKS) + `",` + good[1:]),
		"too many keys":   says(`{"keys":[` + strings.Repeat(`{},`, maxKeys) + good[len(`{"keys":[`):]),
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, handler)
			s.expect(t, "a", "unavailable for 10 s", 1)
			s.expect(t, "a", "unavailable for 10 s", 1)
			if !strings.Contains(s.log.String(), "level=WARN") || strings.Contains(s.log.String(), "Sign in") {
				t.Errorf("log: %s", s.log.String())
			}
			s.handle(says(good))
			s.clock.Advance(minPause)
			s.expect(t, "a", "found", 2)
		})
	}
}

func TestEndlessAnswersAreCutOff(t *testing.T) {
	const most = 64 << 20 // far above what sockets buffer, far below what is offered
	sent := make(chan int64, 1)
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 64<<10))
		var total int64
		for total < 10<<30 {
			n, err := w.Write(chunk)
			total += int64(n)
			if err != nil {
				break
			}
		}
		sent <- total
	})
	s.expect(t, "a", "unavailable for 10 s", 1)
	if total := <-sent; total > most {
		t.Errorf("%d bytes were taken", total)
	}
}

func TestSlowAnswersAreCutOff(t *testing.T) {
	good := set(t, "a")
	for name, handler := range map[string]http.HandlerFunc{
		"nothing comes": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a byte, and no more": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, good[:1])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, handler)
			s.timeout = 20 * time.Millisecond
			s.expect(t, "a", "unavailable for 10 s", 1)
			if !strings.Contains(s.log.String(), context.DeadlineExceeded.Error()) {
				t.Errorf("log: %s", s.log.String())
			}
		})
	}
}

func TestManyCallsShareOneFetch(t *testing.T) {
	asked, release, good := make(chan struct{}), make(chan struct{}), set(t, "a")
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		close(asked) // a second call would crash here
		<-release
		_, _ = io.WriteString(w, good)
	})
	var group sync.WaitGroup
	got := make([]string, 50)
	for i := range got {
		group.Go(func() { got[i] = s.find(t, "a") })
	}
	left, cancel := context.WithCancel(t.Context())
	cancel()
	<-asked // else this call could be the one that asks
	if _, err := s.key(left, keyID{"a", "ES256"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a call whose caller has gone waits on: %v", err)
	}
	close(release)
	group.Wait()
	if joined := strings.Join(got, ""); joined != strings.Repeat("found", len(got)) || s.asked.Load() != 1 {
		t.Errorf("%d fetches, %v", s.asked.Load(), got)
	}
}

func TestKeysComeThoughTheirFirstCallerHasGone(t *testing.T) {
	s := newServer(t, says(set(t, "a")))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if key, err := s.key(gone, keyID{"a", "ES256"}); err != nil || key == nil {
		t.Errorf("got %v", err)
	}
	s.expect(t, "a", "found", 1)
}

func TestOldKeysServeWhileNewOnesAreFetched(t *testing.T) {
	s := newServer(t, says(set(t, "a")))
	s.expect(t, "a", "found", 1)
	asked, release, good := make(chan struct{}), make(chan struct{}), set(t, "a")
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		_, _ = io.WriteString(w, good)
	})
	s.clock.Advance(refreshAfter)
	first := make(chan string)
	go func() { first <- s.find(t, "a") }()
	<-asked
	s.expect(t, "a", "found", 2)
	close(release)
	if got := <-first; got != "found" {
		t.Error(got)
	}
}
