package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAClusterThatCannotBeTrustedIsAMistake(t *testing.T) {
	t.Setenv("NATS_PASSWORD", "a-canary-password")
	t.Setenv("NATS_SEED", "SUnot-a-seed-canary")
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	inTheClear := "would send events and secrets in clear text to another machine: use tls://, or say plaintext: true if the network is yours alone"
	for name, test := range map[string]struct{ nats, want string }{
		"no server":                     {`{}`, ": urls: name the servers, such as [tls://nats1.example.com:4222]"},
		"clear text to another machine": {`{urls: ["nats://10.1.2.3:4222"]}`, ".urls[0]: " + inTheClear},
		"clear text by a name":          {`{urls: ["nats://127.0.0.1:4222", "nats://nats.example.com:4222"]}`, ".urls[1]: " + inTheClear},
		"clear text that is wanted":     {`{urls: ["nats://10.1.2.3:4222"], plaintext: true}`, ""},
		"clear text on this machine":    {`{urls: ["nats://127.0.0.1:4222", "nats://[::1]:4222", "nats://localhost:4222"]}`, ""},
		"TLS":                           {`{urls: ["tls://nats.example.com:4222"]}`, ""},
		"TLS by its settings":           {`{urls: ["nats://nats.example.com:4222"], tls: {}}`, ""},
		"a password in a URL":           {`{urls: ["tls://soc:canary-secret@nats.example.com:4222"]}`, ".urls[0]: must hold no user and password: give user and password as keys of their own"},
		"another protocol":              {`{urls: ["https://nats.example.com"]}`, ".urls[0]: must begin with nats:// or tls://"},
		"no URL":                        {`{urls: ["nats.example.com:4222"]}`, ".urls[0]: must be of the form nats://host:port or tls://host:port"},
		"more than a server":            {`{urls: ["tls://nats.example.com:4222/events"]}`, ".urls[0]: must end behind the port"},
		"an even number of copies":      {`{urls: ["tls://nats.example.com:4222"], replicas: 2}`, ".replicas: must be 1, 3 or 5: an even number bears no more failures"},
		"a prefix with a dot":           {`{urls: ["tls://nats.example.com:4222"], prefix: a.b}`, ".prefix: must be 1 to 32 of a-z, 0-9 and -, begin with a letter, and not be ev or redo"},
		"a user without a password":     {`{urls: ["tls://nats.example.com:4222"], user: soc}`, ".user: give user and password together"},
		"a user with a password":        {`{urls: ["tls://nats.example.com:4222"], user: soc, password: "env:NATS_PASSWORD"}`, ""},
		"two identities":                {`{urls: ["tls://nats.example.com:4222"], user: soc, password: "env:NATS_PASSWORD", nkey: "env:NATS_SEED"}`, ".user: give one of user with password, credentials, and nkey"},
		"an nkey that is none":          {`{urls: ["tls://nats.example.com:4222"], nkey: "env:NATS_SEED"}`, ".nkey: is not the seed of a user's key"},
		"a certificate without a key":   {`{urls: ["tls://nats.example.com:4222"], tls: {cert_file: x}}`, ".tls.cert_file: give cert_file and key_file together"},
		"authorities that are none":     {`{urls: ["tls://nats.example.com:4222"], tls: {ca_file: ` + notPEM + `}}`, ".tls.ca_file: holds no certificate in PEM"},
		"values that no engine takes":   {`{urls: ["tls://nats.example.com:4222"], workers: -1}`, ": max_store_mb, workers, retry_first, retry_max and give_up_after must not be negative"},
		"a secret that is not there":    {`{urls: ["tls://nats.example.com:4222"], user: soc, password: "env:NO_SUCH_PASSWORD"}`, ".password: environment variable NO_SUCH_PASSWORD is not set"},
		"a password written in place":   {`{urls: ["tls://nats.example.com:4222"], user: soc, password: canary-secret}`, ".password: a secret is written as env:NAME or file:/path, never in place"},
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			if test.want != "" {
				want = []string{"line 2: engine.nats" + test.want}
			}
			got := mistakes(t, "engine:\n  nats: "+test.nats+"\n")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Contains(strings.Join(got, ""), "canary") {
				t.Error("a secret is told")
			}
		})
	}
}

func TestInlineWithValuesThatNoEngineTakesIsAMistake(t *testing.T) {
	if got := mistakes(t, "engine: {inline: {timeout: 10s, max_memory_mb: 32}}\n"); got != nil {
		t.Errorf("got %q", got)
	}
	got := mistakes(t, "engine: {inline: {timeout: -1s}}\n")
	if diff := cmp.Diff([]string{"line 1: engine.inline: timeout and max_memory_mb must not be negative"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTwoEnginesAreAMistake(t *testing.T) {
	got := mistakes(t, "engine: {embedded: {}, nats: {urls: [\"nats://127.0.0.1:4222\"]}}\n")
	if diff := cmp.Diff([]string{"line 1: engine: choose one of embedded, nats and inline"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
