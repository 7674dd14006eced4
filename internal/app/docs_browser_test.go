package app_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// TestTheDocumentationWorksInABrowserWithoutAnyOtherHost opens /docs/ in a real Chromium that can reach nothing but this
// machine, and makes calls from it.
func TestTheDocumentationWorksInABrowserWithoutAnyOtherHost(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	base, _ := start(t, small(t.TempDir()), nil)
	tab := openBrowser(t)

	tab.do(chromedp.Navigate(base + "/docs/#/Splunk/splunk-alert"))
	const operation = "#operations-Splunk-splunk-alert "
	tab.do(chromedp.WaitVisible(operation + "button.execute"))
	if title := tab.text("h1.title, h2.title"); !strings.Contains(title, "Funnelweb") || !strings.Contains(title, "OAS 3.1") {
		t.Errorf("the page is titled %q", title)
	}
	for _, path := range []string{"/api/v1/splunk/alert", "/api/v1/events", "/api/v1/deadletters/{id}/replay", "/status", "/ready"} {
		if !strings.Contains(tab.text("#swagger-ui"), path) {
			t.Errorf("the page does not show %s", path)
		}
	}

	if got := tab.execute(operation); !strings.Contains(got, "401") || !strings.Contains(got, "A valid token is needed") {
		t.Errorf("a call without a token shows %q", got)
	}
	tab.authorize(goodToken)
	if got := tab.execute(operation); !strings.Contains(got, "202") && !strings.Contains(got, "200") || !strings.Contains(got, `"event_id": "splunk-`) {
		t.Errorf("the example, sent with a token, shows %q", got)
	}
	tab.fill(operation+"textarea.body-param__text", `{"sid": "", "extra": 1}`)
	got := tab.execute(operation)
	for _, want := range []string{"422", "/sid", "minLength", "/extra", "additionalProperties"} {
		if !strings.Contains(got, want) {
			t.Errorf("an alert that breaks rules shows %q, want %s in it", got, want)
		}
	}
	tab.picture("docs.png", operation)

	if violations := evaluate[[]string](tab, "window.violations"); len(violations) > 0 {
		t.Errorf("the page breaks its own policy: %q", violations)
	}
	// Two calls are refused on purpose; Chromium notes that of each.
	complaints := slices.DeleteFunc(tab.seen.all(&tab.seen.complaints), func(said string) bool {
		return strings.HasPrefix(said, "network: Failed to load resource: the server responded with a status of 401 ") ||
			strings.HasPrefix(said, "network: Failed to load resource: the server responded with a status of 422 ")
	})
	if len(complaints) > 0 {
		t.Errorf("the console has %q", complaints)
	}
	requested := tab.seen.all(&tab.seen.requested)
	if !slices.Contains(requested, base+"/openapi.json") {
		t.Errorf("the document was not asked for: %q", requested)
	}
	for _, address := range requested {
		if asked, err := url.Parse(address); err != nil || asked.Scheme != "data" && !strings.HasPrefix(address, base+"/") {
			t.Errorf("the page asked for %s", address)
		}
	}
}

// tab is a page in a browser. Its steps fail the test.
type tab struct {
	*testing.T
	ctx  context.Context
	seen *seen
}

// seen is what the browser reports, from a goroutine of its own.
type seen struct {
	lock       sync.Mutex
	requested  []string
	complaints []string // errors and warnings of the console, and exceptions
}

func (s *seen) all(of *[]string) []string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return slices.Clone(*of)
}

