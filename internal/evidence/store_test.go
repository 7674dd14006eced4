package evidence

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errKilled = errors.New("killed")

// disk is a write-once store that a test may tamper with, and that stops working after a number of calls, as if the process
// had been killed: before or after the last call had its effect.
type disk struct {
	mu      sync.Mutex
	objects map[string][]byte
	calls   int
	fail    func(call int) (before, after bool)
	onPut   func(key string) error
	onGet   func(key string) error
}

func newDisk() *disk { return &disk{objects: map[string][]byte{}} }

// call counts a call, does it, and kills it where that was asked for.
func (d *disk) call(do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	before, after := false, false
	if d.fail != nil {
		before, after = d.fail(d.calls)
	}
	if before {
		return errKilled
	}
	err := do()
	if after {
		return errKilled
	}
	return err
}

func (d *disk) Put(ctx context.Context, key string, body []byte) error {
	return errors.Join(ctx.Err(), d.call(func() error {
		if d.onPut != nil {
			if err := d.onPut(key); err != nil {
				return err
			}
		}
		if stored, ok := d.objects[key]; ok && !bytes.Equal(stored, body) {
			return framework.ErrDifferent
		}
		d.objects[key] = bytes.Clone(body)
		return nil
	}))
}

func (d *disk) Get(ctx context.Context, key string) (body []byte, err error) {
	err = errors.Join(ctx.Err(), d.call(func() error {
		if d.onGet != nil {
			if err := d.onGet(key); err != nil {
				return err
			}
		}
		stored, ok := d.objects[key]
		if !ok {
			return framework.ErrNoObject
		}
		body = bytes.Clone(stored)
		return nil
	}))
	return body, err
}

func (d *disk) List(_ context.Context, prefix, from, to string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var keys []string
		if err := d.call(func() error { keys = slices.Sorted(maps.Keys(d.objects)); return nil }); err != nil {
			yield("", err)
			return
		}
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) && key >= from && (to == "" || key < to) && !yield(key, nil) {
				return
			}
		}
	}
}

func (*disk) Check(context.Context) error { return nil }

// set and remove are what nobody may do.
func (d *disk) set(key, body string) { d.objects[key] = []byte(body) }

func (d *disk) remove(key string) { delete(d.objects, key) }

// keysBelow are sorted.
func (d *disk) keysBelow(prefix string) (keys []string) {
	for key := range d.objects {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// world is an archive with a clock at 12:00.
type world struct {
	*disk
	clock *frameworktest.Clock
	log   *frameworktest.Log
}

func newWorld() world {
	return world{newDisk(), new(frameworktest.Clock), new(frameworktest.Log)}
}

// replica is a process that uses the archive.
func (w world) replica(signer *Signer) *Archive {
	return New(w.disk, Deps{Now: w.clock.Now, Log: w.log.Logger(), Signer: signer})
}

func put(t *testing.T, a *Archive, key, body string) {
	t.Helper()
	if err := a.Put(t.Context(), key, []byte(body)); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func seal(t *testing.T, a *Archive, now bool) *Seal {
	t.Helper()
	newest, err := a.Seal(t.Context(), now)
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return newest
}

func (w world) verify(t *testing.T, options Options) *Report {
	t.Helper()
	report, err := Verify(t.Context(), w.disk, options)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return report
}

// told are findings without their details.
func told(report *Report) []string {
	found := []string{}
	for _, finding := range report.Findings {
		found = append(found, finding.Kind+" "+finding.Key)
	}
	return found
}

// newKey is a signer with its public key.
func newKey(t *testing.T) (*Signer, ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewSigner(framework.NewSecret(privatePEM(t, private)))
	if err != nil {
		t.Fatal(err)
	}
	return signer, public
}

func privatePEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

const hour = time.Hour

func entryLine(entry Entry) string {
	var line bytes.Buffer
	entry.appendTo(&line)
	return line.String()
}
