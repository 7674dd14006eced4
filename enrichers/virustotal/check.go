package virustotal

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"funnelweb/framework"
)

// keyProof is how long a key that worked is taken for good without a call.
const keyProof = 24 * time.Hour

// eicar is the EICAR test file, which every VirusTotal knows.
const eicar = "/files/275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"

// keyState is what the last calls showed of the key.
type keyState struct {
	mu     sync.Mutex
	proven time.Time
	err    error
}

func (k *keyState) accepted(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.proven, k.err = now, nil
}

func (k *keyState) refused(err error) {
	failure, ok := errors.AsType[*framework.ServiceError](err)
	if !ok || failure.Status != http.StatusUnauthorized && failure.Status != http.StatusForbidden {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = failure
}

// standing returns when the key last worked, and why it does not any more.
func (k *keyState) standing() (time.Time, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.proven, k.err
}

// Check tells whether VirusTotal answers and takes the key. A lookup with the key costs quota and Check is called
// often, so the key is tried once, and after that known from the lookups of the last day; VirusTotal itself is asked
// without the key, which it answers with 401 and does not count.
func (e *Enricher) Check(ctx context.Context) error {
	proven, err := e.key.standing()
	if err != nil {
		return err
	}
	if e.now().Sub(proven) >= keyProof {
		_, err := e.call(ctx, "check", eicar)
		if _, waits := errors.AsType[*framework.Wait](err); waits || errors.Is(err, errNotFound) {
			return nil // it answers; a lookup would wait for the quota
		}
		return err
	}
	_, err = e.get(ctx, "check", eicar, framework.Secret{})
	failure, ok := errors.AsType[*framework.ServiceError](err)
	if errors.Is(err, errNotFound) || ok && failure.Status == http.StatusUnauthorized {
		return nil
	}
	return err
}
