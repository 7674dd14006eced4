package jwt

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"funnelweb/framework"
)

// How keys are kept. A key that its issuer withdraws is good for refreshAfter more, or for keepFor when the issuer cannot
// be asked; a new one is found by the first token that names it, up to minPause later.
const (
	refreshAfter = 15 * time.Minute
	keepFor      = 24 * time.Hour
	minPause     = 10 * time.Second
	fetchTimeout = 5 * time.Second
	maxJWKS      = 1 << 20 // bytes
)

var (
	errNoKey   = errors.New("token names no key that its issuer publishes")
	errIssuer  = errors.New("token is of an issuer that is not listed")
	errNoKeys  = errors.New("there are no keys of the issuer")
	errTooSoon = errors.New("token names a key that its issuer did not publish when it was last asked, seconds ago")
)

// key returns what a token has to be signed with: one of the secrets, or the key that it names of its issuer.
func (k keyring) key(ctx context.Context, issuer string, h header) (any, error) {
	if len(k.secrets) > 0 {
		return gojwt.VerificationKeySet{Keys: k.secrets}, nil
	}
	source, listed := k.sources[issuer]
	if !listed {
		return nil, errIssuer
	}
	if h.keyID == "" {
		return nil, errNoKey
	}
	return source.key(ctx, keyID{h.keyID, h.algorithm})
}

// source holds the keys of one issuer. They are fetched by the call that needs them, one fetch at a time, so that there
// is nothing to be stopped.
type source struct {
	address    string
	shown      string // the address without its query, which may hold a key
	algorithms []string
	client     *http.Client
	now        func() time.Time
	log        *slog.Logger
	timeout    time.Duration // of one fetch, from dialling to its last byte

	mu      sync.Mutex
	keys    map[keyID]crypto.PublicKey
	fetched time.Time     // when the keys came
	current time.Time     // when they were asked for: which keys there were then is known
	asked   time.Time     // when they were last asked for, with or without success
	fetch   chan struct{} // closed when the fetch under way ends; nil when there is none
}

func newSource(address *url.URL, algorithms []string, d framework.Deps) *source {
	client := *d.HTTP
	client.CheckRedirect = noRedirect
	return &source{address: address.String(), shown: address.Scheme + "://" + address.Host + address.Path, algorithms: algorithms, client: &client, now: d.Now, log: d.Log, timeout: fetchTimeout}
}

// key finds a key. Keys that are not fresh, and one that is not known, make it ask the issuer, but no more often than
// every minPause: tokens that name random keys cost the issuer no more than that.
func (s *source) key(ctx context.Context, id keyID) (crypto.PublicKey, error) {
	came := s.now()
	for {
		s.mu.Lock()
		now := s.now()
		key, age := s.keys[id], now.Sub(s.fetched)
		usable := len(s.keys) > 0 && age < keepFor
		switch {
		case usable && key != nil && (age < refreshAfter || s.fetch != nil):
			s.mu.Unlock()
			return key, nil
		case s.fetch != nil: // somebody asks already
			under := s.fetch
			s.mu.Unlock()
			if err := wait(ctx, under); err != nil {
				return nil, err
			}
		case s.asked.IsZero() || now.Sub(s.asked) >= minPause:
			s.asked, s.fetch = now, make(chan struct{})
			s.mu.Unlock()
			s.refresh(ctx)
		default:
			pause, current := minPause-now.Sub(s.asked), !s.current.Before(came)
			s.mu.Unlock()
			return settle(key, usable, current, pause)
		}
	}
}

// settle answers with what there is, until the issuer may be asked again. Only who asked after a token came knows that its
// key is not published; it may have been since somebody else asked, and a token that is refused for ever is not sent again.
func settle(key crypto.PublicKey, usable, current bool, pause time.Duration) (crypto.PublicKey, error) {
	const roundUp = time.Second - 1
	switch {
	case !usable:
		return nil, framework.Unavailable("Tokens cannot be checked at the moment. Nothing was stored.", pause+roundUp, errNoKeys)
	case key != nil:
		return key, nil
	case current:
		return nil, errNoKey
	default:
		return nil, framework.Unavailable("This token cannot be checked at the moment. Nothing was stored.", pause+roundUp, errTooSoon)
	}
}

func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return framework.Unavailable("The call ended before its token was checked. Nothing was stored.", minPause, ctx.Err())
	}
}

// refresh fetches the keys. The caller of this call may go: others wait for the same keys.
func (s *source) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	var keys map[keyID]crypto.PublicKey
	defer func() { // whatever happens, nobody waits for ever
		s.mu.Lock()
		defer s.mu.Unlock()
		if keys != nil {
			s.keys, s.fetched, s.current = keys, s.now(), s.asked
		}
		close(s.fetch)
		s.fetch = nil
	}()
	keys, err := s.get(ctx)
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "keys for tokens could not be fetched", slog.String("address", s.shown), slog.String("err", err.Error()))
	}
}

func (s *source) get(ctx context.Context) (map[keyID]crypto.PublicKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make the request for keys: %w", err)
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.client.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("ask for keys: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for keys: status %d", response.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, maxJWKS+1))
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if len(document) > maxJWKS {
		return nil, fmt.Errorf("read keys: the answer is larger than %d bytes", maxJWKS)
	}
	keys, err := parseKeys(document, s.algorithms)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return keys, nil
}
