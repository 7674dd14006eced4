package evidence

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// export unpacks an export into a folder.
func (w world) export(t *testing.T, options Options) (folder string, report *Exported) {
	t.Helper()
	var packed bytes.Buffer
	report, err := Export(t.Context(), w.disk, &packed, options)
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	for reader := tar.NewReader(&packed); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return folder, report
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, header.Name), string(body))
	}
}

func write(t *testing.T, file, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
}

// check runs the script of an export with nothing but sha256sum on the PATH.
func check(t *testing.T, folder string) (code int, said string) {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	sum, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip("there is no sha256sum")
	}
	bin := t.TempDir()
	if err := os.Symlink(sum, filepath.Join(bin, "sha256sum")); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), shell, filepath.Join(folder, "verify.sh"))
	command.Env = []string{"PATH=" + bin}
	output, err := command.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(output)
}

func TestAnExportProvesItselfWithShAndSha256sum(t *testing.T) {
	signer, _ := newKey(t)
	w := sealedWorld(t, signer)
	a := w.replica(signer)
	put(t, a, ".hidden/...", "a key of dots")
	put(t, a, "long/"+strings.Repeat("l", 250)+"/"+strings.Repeat("m", 250), "a long key")
	put(t, a, "empty", "")
	put(t, a, "-rf/--help", "a key that begins as an option does")
	seal(t, a, true)
	folder, report := w.export(t, Options{})
	if diff := cmp.Diff(&Exported{Manifests: 4, Objects: 8, Findings: []Finding{}}, report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	newest := w.verify(t, Options{}).Newest
	want := "OK: 8 object(s): all are what was sealed\nnewest manifest: " + newest.SHA256.String() + " manifests/2026/11/20/15/0001\n"
	if code, said := check(t, folder); code != 0 || said != want {
		t.Errorf("exit code %d (-want +got):\n%s", code, cmp.Diff(want, said))
	}
}

// TestTheScriptIsNotSteeredByAManifest unpacks manifests of somebody who can write into the archive: their keys are to be
// neither paths that lead elsewhere nor what a terminal obeys, such as one that writes OK over the line that says WRONG.
func TestTheScriptIsNotSteeredByAManifest(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "body of webhooks/a")
	for _, key := range []string{
		"../../../../../../../../.." + secret, "webhooks/../webhooks/a", "./webhooks/a", "webhooks//a", "webhooks/a/.", "..", "",
		"\x1b[2K\rOK: 3 objects are what was sealed", "webhooks/a\x07", "webhooks/\u202ea", "webhooks/a b", `webhooks/a"`, "webhooks/'a", "webhooks/$(id)", "webhooks/`id`",
		"webhooks/*", `webhooks/\a`, "webhooks/a\r",
	} {
		t.Run(key, func(t *testing.T) {
			w := sealedWorldWithout(t)
			w.set(in13, strings.Replace(string(w.objects[in13]), "webhooks/b", key, 1))
			folder, _ := w.export(t, Options{})
			code, said := check(t, folder)
			if code != 1 || strings.Contains(said, "OK:") || strings.ContainsAny(said, "\x1b\x07\r\u202e") || strings.Contains(said, secret) {
				t.Errorf("exit code %d: %q", code, said)
			}
			if !strings.Contains(said, "WRONG manifests/2026/11/20/13/0001: it holds a line that is none of a manifest\n") {
				t.Errorf("it does not say which manifest is wrong:\n%s", said)
			}
		})
	}
	t.Run("a hash that is none", func(t *testing.T) {
		w := sealedWorldWithout(t)
		w.set(in13, strings.Replace(string(w.objects[in13]), "objects 1\n", "objects 1\n\\x1b[2Kxx 3 t webhooks/b\n", 1))
		folder, _ := w.export(t, Options{})
		if code, said := check(t, folder); code != 1 || strings.ContainsAny(said, "\x1b") || !strings.Contains(said, "it holds a line that is none of a manifest") {
			t.Errorf("exit code %d: %q", code, said)
		}
	})
}

