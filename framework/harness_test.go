package framework_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// order records who ran.
type order struct{ ran []string }

type step struct {
	name string
	to   *order
	err  error
	boom bool
}

func (s step) Before(context.Context, *framework.Request) error { return s.run() }

func (s step) After(_ context.Context, _ *framework.Request, r *framework.Response) error {
	if err := s.run(); err != nil {
		return err
	}
	r.Header.Add("X-After", s.name)
	return nil
}

func (s step) run() error {
	s.to.ran = append(s.to.ran, s.name)
	if s.boom {
		panic("boom " + canary)
	}
	return s.err
}

// door lets in whoever knows the word.
type door struct{ step }

func (d door) Before(_ context.Context, r *framework.Request) error {
	d.to.ran = append(d.to.ran, "door")
	if r.Header.Get("Word") != "sesame" {
		return framework.Unauthorized("Word", "Say the word.")
	}
	r.Identify("visitor")
	return nil
}

func (door) Security() framework.SecurityScheme {
	return framework.SecurityScheme{Type: "apiKey", In: "header", Name: "Word"}
}

const canary = "canary-7f3a9b1c5d"

type alertInput struct {
	ID    string `path:"id" maxLength:"5"`
	Limit int    `query:"limit" default:"10" minimum:"1" maximum:"50"`
	Trace string `header:"X-Trace" pattern:"^[a-z]+$"`
	Body  alert
}

type alert struct {
	Name     string                            `json:"name" minLength:"1" maxLength:"20"`
	Severity string                            `json:"severity,omitempty" enum:"low,high"`
	Count    *int                              `json:"count,omitempty" minimum:"0"`
	Tags     []string                          `json:"tags,omitempty" maxItems:"2" uniqueItems:"true"`
	Fields   map[string]framework.StringOrList `json:"fields,omitempty"`
}

type alertOutput struct {
	Name  string         `json:"name"`
	Limit int            `json:"limit"`
	Trace string         `json:"trace,omitempty" maxLength:"10"`
	Extra framework.JSON `json:"extra,omitzero"`
}

type server struct {
	*httptest.Server
	log   *frameworktest.Log
	order *order
}

type setup struct {
	handle  func(context.Context, *alertInput) (*alertOutput, error)
	before  []framework.Named[framework.Before]
	after   []framework.Named[framework.After]
	maxBody int64
	drop    bool
}

func serve(t *testing.T, make func(*order) setup) *server {
	t.Helper()
	s := &server{log: &frameworktest.Log{}, order: &order{}}
	made := make(s.order)
	if made.handle == nil {
		made.handle = func(_ context.Context, in *alertInput) (*alertOutput, error) {
			s.order.ran = append(s.order.ran, "handler")
			return &alertOutput{Name: in.Body.Name, Limit: in.Limit, Trace: in.Trace}, nil
		}
	}
	endpoint := framework.Endpoint[alertInput, alertOutput]{
		Method: http.MethodPost, Path: "/alerts/{id}", ID: "post-alert", Summary: "Post an alert", Handle: made.handle, MaxBody: made.maxBody,
	}
	if made.drop {
		endpoint.Undeclared = framework.Drop
	}
	funnel := newFunnel(t, s.log.Logger())
	before := append([]framework.Named[framework.Before]{{Name: "door", Part: door{step{to: s.order}}}}, made.before...)
	if err := funnel.Mount(endpoint.Route(), framework.Chain{Before: before, After: made.after}); err != nil {
		t.Fatal(err)
	}
	if err := funnel.MountDocs(); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(funnel)
	t.Cleanup(s.Close)
	return s
}

func newFunnel(t *testing.T, log *slog.Logger) *framework.Funnel {
	t.Helper()
	funnel, err := framework.NewFunnel(framework.Info{Title: "Test", Version: "1"}, log, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return funnel
}

func plain(*order) setup { return setup{} }

type answer struct {
	Status int
	Header http.Header
	Body   string
}

func (s *server) call(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Word", "sesame")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			request.Header.Del(header[i])
		}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text strings.Builder
	if _, err := fmt.Fprint(&text, readAll(t, response)); err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, text.String()}
}

func readAll(t *testing.T, response *http.Response) string {
	t.Helper()
	var text strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := response.Body.Read(buffer)
		text.Write(buffer[:n])
		if err != nil {
			return text.String()
		}
	}
}

// problem decodes and checks what every problem must have.
func problem(t *testing.T, a answer) framework.Problem {
	t.Helper()
	if got := a.Header.Get("Content-Type"); got != framework.ProblemType {
		t.Errorf("content type %q, want a problem: %s", got, a.Body)
	}
	var p framework.Problem
	if err := json.Unmarshal([]byte(a.Body), &p, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("not a problem: %v: %s", err, a.Body)
	}
	if p.RequestID == "" || p.RequestID != a.Header.Get(framework.RequestIDHeader) {
		t.Errorf("request id %q in the body, %q in the header", p.RequestID, a.Header.Get(framework.RequestIDHeader))
	}
	if p.Status != a.Status || p.Title != http.StatusText(a.Status) {
		t.Errorf("problem says %d %q, the answer has status %d", p.Status, p.Title, a.Status)
	}
	return p
}
