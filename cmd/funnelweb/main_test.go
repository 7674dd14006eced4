package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"funnelweb/configs"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"funnelweb": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"address": address,
			"http":    call,
			"await":   await,
			"nats":    nats,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			return errors.Join(
				os.WriteFile(filepath.Join(env.WorkDir, "embedded.yaml"), configs.Embedded, 0o600),
				os.WriteFile(filepath.Join(env.WorkDir, "demo.yaml"), configs.Demo, 0o600),
			)
		},
	})
}

// address sets a variable to a free loopback address: address VARIABLE.
func address(ts *testscript.TestScript, _ bool, args []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], listener.Addr().String())
	ts.Check(listener.Close())
}

// call makes a call and prints status and body: http METHOD URL [body | Name:value]…, where a body begins with { or @FILE.
func call(ts *testscript.TestScript, _ bool, args []string) {
	text, err := request(ts, args)
	ts.Check(err)
	_, _ = fmt.Fprint(ts.Stdout(), text)
}

func request(ts *testscript.TestScript, args []string) (string, error) {
	body, header := "", http.Header{"Content-Type": {"application/json"}}
	for _, arg := range args[2:] {
		if name, value, ok := strings.Cut(arg, ":"); ok && !strings.HasPrefix(arg, "{") && !strings.HasPrefix(arg, "@") {
			header.Set(name, value)
		} else if file, ok := strings.CutPrefix(arg, "@"); ok {
			body = ts.ReadFile(file)
		} else {
			body = arg
		}
	}
	made, err := http.NewRequest(args[0], args[1], strings.NewReader(body))
	if err != nil {
		return "", err
	}
	made.Header = header
	client := http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	response, err := client.Do(made)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return fmt.Sprintf("%d\n%s\n", response.StatusCode, answer), err
}

// await repeats a call until its answer contains a text: await TEXT METHOD URL, and the rest as for http.
func await(ts *testscript.TestScript, _ bool, args []string) {
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := request(ts, args[1:])
		if err == nil && strings.Contains(text, args[0]) {
			_, _ = fmt.Fprint(ts.Stdout(), text)
			return
		}
		select {
		case <-limit:
			ts.Fatalf("no answer with %q within 30 s; the last: %s %v", args[0], text, err)
		case <-tick.C:
		}
	}
}