func TestTheScriptFindsWhatWasChanged(t *testing.T) {
	manifest := func(name string) string { return strings.TrimPrefix(name, own) }
	cases := []struct {
		name   string
		tamper func(t *testing.T, folder string)
		want   string
	}{
		{"an object", func(t *testing.T, f string) { t.Helper(); write(t, f+"/objects/webhooks/a", "other") }, "WRONG objects/webhooks/a: FAILED"},
		{"an object that is gone", func(t *testing.T, f string) { t.Helper(); must(t, os.Remove(f+"/objects/webhooks/a")) }, "objects/webhooks/a"},
		{"an object that was added", func(t *testing.T, f string) { t.Helper(); write(t, f+"/objects/.x", "") }, "WRONG objects has 4 file(s), and the manifests have 3"},
		{"an object that is a link to a copy of it", func(t *testing.T, f string) { t.Helper(); linked(t, f+"/objects/webhooks/a") }, "WRONG objects: there is a link"},
		{"a folder of objects that is a link", func(t *testing.T, f string) { t.Helper(); linked(t, f+"/objects/webhooks") }, "WRONG objects: there is a link"},
		{"all objects behind a link", func(t *testing.T, f string) { t.Helper(); linked(t, f+"/objects") }, "WRONG objects: there is a link"},
		{"a manifest that is a link to a copy of it", func(t *testing.T, f string) { t.Helper(); linked(t, f+"/"+manifest(in13)) }, "WRONG manifests: there is a link"},
		{"all manifests behind a link", func(t *testing.T, f string) { t.Helper(); linked(t, f+"/manifests") }, "WRONG manifests: there is a link"},
		{"a manifest", func(t *testing.T, f string) {
			t.Helper()
			replace(t, f+"/"+manifest(in13), "part 1 of 1", "part 1 of 2")
		}, manifest(in13) + ": its seal is broken"},
		{"a manifest that is gone", func(t *testing.T, f string) { t.Helper(); must(t, os.Remove(f+"/"+manifest(in13))) }, manifest(in14) + ": it does not carry the hash of the one before"},
		{"a manifest that is empty", func(t *testing.T, f string) { t.Helper(); write(t, f+"/"+manifest(in13), "") }, manifest(in13) + ": its seal is broken"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			folder, _ := sealedWorldWithout(t).export(t, Options{})
			c.tamper(t, folder)
			if code, said := check(t, folder); code != 1 || !strings.Contains(said, c.want) || strings.Contains(said, "OK:") {
				t.Errorf("exit code %d, want %q in:\n%s", code, c.want, said)
			}
		})
	}
}

// sealedWorldWithout has nothing that waits.
func sealedWorldWithout(t *testing.T) world {
	t.Helper()
	w := newWorld()
	a := w.replica(nil)
	for _, key := range []string{"webhooks/a", "webhooks/b", "webhooks/c"} {
		put(t, a, key, "body of "+key)
		w.clock.Advance(hour)
		seal(t, a, false)
	}
	return w
}

// linked moves a file or a folder elsewhere and leaves a link to it, so that what is read there is as it was.
func linked(t *testing.T, path string) {
	t.Helper()
	elsewhere := filepath.Join(t.TempDir(), "moved")
	must(t, os.Rename(path, elsewhere))
	must(t, os.Symlink(elsewhere, path))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func replace(t *testing.T, file, old, with string) {
	t.Helper()
	body, err := os.ReadFile(file)
	must(t, err)
	if !strings.Contains(string(body), old) {
		t.Fatalf("%s has no %q", file, old)
	}
	write(t, file, strings.Replace(string(body), old, with, 1))
}

func TestAnExportOfARangeHasItsHoursAlone(t *testing.T) {
	w := sealedWorldWithout(t)
	start := w.clock.Now().Add(-2 * hour)
	folder, report := w.export(t, Options{Start: start, End: start.Add(hour)})
	if report.Manifests != 1 || report.Objects != 1 {
		t.Errorf("got %+v", report)
	}
	if code, said := check(t, folder); code != 0 || !strings.Contains(said, "OK: 1 object(s): all are what was sealed\n") {
		t.Errorf("exit code %d: %s", code, said)
	}
	put(t, w.replica(nil), "webhooks/waiting", "body") // in the hour that is open
	for name, c := range map[string]struct {
		options Options
		waiting int
	}{"all": {Options{}, 1}, "from an hour on": {Options{Start: start}, 1}, "an hour of before": {Options{Start: start, End: start.Add(hour)}, 0}} {
		if _, report := w.export(t, c.options); report.Waiting != c.waiting {
			t.Errorf("%s: %d wait, want %d", name, report.Waiting, c.waiting)
		}
	}
	_, err := Export(t.Context(), w.disk, io.Discard, Options{Start: start.Add(10 * hour)})
	if !errors.Is(err, ErrNothingSealed) {
		t.Errorf("got %v", err)
	}
}

func TestAnExportTellsWhatIsNotAsItWasSealed(t *testing.T) {
	w := sealedWorldWithout(t)
	w.set("webhooks/a", "other")
	w.remove("webhooks/b")
	folder, report := w.export(t, Options{})
	got := []string{}
	for _, finding := range report.Findings {
		got = append(got, finding.Kind+" "+finding.Key)
	}
	if diff := cmp.Diff([]string{"changed webhooks/a", "missing webhooks/b"}, got); diff != "" || report.Objects != 2 {
		t.Errorf("%d objects; findings (-want +got):\n%s", report.Objects, diff)
	}
	if code, _ := check(t, folder); code != 1 {
		t.Errorf("the script says %d", code)
	}
}