func (s *seen) event(event any) {
	s.lock.Lock()
	defer s.lock.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		s.requested = append(s.requested, e.Request.URL)
	case *runtime.EventExceptionThrown:
		s.complaints = append(s.complaints, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			s.complaints = append(s.complaints, fmt.Sprintf("console: %v", e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			s.complaints = append(s.complaints, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	}
}

// openBrowser starts a Chromium that ends with the test, for which no host but this machine exists.
func openBrowser(t *testing.T) *tab {
	t.Helper()
	limit, stop := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(stop)
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(findBrowser(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 1600),
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("proxy-server", "direct://"),
	)
	browser, quit := chromedp.NewExecAllocator(limit, flags...)
	ctx, closeTab := chromedp.NewContext(browser)
	t.Cleanup(func() { closeTab(); quit() })
	opened := &tab{t, ctx, &seen{}}
	opened.do()
	if err := chromedp.Listen(ctx, opened.seen.event); err != nil {
		t.Fatal(err)
	}
	opened.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: `window.violations = [];
				document.addEventListener("securitypolicyviolation", e => window.violations.push(e.violatedDirective + " " + e.blockedURI));`,
		})
		return err
	}))
	return opened
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	return findTool(t, "chromium", filepath.Join("bin", "chromium"))
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.picture("failed.png", "#swagger-ui")
		b.Fatal(err)
	}
}

func (b *tab) text(selector string) string {
	b.Helper()
	return evaluate[string](b, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

func evaluate[T any](b *tab, expression string) T {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.Fatal(err)
	}
	return value
}

// execute presses the button of an operation and returns the answer as the page shows it.
func (b *tab) execute(operation string) string {
	b.Helper()
	const answer = ".live-responses-table tbody"
	if evaluate[bool](b, fmt.Sprintf("document.querySelector(%q) !== null", operation+".btn-clear")) {
		b.click(operation + ".btn-clear")
		b.do(chromedp.WaitNotPresent(operation + answer))
	}
	// On a busy machine the page may be drawn anew just as the button is pressed, which then does nothing.
	for range 5 {
		b.click(operation + "button.execute")
		shown, stop := context.WithTimeout(b.ctx, 15*time.Second)
		err := chromedp.Do(shown, chromedp.WaitVisible(operation+answer+" .response-col_status"))
		stop()
		if err == nil {
			return b.text(operation + answer)
		}
	}
	b.picture("failed.png", "#swagger-ui")
	b.Fatal("the page shows no answer")
	return ""
}

// authorize gives the page a token, as a person would.
func (b *tab) authorize(token string) {
	b.Helper()
	const dialog = ".dialog-ux .auth-container "
	b.click(".scheme-container button.authorize")
	b.do(chromedp.WaitVisible(dialog + "input"))
	b.fill(dialog+"input", token)
	b.click(dialog + "button.authorize")
	b.click(dialog + "button.btn-done")
	b.do(chromedp.WaitNotPresent(".dialog-ux"))
}

// click presses a button wherever it is: the page scrolls of itself, so that where it was is no place to aim at.
func (b *tab) click(selector string) {
	b.Helper()
	b.do(chromedp.WaitEnabled(selector))
	evaluate[bool](b, fmt.Sprintf("(button => { button.click(); return true })(document.querySelector(%q))", selector))
}

// fill replaces the content of a field, in the way in which React notices it.
func (b *tab) fill(selector, text string) {
	b.Helper()
	evaluate[bool](b, fmt.Sprintf(`(field => {
		Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, %q);
		return field.dispatchEvent(new Event(field.tagName === "TEXTAREA" ? "change" : "input", {bubbles: true}));
	})(document.querySelector(%q))`, text, selector))
}

// picture keeps a picture of the page: where go test -artifacts says, else below .tools.
func (b *tab) picture(name, of string) {
	b.Helper()
	drawing, stop := context.WithTimeout(b.ctx, 20*time.Second)
	defer stop()
	shot, err := chromedp.Run(drawing, chromedp.Screenshot(of))
	if err != nil { // a machine that is too busy to draw has said nothing about the page
		b.Logf("there is no picture %s: %v", name, err)
		return
	}
	folder := filepath.Join("..", "..", ".tools", "artifacts")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	for _, file := range []string{filepath.Join(folder, name), filepath.Join(b.ArtifactDir(), name)} {
		if err := os.WriteFile(file, shot, 0o600); err != nil {
			b.Error(err)
		}
	}
}
