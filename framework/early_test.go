package framework_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// gate lets in who has the key, and notes how much of the body it has seen.
type gate struct {
	name string
	saw  *[]string
}

func (d gate) Before(_ context.Context, r *framework.Request) error {
	*d.saw = append(*d.saw, fmt.Sprintf("%s %d", d.name, len(r.Raw())))
	if r.Header.Get(d.name) != "let me in" {
		return framework.Unauthorized("", "No.")
	}
	return nil
}

func (d gate) Security() framework.SecurityScheme { return framework.SecurityScheme{} }

// glassGate is a gate that looks at headers alone.
type glassGate struct{ gate }

func (glassGate) HeadersOnly() bool { return true }

// gates serves POST /in behind gates over a real connection.
func gates(t *testing.T, before ...framework.Before) string {
	t.Helper()
	server := httptest.NewServer(behind(t, before...))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func behind(t *testing.T, before ...framework.Before) *framework.Funnel {
	t.Helper()
	funnel := newFunnel(t, slog.New(slog.DiscardHandler))
	type input struct {
		Body struct {
			Text string `json:"text"`
		}
	}
	route := framework.Endpoint[input, struct{}]{
		Method: http.MethodPost, Path: "/in", ID: "in", MaxBody: 1000,
		Handle: func(context.Context, *input) (*struct{}, error) { return &struct{}{}, nil },
	}.Route()
	var chain framework.Chain
	for i, plugin := range before {
		chain.Before = append(chain.Before, framework.Named[framework.Before]{Name: fmt.Sprint(i), Part: plugin})
	}
	if err := funnel.Mount(route, chain); err != nil {
		t.Fatal(err)
	}
	return funnel
}

// say sends a part of a call, and returns the answer, which must come without more of the call.
func say(t *testing.T, address, part string) (*http.Response, *bufio.Reader) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, part); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response, reader
}

func TestWhoIsNotLetInIsNotWaitedFor(t *testing.T) {
	for name, head := range map[string]string{
		"with a promise to send the body when asked": "Expect: 100-continue\r\nContent-Length: 900\r\n\r\n",
		"with a body that does not come":             "Content-Length: 900\r\n\r\n{\"text\":",
		"with a body that does not come, in chunks":  "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"tex\r\n",
		"with a body that is too large":              "Content-Length: 900000000\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			var saw []string
			address := gates(t, glassGate{gate{"Key", &saw}})
			response, rest := say(t, address, "POST /in HTTP/1.1\r\nHost: x\r\nKey: wrong\r\n"+head)
			if response.StatusCode != http.StatusUnauthorized || response.Header.Get("Content-Type") != framework.ProblemType {
				t.Errorf("%d %s", response.StatusCode, response.Header)
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil {
				t.Error(err)
			}
			if _, err := rest.ReadByte(); err == nil {
				t.Error("the connection is held for who was not let in")
			}
		})
	}
}

func TestWhoIsLetInIsAskedForTheBody(t *testing.T) {
	var saw []string
	address := gates(t, glassGate{gate{"Key", &saw}})
	response, _ := say(t, address, "POST /in HTTP/1.1\r\nHost: x\r\nKey: let me in\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n")
	if response.StatusCode != http.StatusContinue {
		t.Errorf("answered %d", response.StatusCode)
	}
}

func TestAConnectionIsKeptForAWholeCallThatWasNotLetIn(t *testing.T) {
	var saw []string
	address := gates(t, glassGate{gate{"Key", &saw}})
	const body = `{"text":"a"}`
	call := fmt.Sprintf("POST /in HTTP/1.1\r\nHost: x\r\nKey: %%s\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	first, rest := say(t, address, fmt.Sprintf(call, "wrong")+fmt.Sprintf(call, "let me in"))
	if _, err := io.Copy(io.Discard, first.Body); err != nil {
		t.Fatal(err)
	}
	second, err := http.ReadResponse(rest, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Body.Close()
	if first.StatusCode != http.StatusUnauthorized || second.StatusCode != http.StatusNoContent {
		t.Errorf("%d and %d", first.StatusCode, second.StatusCode)
	}
}

// patient counts how often it is told to be patient no longer.
type patient struct {
	*httptest.ResponseRecorder
	told int
}

func (p *patient) SetReadDeadline(time.Time) error {
	p.told++
	return nil
}

// breaking is a body that breaks off with an error.
type breaking struct{ err error }

func (b breaking) Read([]byte) (int, error) { return 0, b.err }

func TestTheServerIsToldToWaitNoLongerWhereSomethingMayCome(t *testing.T) {
	for _, c := range []struct {
		name, key string
		body      io.Reader
		length    int64
		status    int
		told      int
	}{
		{"no key, and a body", "", strings.NewReader("{}"), 2, http.StatusUnauthorized, 1},
		{"no key, and a body of any length", "", strings.NewReader("{}"), -1, http.StatusUnauthorized, 1},
		{"no key, and no body", "", http.NoBody, 0, http.StatusUnauthorized, 0},
		{"a body that is read", "let me in", strings.NewReader(`{"text":"a"}`), 12, http.StatusNoContent, 0},
		{"a body that is too large", "let me in", strings.NewReader("{}"), 2000, http.StatusRequestEntityTooLarge, 1},
		{"a body that took too long", "let me in", breaking{os.ErrDeadlineExceeded}, 12, http.StatusRequestTimeout, 0},
		{"a body that breaks off", "let me in", breaking{io.ErrUnexpectedEOF}, 12, http.StatusBadRequest, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var saw []string
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/in", c.body)
			request.ContentLength = c.length
			request.Header.Set("Key", c.key)
			answer := &patient{ResponseRecorder: httptest.NewRecorder()}
			behind(t, glassGate{gate{"Key", &saw}}).ServeHTTP(answer, request)
			if answer.Code != c.status || answer.told != c.told {
				t.Errorf("%d, and told %d times; want %d and %d", answer.Code, answer.told, c.status, c.told)
			}
		})
	}
}

// TestPluginsKeepTheOrderOfTheConfiguration pins what each of a mixed chain sees of a body of 12 bytes.
func TestPluginsKeepTheOrderOfTheConfiguration(t *testing.T) {
	const body = `{"text":"a"}`
	for _, c := range []struct {
		name string
		keys []string
		make func(saw *[]string) []framework.Before
		want []string
	}{
		{"headers, then bodies", []string{"A", "B", "C"}, func(saw *[]string) []framework.Before {
			return []framework.Before{glassGate{gate{"A", saw}}, gate{"B", saw}, glassGate{gate{"C", saw}}}
		}, []string{"A 0", "B 12", "C 12"}},
		{"bodies first", []string{"A", "B"}, func(saw *[]string) []framework.Before {
			return []framework.Before{gate{"A", saw}, glassGate{gate{"B", saw}}}
		}, []string{"A 12", "B 12"}},
		{"the last does not let in", []string{"A"}, func(saw *[]string) []framework.Before {
			return []framework.Before{glassGate{gate{"A", saw}}, glassGate{gate{"B", saw}}, gate{"C", saw}}
		}, []string{"A 0", "B 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var saw []string
			address := gates(t, c.make(&saw)...)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/in", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range c.keys {
				request.Header.Set(key, "let me in")
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if diff := cmp.Diff(c.want, saw); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if in := response.StatusCode == http.StatusNoContent; in != (len(c.keys) == len(c.want)) {
				t.Errorf("answered %d", response.StatusCode)
			}
		})
	}
}
