package framework_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// words is an answer that is sent in parts.
type words struct {
	Title string   `json:"title,omitempty"`
	Words []string `json:"words" maxItems:"9"`
	Next  string   `json:"next,omitempty" maxLength:"3"`
}

type wordsInput struct {
	Lines bool `query:"lines"`
}

// shouting is an after plugin that changes what it is given, and breaks on a word.
type shouting struct{ saw *[]string }

func (p shouting) After(_ context.Context, _ *framework.Request, answer *framework.Response) error {
	*p.saw = append(*p.saw, string(answer.Body))
	if strings.Contains(string(answer.Body), "unspeakable") {
		return errors.New("not this one")
	}
	answer.Body = []byte(strings.ReplaceAll(string(answer.Body), "secret", "SECRET"))
	return nil
}

type spoken struct {
	*httptest.Server
	log *frameworktest.Log
	saw []string
}

// speak serves GET /words.
func speak(t *testing.T, stream func(context.Context, *wordsInput, *framework.Stream[words]) error) *spoken {
	t.Helper()
	s := &spoken{log: new(frameworktest.Log)}
	funnel := newFunnel(t, s.log.Logger())
	route := framework.Endpoint[wordsInput, words]{
		Method: http.MethodGet, Path: "/words", ID: "words", Summary: "Words", Forms: map[string]string{"application/x-ndjson": "\"a\"\n"},
		List: "words", Stream: func(ctx context.Context, in *wordsInput, to *framework.Stream[words]) error {
			if in.Lines {
				to.Lines()
			}
			return stream(ctx, in, to)
		},
	}.Route()
	chain := framework.Chain{Public: true, After: []framework.Named[framework.After]{{Name: "shouting", Part: shouting{&s.saw}}}}
	if err := funnel.Mount(route, chain); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(funnel)
	t.Cleanup(s.Close)
	return s
}

// ask returns the answer, what of its body came, and how that ended.
func (s *spoken) ask(t *testing.T, method, query string) (*http.Response, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/words"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

// parts sends parts, then returns an error.
func parts(failure error, all ...*words) func(context.Context, *wordsInput, *framework.Stream[words]) error {
	return func(ctx context.Context, _ *wordsInput, to *framework.Stream[words]) error {
		for _, part := range all {
			if err := to.Send(ctx, part); err != nil {
				return err
			}
		}
		return failure
	}
}

// long is a part that is not held.
func long() *words { return &words{Title: "long", Words: []string{strings.Repeat("x", 100_000)}} }

func TestPartsMakeOneAnswer(t *testing.T) {
	x := strings.Repeat("x", 100_000)
	for _, c := range []struct {
		name, query, want string
		parts             []*words
	}{
		{"one part", "", `{"title":"t","words":["a","b"],"next":"n"}`, []*words{{Title: "t", Words: []string{"a", "b"}, Next: "n"}}},
		{"an empty list", "", `{"words":[]}`, []*words{{}}},
		{"several parts", "", `{"title":"t","words":["a","b","c"],"next":"n"}`, []*words{{Title: "t", Words: []string{"a"}}, {Words: []string{"b", "c"}}, {Next: "n"}}},
		{"what came first counts", "", `{"title":"1","words":[],"next":"a"}`, []*words{{Title: "1", Next: "a"}, {Title: "2", Next: "b"}}},
		{"an empty part before others", "", `{"words":["a"]}`, []*words{{}, {}, {Words: []string{"a"}}}},
		{"more than is held", "", `{"title":"long","words":["` + x + `","a"],"next":"n"}`, []*words{long(), {Words: []string{"a"}}, {Next: "n"}}},
		{"lines", "?lines=true", "\"a\"\n\"b c\"\n\"d\"\n", []*words{{Title: "t", Words: []string{"a", "b c"}}, {Words: []string{"d"}, Next: "n"}}},
		{"no lines", "?lines=true", "", []*words{{}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, got, err := speak(t, parts(nil, c.parts...)).ask(t, http.MethodGet, c.query)
			if err != nil || answer.StatusCode != http.StatusOK {
				t.Errorf("%d, %v", answer.StatusCode, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			mediaType := map[bool]string{true: "application/x-ndjson", false: "application/json"}[c.query != ""]
			if answer.Header.Get("Content-Type") != mediaType || answer.Header.Get(framework.RequestIDHeader) == "" || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers: %v", answer.Header)
			}
		})
	}
}

func TestEachPartPassesTheSchemaAndTheAfterPlugins(t *testing.T) {
	s := speak(t, parts(nil, &words{Words: []string{"secret"}}, &words{Words: []string{"a", "secret"}}))
	if _, got, err := s.ask(t, http.MethodGet, ""); got != `{"words":["SECRET","a","SECRET"]}` || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	if diff := cmp.Diff([]string{`{"words":["secret"]}`, `{"words":["a","secret"]}`}, s.saw); diff != "" {
		t.Errorf("the plugin saw (-want +got):\n%s", diff)
	}
}

func TestAnErrorBeforeTheFirstByteIsAProblem(t *testing.T) {
	small := &words{Words: []string{"canary"}}
	for _, c := range []struct {
		name   string
		stream func(context.Context, *wordsInput, *framework.Stream[words]) error
		query  string
		status int
	}{
		{"of the handler", parts(framework.NewProblem(http.StatusNotFound, "None.")), "", http.StatusNotFound},
		{"of the handler, in lines", parts(framework.NewProblem(http.StatusNotFound, "None.")), "?lines=true", http.StatusNotFound},
		{"after a part that is held", parts(framework.NewProblem(http.StatusNotFound, "None."), small), "", http.StatusNotFound},
		{"of a part against the schema", parts(nil, small, &words{Next: "canary"}), "", http.StatusInternalServerError},
		{"of an after plugin", parts(nil, &words{Words: []string{"unspeakable"}}), "", http.StatusInternalServerError},
		{"that the handler drops", func(ctx context.Context, _ *wordsInput, to *framework.Stream[words]) error {
			_ = to.Send(ctx, &words{Next: "canary"})
			return to.Header().Write(io.Discard)
		}, "", http.StatusInternalServerError},
		{"a panic", func(context.Context, *wordsInput, *framework.Stream[words]) error { panic("canary") }, "", http.StatusInternalServerError},
		{"no part at all", parts(nil), "", http.StatusInternalServerError},
		{"of the call", parts(nil, small), "?lines=perhaps", http.StatusUnprocessableEntity},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, body, err := speak(t, c.stream).ask(t, http.MethodGet, c.query)
			if err != nil {
				t.Fatal(err)
			}
			problem(t, answer{response.StatusCode, response.Header, body})
			if response.StatusCode != c.status || strings.Contains(body, "canary") {
				t.Errorf("got %d %s", response.StatusCode, body)
			}
		})
	}
}

