package evidence

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

const (
	in12 = "seals/manifests/2026/11/20/12/0001"
	in13 = "seals/manifests/2026/11/20/13/0001"
	in14 = "seals/manifests/2026/11/20/14/0001"
)

// sealedWorld has an object in each of the hours from 12 to 14, sealed, and one that waits.
func sealedWorld(t *testing.T, signer *Signer) world {
	t.Helper()
	w := newWorld()
	a := w.replica(signer)
	for _, key := range []string{"webhooks/a", "webhooks/b", "webhooks/c"} {
		put(t, a, key, "body of "+key)
		w.clock.Advance(hour)
		seal(t, a, false)
	}
	put(t, a, "webhooks/d", "body of d")
	return w
}

// remade is a manifest that was changed by somebody who knows its form.
func (w world) remade(t *testing.T, key string, change func(*manifest)) {
	t.Helper()
	m, ok := parseManifest(w.objects[key])
	if !ok {
		t.Fatalf("%s does not parse", key)
	}
	change(&m)
	w.set(key, string(m.encode()))
}

func TestVerifyNamesWhatIsNotAsItWasSealed(t *testing.T) {
	cases := []struct {
		name   string
		tamper func(*testing.T, world)
		want   []string
	}{
		{"nothing", func(*testing.T, world) {}, []string{}},
		{"a changed object", func(_ *testing.T, w world) { w.set("webhooks/b", "other") }, []string{"changed webhooks/b"}},
		{"one bit of an object", func(_ *testing.T, w world) { w.objects["webhooks/b"][0] ^= 1 }, []string{"changed webhooks/b"}},
		{"a missing object", func(_ *testing.T, w world) { w.remove("webhooks/b") }, []string{"missing webhooks/b"}},
		{"an added object", func(_ *testing.T, w world) { w.set("webhooks/x", "forged") }, []string{"added webhooks/x"}},
		{"a changed object that waits for its seal", func(_ *testing.T, w world) { w.set("webhooks/d", "other") }, []string{"changed webhooks/d"}},
		{"a missing object that waits for its seal", func(_ *testing.T, w world) { w.remove("webhooks/d") }, []string{"missing webhooks/d"}},
		{"an object that was renamed", func(_ *testing.T, w world) {
			w.objects["webhooks/e"] = w.objects["webhooks/b"]
			w.remove("webhooks/b")
		}, []string{"added webhooks/e", "missing webhooks/b"}},
		{"a manifest with a byte changed", func(_ *testing.T, w world) {
			w.set(in13, strings.Replace(string(w.objects[in13]), "webhooks/b", "webhooks/x", 1))
		}, []string{"added webhooks/b", "broken " + in13, "broken " + in14}},
		{"a manifest that was made anew", func(t *testing.T, w world) {
			t.Helper()
			w.remade(t, in13, func(m *manifest) { m.entries[0].SHA256 = sha256.Sum256([]byte("other")) })
			w.set("webhooks/b", "other")
		}, []string{"broken " + in14}},
		{"the newest manifest cut off", func(_ *testing.T, w world) { w.set(in14, string(w.objects[in14][:100])) }, []string{"added webhooks/c", "broken " + in14}},
		{"an empty manifest", func(_ *testing.T, w world) { w.set(in12, "") }, []string{"added webhooks/a", "broken " + in12, "broken " + in13}},
		{"a manifest in the place of another", func(_ *testing.T, w world) { w.objects[in13] = w.objects[in12] }, []string{"added webhooks/b", "broken " + in13, "broken " + in14}},
		{"a missing manifest", func(_ *testing.T, w world) { w.remove(in13) }, []string{"added webhooks/b", "missing " + in13}},
		{"the first manifest missing", func(_ *testing.T, w world) { w.remove(in12) }, []string{"added webhooks/a", "missing " + in12}},
		{"two manifests missing", func(_ *testing.T, w world) { w.remove(in12); w.remove(in13) }, []string{"added webhooks/a", "added webhooks/b", "missing " + in12}},
		{"the newest manifest missing", func(_ *testing.T, w world) { w.remove(in14) }, []string{"unsealed " + in14}},
		{"the newest manifest missing with all that is known of its hour", func(_ *testing.T, w world) {
			w.remove(in14)
			w.remove("seals/closed/2026/11/20/14")
			for _, key := range w.keysBelow("seals/journal/2026/11/20/14") {
				w.remove(key)
			}
		}, []string{"added webhooks/c"}},
		{"a part too many", func(_ *testing.T, w world) { w.objects[strings.Replace(in13, "0001", "0002", 1)] = w.objects[in13] }, []string{"added " + strings.Replace(in13, "0001", "0002", 1)}},
		{"a manifest of before the beginning", func(_ *testing.T, w world) { w.set("seals/manifests/2026/11/20/11/0001", "x") }, []string{"added seals/manifests/2026/11/20/11/0001"}},
		{"something else among the manifests", func(_ *testing.T, w world) { w.set("seals/manifests/notes", "x"); w.set("seals/x", "x") }, []string{"added seals/manifests/notes", "added seals/x"}},
		{"the beginning gone", func(_ *testing.T, w world) { w.remove(firstKey) }, []string{"unsealed " + firstKey}},
		{"the beginning moved on, and what was before it removed", func(_ *testing.T, w world) {
			w.set(firstKey, "2026-11-20T13:00:00Z\n")
			w.remove(in12)
			w.remove("webhooks/a")
		}, []string{"broken " + in13}},
		{"another beginning", func(_ *testing.T, w world) { w.set(firstKey, "soon") }, []string{"broken " + firstKey}},
		{"an object that was replaced and sealed again", func(t *testing.T, w world) {
			t.Helper()
			w.remove("webhooks/a")
			put(t, w.replica(nil), "webhooks/a", "other")
			seal(t, w.replica(nil), true)
		}, []string{"changed webhooks/a", "changed webhooks/a"}},
		{"everything but one object gone", func(_ *testing.T, w world) {
			clear(w.objects)
			w.set("webhooks/a", "one")
		}, []string{"added webhooks/a", "unsealed " + firstKey}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := sealedWorld(t, nil)
			c.tamper(t, w)
			if diff := cmp.Diff(c.want, told(w.verify(t, Options{}))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhoKnowsAHashOfBeforeSeesThatEverythingWasMadeAnew(t *testing.T) {
	w := sealedWorld(t, nil)
	noted := w.verify(t, Options{}).Newest.SHA256
	if report := w.verify(t, Options{Contains: &noted}); !report.Contained || len(report.Findings) != 0 {
		t.Errorf("got %+v", report)
	}
	forged := newWorld()
	a := forged.replica(nil)
	for _, key := range []string{"webhooks/a", "webhooks/b", "webhooks/c"} {
		put(t, a, key, "forged")
		forged.clock.Advance(hour)
		seal(t, a, false)
	}
	report := forged.verify(t, Options{Contains: &noted})
	if diff := cmp.Diff([]string{"missing manifest " + noted.String()}, told(report)); diff != "" || report.Contained {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestSignaturesAreChecked(t *testing.T) {
	signer, public := newKey(t)
	otherSigner, other := newKey(t)
	forge := func(t *testing.T, w world) {
		t.Helper()
		w.remade(t, in14, func(m *manifest) { m.entries[0].SHA256 = sha256.Sum256([]byte("other")) })
		w.set("webhooks/c", "other")
	}
	cases := []struct {
		name   string
		signer *Signer
		keys   []ed25519.PublicKey
		tamper func(*testing.T, world)
		signed int
		want   []string
	}{
		{"by the key", signer, []ed25519.PublicKey{public}, nil, 3, []string{}},
		{"by one of two keys", signer, []ed25519.PublicKey{other, public}, nil, 3, []string{}},
		{"by another key", signer, []ed25519.PublicKey{other}, nil, 0, []string{"unsigned " + in12, "unsigned " + in13, "unsigned " + in14}},
		{"by nobody", nil, []ed25519.PublicKey{public}, nil, 0, []string{"unsigned " + in12, "unsigned " + in13, "unsigned " + in14}},
		{"no key is given", signer, nil, nil, 0, []string{}},
		{"the newest made anew, with the old signature", signer, []ed25519.PublicKey{public}, forge, 2, []string{"unsigned " + in14}},
		{"the newest made anew and signed by another", signer, []ed25519.PublicKey{public}, func(t *testing.T, w world) {
			t.Helper()
			forge(t, w)
			w.remade(t, in14, otherSigner.sign)
		}, 2, []string{"unsigned " + in14}},
		{"the newest made anew and signed by another in the key's name", signer, []ed25519.PublicKey{public}, func(t *testing.T, w world) {
			t.Helper()
			forge(t, w)
			w.remade(t, in14, func(m *manifest) { otherSigner.sign(m); m.signer = Fingerprint(public) })
		}, 2, []string{"unsigned " + in14}},
		{"the newest made anew without a signature", signer, []ed25519.PublicKey{public}, func(t *testing.T, w world) {
			t.Helper()
			forge(t, w)
			w.remade(t, in14, func(m *manifest) { m.signer = "" })
		}, 2, []string{"unsigned " + in14}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := sealedWorld(t, c.signer)
			if c.tamper != nil {
				c.tamper(t, w)
			}
			report := w.verify(t, Options{Keys: c.keys})
			if diff := cmp.Diff(c.want, told(report)); diff != "" || report.Signed != c.signed {
				t.Errorf("%d signed; findings (-want +got):\n%s", report.Signed, diff)
			}
		})
	}
}

func TestReplicasOfOtherKeysSealTheSame(t *testing.T) {
	signer, public := newKey(t)
	w := newWorld()
	put(t, w.replica(nil), "a/b", "body")
	w.clock.Advance(hour)
	signed, unsigned := seal(t, w.replica(signer), false), seal(t, w.replica(nil), false)
	if *signed != *unsigned {
		t.Errorf("got %v and %v", signed, unsigned)
	}
	// One that seals the same hour at the same moment has seen no manifest yet.
	again, err := w.replica(nil).sealHour(t.Context(), signed.Hour, Hash{})
	if err != nil || *again != *signed {
		t.Errorf("got %v, %v", again, err)
	}
	if report := w.verify(t, Options{Keys: []ed25519.PublicKey{public}}); report.Signed != 1 || len(report.Findings) != 0 {
		t.Errorf("got %+v", report)
	}
}

func TestAManifestOfAnotherContentStopsSealingAndIsTold(t *testing.T) {
	w := sealedWorld(t, nil)
	w.set("seals/manifests/2026/11/20/15/0001", "planted")
	w.clock.Advance(hour)
	// It is the newest one: what is sealed after it carries its hash, and verify tells.
	if _, err := w.replica(nil).Seal(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(hour)
	seal(t, w.replica(nil), false)
	got := told(w.verify(t, Options{}))
	if diff := cmp.Diff([]string{"added webhooks/d", "broken seals/manifests/2026/11/20/15/0001"}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestARangeReadsOnlyWhatWasArchivedInIt(t *testing.T) {
	w := sealedWorld(t, nil)
	w.set("webhooks/a", "other")
	w.set("webhooks/c", "other")
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	cases := []struct {
		name       string
		start, end string
		read       int
		want       []string
	}{
		{"one hour", "2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z", 1, []string{}},
		{"a part of two hours", "2026-11-20T12:59:59Z", "2026-11-20T13:00:01Z", 2, []string{"changed webhooks/a"}},
		{"before all", "2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z", 0, []string{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			report := w.verify(t, Options{Start: at(c.start), End: at(c.end)})
			if diff := cmp.Diff(c.want, told(report)); diff != "" || report.Read != c.read || report.Objects != 3 {
				t.Errorf("read %d of %d; findings (-want +got):\n%s", report.Read, report.Objects, diff)
			}
		})
	}
	t.Run("from a time on", func(t *testing.T) {
		report := w.verify(t, Options{Start: at("2026-11-20T14:00:00Z")})
		if diff := cmp.Diff([]string{"changed webhooks/c"}, told(report)); diff != "" || report.Read != 2 {
			t.Errorf("read %d; findings (-want +got):\n%s", report.Read, diff)
		}
	})
}

func TestAStoreThatFailsIsAnErrorAndNoFinding(t *testing.T) {
	w := sealedWorld(t, nil)
	w.calls = 0
	w.verify(t, Options{})
	calls := w.calls
	for at := 1; at <= calls; at++ {
		w.calls = 0
		w.fail = func(call int) (bool, bool) { return call == at, false }
		if report, err := Verify(t.Context(), w.disk, Options{}); err == nil {
			t.Errorf("call %d failed and nothing was said: %+v", at, report)
		}
	}
}

func TestProgressIsToldToItsEnd(t *testing.T) {
	w := sealedWorld(t, nil)
	var last, of int
	w.verify(t, Options{Progress: func(done, all int) { last, of = done, all }})
	if last != 4 || of != 4 {
		t.Errorf("got %d of %d", last, of)
	}
}

func TestWhatWasThereBeforeSealingIsAdopted(t *testing.T) {
	w := newWorld()
	for _, key := range []string{"alerts/58/9b/589b1aa1", "webhooks/2017/06/22/12/00/589b1aa1"} {
		w.set(key, "of the old program")
	}
	if diff := cmp.Diff([]string{"added alerts/58/9b/589b1aa1", "added webhooks/2017/06/22/12/00/589b1aa1", "unsealed seals/first"}, told(w.verify(t, Options{}))); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	a := w.replica(nil)
	put(t, a, "a/b", "new")
	for _, want := range []int{2, 0} {
		if got, err := a.Adopt(t.Context(), nil); err != nil || got.Objects != want {
			t.Errorf("adopted %+v, %v, want %d", got, err, want)
		}
	}
	seal(t, a, true)
	if report := w.verify(t, Options{}); report.Objects != 3 || len(report.Findings) != 0 {
		t.Errorf("got %+v", report)
	}
}

func TestKeysAreChecked(t *testing.T) {
	const canary = "MC4CAQAwBQYDK2VwBCIEIFcanarycanary"
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	public, _ := x509.MarshalPKIXPublicKey(private.Public())
	publicPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	for name, text := range map[string]string{
		"nothing": "", "no PEM": canary, "PEM of no key": "-----BEGIN PRIVATE KEY-----\n" + canary + "\n-----END PRIVATE KEY-----\n",
		"another kind of key": privatePEM(t, rsaKey), "a public key": publicPEM, "two keys": privatePEM(t, private) + privatePEM(t, private),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewSigner(framework.NewSecret(text))
			if err == nil {
				t.Fatal("it was taken")
			}
			frameworktest.LeaksNoSecret(t, canary, err.Error())
		})
	}
	if keys, err := ParsePublicKeys([]byte(publicPEM + publicPEM)); err != nil || len(keys) != 2 {
		t.Errorf("got %d keys, %v", len(keys), err)
	}
	for _, text := range []string{"", "x", privatePEM(t, private)} {
		if _, err := ParsePublicKeys([]byte(text)); err == nil {
			t.Errorf("%.30q was taken for a public key", text)
		}
	}
}

func FuzzManifest(f *testing.F) {
	m := manifest{hour: frameworktest.Start(), part: 1, parts: 1, entries: []Entry{{Key: "a/b", Size: 3, StoredAt: frameworktest.Start()}}}
	f.Add(m.encode())
	m.signer, m.signature = "00", []byte("signature")
	f.Add(m.encode())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, ok := parseManifest(body)
		if ok && string(m.encode()) != string(body) {
			t.Errorf("%q was taken for %q", body, m.encode())
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add(strings.Repeat("0", 64) + " 3 2026-11-20T12:00:00.000Z a/b\n")
	f.Fuzz(func(t *testing.T, line string) {
		entry, ok := parseEntry(line)
		if !ok {
			return
		}
		if again := entryLine(entry); again != line || isOwn(entry.Key) || !isKey(entry.Key) {
			t.Errorf("%q was taken for %q", line, again)
		}
	})
}
