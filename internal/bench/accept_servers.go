package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// acceptor is a program that takes a signed webhook and answers when it is safe.
type acceptor struct {
	name    string
	is      string
	path    string
	status  int
	needs   string                                      // a command that tells whether it is there
	install string                                      // a command that brings it
	arrange func(dir, address string) ([]string, error) // its command line

	address string
	command *exec.Cmd
	next    numbers
}

// The names of the contenders, as in the report.
const (
	nameFunnelweb = "funnelweb"
	nameWebhook   = "webhook"
	nameFastAPI   = "FastAPI"
	nameBento     = "Bento"
	nameN8N       = "n8n"
	nameNothing   = "nothing stored"
)

const debian = "apt-get install --no-install-recommends "

func acceptors(program string) []*acceptor {
	return []*acceptor{
		{
			name: nameFunnelweb, is: "this program: signature, schema, deduplication, one sync for all that wait", path: "/api/v1/splunk/alert", status: http.StatusAccepted,
			arrange: func(dir, address string) ([]string, error) {
				config := "listen: " + address + "\ndata: " + filepath.Join(dir, "data") + "\nendpoints:\n  - use: splunk\n    before: [{hmac: {preset: github, secrets: [\"file:" +
					filepath.Join(dir, "key") + "\"]}}]\n"
				err := errors.Join(writeFile(dir, "key", signingKey), writeFile(dir, "funnelweb.yaml", config))
				return []string{program, "serve", "--log-level", "warn", "--config", filepath.Join(dir, "funnelweb.yaml")}, err
			},
		},
		{
			name: nameWebhook, is: "Debian's webhook: signature, then a shell script that appends the body to a file and syncs that", path: "/hooks/alert", status: http.StatusOK,
			needs: "webhook -version", install: debian + "webhook",
			arrange: func(dir, address string) ([]string, error) {
				script := "#!/bin/sh\nprintf '%s\\n' \"$1\" >>" + filepath.Join(dir, "events") + " && sync -d " + filepath.Join(dir, "events") + "\n"
				hooks := `[{"id":"alert","execute-command":"` + filepath.Join(dir, "append.sh") + `","http-methods":["POST"],"include-command-output-in-response":true,` +
					`"pass-arguments-to-command":[{"source":"entire-payload"}],"trigger-rule":{"match":{"type":"payload-hmac-sha256","secret":"` + signingKey +
					`","parameter":{"source":"header","name":"` + signatureIn + `"}}}}]`
				err := errors.Join(writeFile(dir, "append.sh", script), writeFile(dir, "hooks.json", hooks), os.Chmod(filepath.Join(dir, "append.sh"), 0o700)) //nolint:gosec // a program
				host, port, splitErr := net.SplitHostPort(address)
				return []string{"webhook", "-hooks", filepath.Join(dir, "hooks.json"), "-ip", host, "-port", port}, errors.Join(err, splitErr)
			},
		},
		{
			name: nameFastAPI, is: "FastAPI on uvicorn: signature, pydantic, a row in SQLite, synchronous=FULL in WAL mode, duplicates by primary key", path: "/alert", status: http.StatusAccepted,
			needs: "/usr/bin/python3 -c \"import fastapi, uvicorn\"", install: debian + "python3-fastapi python3-uvicorn",
			arrange: func(dir, address string) ([]string, error) {
				host, port, err := net.SplitHostPort(address)
				err = errors.Join(err, writeFile(dir, "app.py", strings.ReplaceAll(fastAPI, "SIGNING_KEY", signingKey)))
				return []string{"/usr/bin/python3", "-m", "uvicorn", "app:app", "--app-dir", dir, "--host", host, "--port", port, "--log-level", "warning", "--no-access-log"}, err
			},
		},
		bento(), n8n(),
		{
			name: nameNothing, is: "net/http, which checks the signature and stores nothing: what the CPUs allow", path: "/", status: http.StatusAccepted,
			arrange: func(_, address string) ([]string, error) {
				self, err := os.Executable()
				return []string{self, "-discard", address}, err
			},
		},
	}
}