// TestAnAnswerThatIsBrokenOffNeverLooksComplete is about errors once a part has left.
func TestAnAnswerThatIsBrokenOffNeverLooksComplete(t *testing.T) {
	for name, stream := range map[string]func(context.Context, *wordsInput, *framework.Stream[words]) error{
		"an error of the handler":        parts(framework.Unavailable("Not now.", time.Second, errors.New("canary")), long()),
		"a part that breaks the schema":  parts(nil, long(), &words{Next: "canary"}),
		"a part that a plugin breaks on": parts(nil, long(), &words{Words: []string{"unspeakable"}}),
		"a panic": func(ctx context.Context, _ *wordsInput, to *framework.Stream[words]) error {
			_ = to.Send(ctx, long())
			panic("canary")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := speak(t, stream)
			response, body, err := s.ask(t, http.MethodGet, "")
			if !errors.Is(err, io.ErrUnexpectedEOF) || response.StatusCode != http.StatusOK || jsontext.Value(body).IsValid() {
				t.Errorf("a document: %d, %d bytes, %v", response.StatusCode, len(body), err)
			}
			if text := s.log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "broken off") {
				t.Errorf("the log does not tell: %s", text)
			}
		})
		t.Run(name+", in lines", func(t *testing.T) {
			response, body, err := speak(t, stream).ask(t, http.MethodGet, "?lines=true")
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("it ends as if it were whole: %v", err)
			}
			_, last, _ := strings.Cut(body, "\n")
			var told struct{ Problem framework.Problem }
			if err := json.Unmarshal([]byte(last), &told, json.MatchCaseInsensitiveNames(true)); err != nil {
				t.Fatalf("%v in %q", err, last)
			}
			if told.Problem.Status < 500 || told.Problem.RequestID != response.Header.Get(framework.RequestIDHeader) || strings.Contains(last, "canary") || !strings.HasSuffix(last, "}\n") {
				t.Errorf("last line: %s", last)
			}
		})
	}
}

func TestOverHTTP2AnAnswerIsBrokenOffToo(t *testing.T) {
	for failure, broken := range map[error]bool{nil: false, errors.New("canary"): true} {
		server := httptest.NewUnstartedServer(speak(t, parts(failure, long(), long())).Config.Handler)
		server.EnableHTTP2 = true
		server.StartTLS()
		t.Cleanup(server.Close)
		response, err := server.Client().Get(server.URL + "/words")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.ProtoMajor != 2 || (err != nil) != broken || jsontext.Value(body).IsValid() == broken {
			t.Errorf("HTTP/%d: %d bytes, %v", response.ProtoMajor, len(body), err)
		}
	}
}