// fastAPI is written as its documentation has it: an endpoint that is not async runs in a pool of threads.
const fastAPI = `import hashlib, hmac, os, sqlite3, threading
from typing import Dict, Optional, Union, List
from fastapi import FastAPI, HTTPException, Request, Depends
from pydantic import BaseModel, Field

class Alert(BaseModel):
    sid: str = Field(min_length=1, max_length=1024)
    search_name: Optional[str] = Field(None, max_length=2048)
    app: Optional[str] = Field(None, max_length=255)
    owner: Optional[str] = Field(None, max_length=1024)
    results_link: Optional[str] = Field(None, max_length=8192)
    result: Optional[Dict[str, Union[str, List[str]]]] = None
    class Config:
        extra = "forbid"

app = FastAPI()
lock = threading.Lock()
db = sqlite3.connect(os.path.join(os.path.dirname(__file__), "events.db"), check_same_thread=False, isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, body BLOB)")

async def signed(request: Request) -> bytes:
    body = await request.body()
    want = "sha256=" + hmac.new(b"SIGNING_KEY", body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(want, request.headers.get("x-hub-signature-256", "")):
        raise HTTPException(401)
    return body

@app.post("/alert", status_code=202)
def take(body: bytes = Depends(signed)):
    alert = Alert.parse_raw(body)
    with lock:
        db.execute("INSERT OR IGNORE INTO events VALUES (?, ?)", (alert.sid, body))
    return {"event_id": alert.sid}
`

// startAcceptors starts all that are installed, and says what is missing.
func startAcceptors(ctx context.Context, dir, program string) (started []*acceptor, missing []string, err error) {
	for _, a := range acceptors(program) {
		if a.needs != "" && exec.CommandContext(ctx, "sh", "-c", a.needs).Run() != nil { //nolint:gosec // ours
			missing = append(missing, fmt.Sprintf("%s (%s)", a.name, a.install))
			continue
		}
		own := filepath.Join(dir, a.name)
		if err := os.Mkdir(own, 0o700); err != nil {
			return started, missing, err
		}
		if err := a.start(ctx, own); err != nil {
			return started, missing, fmt.Errorf("start %s: %w", a.name, err)
		}
		started = append(started, a)
	}
	return started, missing, nil
}

func (a *acceptor) start(ctx context.Context, dir string) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a.address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	line, err := a.arrange(dir, a.address)
	if err != nil {
		return err
	}
	a.command = exec.CommandContext(ctx, line[0], line[1:]...) //nolint:gosec // ours
	a.command.Stderr = os.Stderr
	if err := a.command.Start(); err != nil {
		return err
	}
	for range 1200 {
		if err = a.answers(ctx); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.Join(fmt.Errorf("it does not take a call: %w", err), a.stop())
}

// answers makes one call: a server may listen before it knows what it serves.
func (a *acceptor) answers(ctx context.Context) error {
	wires, err := a.connect(ctx, 1)
	if err != nil {
		return err
	}
	wires[0].request = a.request(a.next.Add(1))
	return errors.Join(wires[0].once(), wires[0].Close())
}

func (a *acceptor) stop() error {
	_ = release(a.command.Process) // it may be gone
	_ = a.command.Process.Signal(syscall.SIGTERM)
	err := a.command.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && !exit.Exited() {
		return nil // by the signal
	}
	return err
}

func writeFile(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
}

// processTime is the CPU time of a process and of its children that have ended (proc(5): fields 14 to 17 of stat, in hundredths of a second).
func processTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("read the CPU time: %w", err)
	}
	_, behind, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(behind)
	if len(fields) < 15 {
		return 0, errors.New("read the CPU time: too few fields")
	}
	ticks := 0
	for _, field := range fields[11:15] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("read the CPU time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