func TestAPartLeavesBeforeTheNextOneIsMade(t *testing.T) {
	read := make(chan struct{})
	s := speak(t, func(ctx context.Context, _ *wordsInput, to *framework.Stream[words]) error {
		if err := to.Send(ctx, &words{Words: []string{"first"}}); err != nil {
			return err
		}
		select {
		case <-read:
		case <-ctx.Done():
			return ctx.Err()
		}
		return to.Send(ctx, &words{Words: []string{"second"}})
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/words?lines=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	if !lines.Scan() || lines.Text() != `"first"` {
		t.Fatalf("got %q", lines.Text())
	}
	close(read)
	if !lines.Scan() || lines.Text() != `"second"` {
		t.Errorf("got %q", lines.Text())
	}
}

func TestHeadersAndTrailersOfAStream(t *testing.T) {
	s := speak(t, func(ctx context.Context, _ *wordsInput, to *framework.Stream[words]) error {
		to.Header().Set("Link", "</next>")
		if err := to.Send(ctx, &words{Words: []string{"a"}}); err != nil {
			return err
		}
		to.Header().Set(http.TrailerPrefix+"X-Missing", "7")
		return nil
	})
	answer, _, err := s.ask(t, http.MethodGet, "?lines=true")
	if err != nil || answer.Header.Get("Link") != "</next>" || answer.Trailer.Get("X-Missing") != "7" {
		t.Errorf("%v; headers %v, trailers %v", err, answer.Header, answer.Trailer)
	}
	answer, _, err = s.ask(t, http.MethodGet, "")
	if err != nil || answer.Header.Get("X-Missing") != "7" || answer.ContentLength != int64(len(`{"words":["a"]}`)) {
		t.Errorf("held: %v; headers %v", err, answer.Header)
	}
}

func TestHeadEndsWhereTheBodyWouldBegin(t *testing.T) {
	made := 0
	s := speak(t, func(ctx context.Context, _ *wordsInput, to *framework.Stream[words]) error {
		for ; made < 50; made++ {
			if err := to.Send(ctx, long()); err != nil {
				return err
			}
		}
		return nil
	})
	answer, body, err := s.ask(t, http.MethodHead, "")
	if err != nil || answer.StatusCode != http.StatusOK || body != "" || made != 0 {
		t.Errorf("%v %d %q after %d parts", err, answer.StatusCode, body, made)
	}
	if text := s.log.String(); strings.Contains(text, "err") {
		t.Errorf("log: %s", text)
	}
}

// TestASenderStopsWhenTheCallerIsGone: nothing more is read for nobody, and that is no fault of the server.
func TestASenderStopsWhenTheCallerIsGone(t *testing.T) {
	ended := make(chan error, 1)
	s := speak(t, func(ctx context.Context, _ *wordsInput, to *framework.Stream[words]) error {
		for {
			if err := to.Send(ctx, long()); err != nil {
				ended <- err
				return err
			}
		}
	})
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, "GET /words HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := <-ended; !strings.Contains(err.Error(), "send the answer") {
		t.Errorf("got %v", err)
	}
	s.Close()
	if text := s.log.String(); !strings.Contains(text, "level=INFO") || strings.Contains(text, "level=ERROR") {
		t.Errorf("log: %s", text)
	}
}

// slowly is a connection of which every write is too late.
type slowly struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (s *slowly) SetWriteDeadline(at time.Time) error {
	s.deadlines = append(s.deadlines, at)
	return nil
}

func TestEveryPieceHasATimeOfItsOwn(t *testing.T) {
	s := speak(t, parts(nil, &words{Words: []string{strings.Repeat("x", 200<<10)}}))
	answer := &slowly{ResponseRecorder: httptest.NewRecorder()}
	s.Config.Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/words", nil))
	if len(answer.deadlines) < 4 || time.Until(answer.deadlines[0]) > time.Minute {
		t.Errorf("deadlines: %v", answer.deadlines)
	}
	// HTTP/2 counts the time between two writes, too, in which the next part is made.
	if !slices.ContainsFunc(answer.deadlines, time.Time.IsZero) || answer.deadlines[len(answer.deadlines)-1].IsZero() {
		t.Errorf("making a part has a time, or the end of the answer has none: %v", answer.deadlines)
	}
}

func TestAListThatIsNoneIsRefusedAtTheStart(t *testing.T) {
	for _, list := range []string{"", "title", "nothing"} {
		route := framework.Endpoint[wordsInput, words]{
			Method: http.MethodGet, Path: "/words", ID: "words", List: list,
			Stream: func(context.Context, *wordsInput, *framework.Stream[words]) error { return nil },
		}.Route()
		if err := newFunnel(t, frameworktest.Deps(t).Log).Mount(route, framework.Chain{Public: true}); err == nil {
			t.Errorf("%q was taken", list)
		}
	}
}

func TestOtherMediaTypesAreDocumented(t *testing.T) {
	funnel := newFunnel(t, frameworktest.Deps(t).Log)
	type input struct{ Body struct{} }
	route := framework.Endpoint[input, words]{
		Method: http.MethodPost, Path: "/words", ID: "words", Summary: "Words", Forms: map[string]string{"application/x-ndjson": "{}\n"}, Accepts: []string{"text/plain"},
		Handle: func(context.Context, *input) (*words, error) { return &words{}, nil },
	}.Route()
	if err := funnel.Mount(route, framework.Chain{Public: true}); err != nil {
		t.Fatal(err)
	}
	document, err := funnel.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	for _, mediaType := range []string{"application/x-ndjson", "text/plain", "application/json"} {
		if !strings.Contains(string(document), `"`+mediaType+`":{"schema"`) && !strings.Contains(string(document), `"`+mediaType+`": {`) {
			t.Errorf("%s is not in the document: %s", mediaType, document)
		}
	}
}
