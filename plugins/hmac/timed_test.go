package hmac_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/hmac"
)

// The example that Slack publishes in "Verifying requests from Slack".
const (
	slackSecret = "8f742231b10e8888abcd99yyyzzz85a5"
	slackTime   = 1531420618
	slackVector = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
	slackBody   = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
		"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands" +
		"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)

const body = `{"sid":"1"}`

// timed makes a plugin whose clock stands at a time.
func timed(t *testing.T, config hmac.Config, at time.Time) (*hmac.Plugin, *frameworktest.Clock) {
	t.Helper()
	clock := new(frameworktest.Clock)
	clock.Advance(at.Sub(clock.Now()))
	deps := frameworktest.Deps(t)
	deps.Now = clock.Now
	made, err := hmac.New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	return made, clock
}

func hexMAC(secret, text string) string { return hex.EncodeToString(sign256(secret, text)) }

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func TestSlackPreset(t *testing.T) {
	now := time.Unix(slackTime, 0)
	p, _ := timed(t, hmac.Config{Preset: "slack", Secrets: secrets(canary, slackSecret), Replays: "pass"}, now)
	call := func(body, signature string, times ...string) *framework.Request {
		return frameworktest.Request("POST", "/", body, http.Header{"X-Slack-Signature": {signature}, "X-Slack-Request-Timestamp": times})
	}
	signed := func(at time.Time) *framework.Request {
		return call(body, "v0="+hexMAC(canary, "v0:"+unix(at)+":"+body), unix(at))
	}
	stamp := unix(now)
	frameworktest.RunBeforeSuite(t, p,
		[]*framework.Request{
			call(slackBody, slackVector, stamp),
			signed(now),
			signed(now.Add(5 * time.Minute)),
			signed(now.Add(-5 * time.Minute)),
		},
		[]*framework.Request{
			call(slackBody, slackVector, unix(now.Add(time.Second))),
			call(slackBody+" ", slackVector, stamp),
			call(slackBody, slackVector),
			call(slackBody, slackVector, stamp, stamp),
			call(slackBody, slackVector, stamp+" "),
			call(slackBody, slackVector, "+"+stamp),
			call(slackBody, slackVector, "0"+stamp),
			call(slackBody, strings.TrimPrefix(slackVector, "v0="), stamp),
			call(slackBody, "v1="+slackVector[3:], stamp),
			call(body, "v0="+hexMAC(canary, body), stamp),
			call(body, "v0="+hexMAC(other, "v0:"+stamp+":"+body), stamp),
			signed(now.Add(5*time.Minute + time.Second)),
			signed(now.Add(-5*time.Minute - time.Second)),
			signed(time.Unix(0, 0)),
			signed(time.Unix(99999999999, 0)),
		})
}

func TestStripePreset(t *testing.T) {
	now := frameworktest.Start()
	p, _ := timed(t, hmac.Config{Preset: "stripe", Secrets: secrets(canary, published), Replays: "pass"}, now)
	call := func(values ...string) *framework.Request {
		return frameworktest.Request("POST", "/", body, http.Header{"Stripe-Signature": values})
	}
	stamp := unix(now)
	good, rotated, forged := hexMAC(canary, stamp+"."+body), hexMAC(published, stamp+"."+body), hexMAC(other, stamp+"."+body)
	late := unix(now.Add(-301 * time.Second))
	frameworktest.RunBeforeSuite(t, p,
		[]*framework.Request{
			call("t=" + stamp + ",v1=" + good),
			call("v1=" + good + ",t=" + stamp),
			call("t=" + stamp + ", v1=" + good),
			call(" t=" + stamp + " ,\tv1=" + good + " "),
			call("t=" + stamp + ",v1=" + forged + ",v1=" + rotated + ",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"),
			call("t=" + stamp + ",v1=" + good + ",v1=" + rotated),
		},
		[]*framework.Request{
			call(),
			call(""),
			call("t=" + stamp),
			call("v1=" + good),
			call("t=" + stamp + ",v0=" + good),
			call("t=" + stamp + ",v1=" + forged),
			call("t="+stamp+",v1="+good, "t="+stamp+",v1="+good),
			call("t=" + stamp + ",t=" + stamp + ",v1=" + good),
			call("t=" + stamp + ",v1=" + good + ",v1=zz"),
			call("t=" + stamp + ",v1="),
			call("t=" + stamp + "; v1=" + good),
			call("t = " + stamp + ",v1=" + good),
			call("t=" + stamp + ",v1= " + good),
			call("t=" + stamp + ",\u00a0v1=" + good),
			call("t=" + stamp + strings.Repeat(",v1="+forged, 15) + ",v1=" + good),
			call("t=" + late + ",v1=" + hexMAC(canary, late+"."+body)),
			call("t=" + unix(now.Add(time.Second)) + ",v1=" + good),
		})
	renamed, _ := timed(t, hmac.Config{Preset: "stripe", Header: "X-Sig", Secrets: secrets(canary)}, now)
	r := frameworktest.Request("POST", "/", body, http.Header{"X-Sig": {"t=" + stamp + ",v1=" + good}})
	if err := renamed.Before(t.Context(), r); err != nil {
		t.Errorf("the same form in another header: %v", err)
	}
}

func TestSplunkPreset(t *testing.T) {
	now := frameworktest.Start()
	p, _ := timed(t, hmac.Config{Preset: "splunk", Secrets: secrets(canary), Replays: "pass"}, now)
	// As Python writes time.time().
	stamp := unix(now.Add(-time.Minute)) + ".4871194"
	call := func(signature, stamp string) *framework.Request {
		return frameworktest.Request("POST", "/", body, http.Header{"X-Signature": {signature}, "X-Timestamp": {stamp}})
	}
	base := func(text string) string { return base64.StdEncoding.EncodeToString(sign256(canary, text)) }
	frameworktest.RunBeforeSuite(t, p,
		[]*framework.Request{call(base(body+stamp), stamp), call(base(body+unix(now)), unix(now))},
		[]*framework.Request{
			call(base(body), stamp),
			call(base(stamp+body), stamp),
			call(hexMAC(canary, body+stamp), stamp),
			call(base(body+stamp), stamp+"0"),
			call(base(body+stamp), unix(now)),
			call(base(body+stamp+"."), stamp+"."),
			call(base(body+"1e9"), "1e9"),
			call(base(body+"-1"), "-1"),
			call(base(body+"NaN"), "NaN"),
		})
	config := hmac.Config{Preset: "splunk", Header: "X-Hmac", TimestampHeader: "X-Time", Encoding: "hex", Secrets: secrets(canary)}
	named, _ := timed(t, config, now)
	r := frameworktest.Request("POST", "/", body, http.Header{"X-Hmac": {hexMAC(canary, body+stamp)}, "X-Time": {stamp}})
	if err := named.Before(t.Context(), r); err != nil {
		t.Errorf("the same form in headers of the operator's own: %v", err)
	}
}

func TestOtherSendersSignATimeByTheirOwnRules(t *testing.T) {
	now := frameworktest.Start()
	for _, c := range []struct {
		name, signed, stamp, text string
	}{
		{"the usual text", "", unix(now), unix(now) + "." + body},
		{"a text of its own", "a/{body}/b/{timestamp}/c", unix(now), "a/" + body + "/b/" + unix(now) + "/c"},
		{"milliseconds", "", strconv.FormatInt(now.UnixMilli(), 10), strconv.FormatInt(now.UnixMilli(), 10) + "." + body},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := timed(t, hmac.Config{Header: "X-Sig", TimestampHeader: "x-time", Signed: c.signed, Secrets: secrets(canary)}, now)
			header := http.Header{"X-Sig": {hexMAC(canary, c.text)}, "X-Time": {c.stamp}}
			if err := p.Before(t.Context(), frameworktest.Request("POST", "/", body, header)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestToleranceIsWhatIsConfigured(t *testing.T) {
	now := frameworktest.Start()
	p, clock := timed(t, hmac.Config{Header: "X-Sig", TimestampHeader: "X-Time", Tolerance: 10 * time.Second, Replays: "pass", Secrets: secrets(canary)}, now)
	header := http.Header{"X-Sig": {hexMAC(canary, unix(now)+"."+body)}, "X-Time": {unix(now)}}
	var passed []bool
	for range 3 {
		passed = append(passed, p.Before(t.Context(), frameworktest.Request("POST", "/", body, header)) == nil)
		clock.Advance(10 * time.Second)
	}
	if diff := cmp.Diff([]bool{true, true, false}, passed); diff != "" {
		t.Error(diff)
	}
}

func TestLogTellsAClockThatIsWrongFromASignatureThatIs(t *testing.T) {
	now := frameworktest.Start()
	p, _ := timed(t, hmac.Config{Preset: "slack", Secrets: secrets(canary)}, now)
	stamp := unix(now.Add(-10 * time.Minute))
	before := func(signature, stamp string) string {
		r := frameworktest.Request("POST", "/", body, http.Header{"X-Slack-Signature": {signature}, "X-Slack-Request-Timestamp": {stamp}})
		return p.Before(t.Context(), r).Error()
	}
	for signature, want := range map[string]string{
		"v0=" + hexMAC(canary, "v0:"+stamp+":"+body): "its time 10m0s away from this server's clock",
		"v0=" + hexMAC(other, "v0:"+stamp+":"+body):  "by none of the secrets, or of another text",
		"v0=": "no signature of the agreed form",
	} {
		if got := before(signature, stamp); !strings.HasSuffix(got, want) {
			t.Errorf("%q does not end in %q", got, want)
		}
	}
}

// delivery is what a sender sends at a time.
func delivery(at time.Time, body string, more ...string) *framework.Request {
	value := "t=" + unix(at) + ",v1=" + hexMAC(canary, unix(at)+"."+body) + strings.Join(more, "")
	return frameworktest.Request("POST", "/", body, http.Header{"Stripe-Signature": {value}})
}

func status(err error) int {
	if problem, ok := errors.AsType[*framework.Problem](err); ok {
		return problem.Status
	}
	return 0
}

func TestReplaysAreRefusedForAsLongAsTheirTimeIsGood(t *testing.T) {
	now := frameworktest.Start()
	p, clock := timed(t, hmac.Config{Preset: "stripe", Secrets: secrets(other, canary, published)}, now)
	ahead := now.Add(5 * time.Minute) // the sender's clock: good for ten minutes
	send := func(r *framework.Request) int { return status(p.Before(t.Context(), r)) }
	if got := answered(t, p, delivery(ahead, body)); got != http.StatusNoContent {
		t.Fatalf("the first: %d", got)
	}
	upper := delivery(ahead, body)
	upper.Header.Set("Stripe-Signature", strings.ReplaceAll(strings.ToUpper(upper.Header.Get("Stripe-Signature")), "T=", "t="))
	upper.Header.Set("Stripe-Signature", strings.ReplaceAll(upper.Header.Get("Stripe-Signature"), "V1=", "v1="))
	for name, replay := range map[string]*framework.Request{
		"the same bytes":                        delivery(ahead, body),
		"another entry beside it":               delivery(ahead, body, ",v0=00"),
		"other case":                            upper,
		"a second signature, by another secret": delivery(ahead, body, ",v1="+hexMAC(published, unix(ahead)+"."+body)),
	} {
		if got := send(replay); got != http.StatusConflict {
			t.Errorf("%s: %d", name, got)
		}
	}
	for range 10 {
		clock.Advance(time.Minute)
		_ = answered(t, p, delivery(clock.Now(), fmt.Sprint(clock.Now())))
		if got := send(delivery(ahead, body)); got != http.StatusConflict {
			t.Errorf("a replay at %s: %d", clock.Now(), got)
		}
	}
	clock.Advance(time.Second)
	if got := send(delivery(ahead, body)); got != http.StatusUnauthorized {
		t.Errorf("a replay after its time: %d", got)
	}
	if got := send(delivery(clock.Now(), body)); got != 0 {
		t.Errorf("the same body, signed anew: %d", got)
	}
}

// answered sends a delivery through a funnel with one route behind the plugin and returns the status of the answer.
func answered(t *testing.T, p *hmac.Plugin, r *framework.Request) int {
	t.Helper()
	return handled(t, p, r, func() error { return nil }).Code
}

func handled(t *testing.T, p *hmac.Plugin, r *framework.Request, handle func() error) *httptest.ResponseRecorder {
	t.Helper()
	deps := frameworktest.Deps(t)
	funnel, err := framework.NewFunnel(framework.Info{Title: "test"}, deps.Log, deps.Now)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := framework.Endpoint[struct{}, struct{}]{
		Method: http.MethodPost, Path: "/", ID: "hook", Summary: "Hook",
		Handle: func(context.Context, *struct{}) (*struct{}, error) { return &struct{}{}, handle() },
	}
	if err := funnel.Mount(endpoint.Route(), framework.Chain{Before: []framework.Named[framework.Before]{{Name: "hmac", Part: p}}}); err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(r.Raw()))
	request.Header = r.Header.Clone()
	recorder := httptest.NewRecorder()
	funnel.ServeHTTP(recorder, request)
	return recorder
}

// A sender that gives up waiting sends the same bytes again while the first try is still being stored. It must not be
// told that all is done, since the first may yet fail, nor that it never will be.
func TestSecondTryDuringTheFirstIsAskedToComeAgain(t *testing.T) {
	now := frameworktest.Start()
	for name, c := range map[string]struct {
		ends error // of the first try
		then int   // what the try after it gets
	}{
		"the first is taken in": {nil, http.StatusConflict},
		"the first fails":       {errors.New("the disk is full"), http.StatusNoContent},
		"the first has to wait": {framework.Unavailable("Later.", time.Second, nil), http.StatusNoContent},
		"the first is refused":  {framework.NewProblem(http.StatusUnprocessableEntity, "No."), http.StatusNoContent},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := timed(t, hmac.Config{Preset: "stripe", Secrets: secrets(canary)}, now)
			inside, finish, first := make(chan struct{}), make(chan struct{}), make(chan int)
			go func() {
				first <- handled(t, p, delivery(now, body), func() error { close(inside); <-finish; return c.ends }).Code
			}()
			<-inside
			for range 2 {
				second := handled(t, p, delivery(now, body), func() error { t.Error("handled twice at once"); return nil })
				if second.Code != http.StatusServiceUnavailable || second.Header().Get("Retry-After") != "1" {
					t.Errorf("meanwhile: %d, Retry-After %q", second.Code, second.Header().Get("Retry-After"))
				}
			}
			close(finish)
			if status := <-first; (status == http.StatusNoContent) != (c.ends == nil) {
				t.Errorf("the first: %d", status)
			}
			if status := answered(t, p, delivery(now, body)); status != c.then {
				t.Errorf("the one after it: %d, not %d", status, c.then)
			}
		})
	}
}

// No signature says which route it is for.
func TestDeliveryOfOneRouteIsAReplayOnAnotherOfTheSameSecret(t *testing.T) {
	now := frameworktest.Start()
	clock := new(frameworktest.Clock)
	deps := frameworktest.Deps(t)
	deps.Now = clock.Now
	create := hmac.Sharing()
	route := func(config hmac.Config) *hmac.Plugin {
		config.Preset = "stripe"
		made, err := create(config, deps)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	first := route(hmac.Config{Secrets: secrets(canary)})
	second := route(hmac.Config{Secrets: secrets(published, other, canary), Tolerance: time.Hour})
	apart := route(hmac.Config{Secrets: secrets(other)})
	open := route(hmac.Config{Secrets: secrets(canary), Replays: "pass"})
	foreign := frameworktest.Request("POST", "/", body, http.Header{"Stripe-Signature": {"t=" + unix(now) + ",v1=" + hexMAC(other, unix(now)+"."+body)}})
	got := []int{
		answered(t, first, delivery(now, body)), answered(t, first, delivery(now, body)), answered(t, second, delivery(now, body)),
		answered(t, apart, foreign), answered(t, second, foreign), // the same body at the same time, of another sender
		answered(t, open, delivery(now, body)),
	}
	clock.Advance(59 * time.Minute) // the memory serves the widest tolerance
	got = append(got, answered(t, second, delivery(now, body)))
	want := []int{204, 409, 409, 204, 409, 204, 409}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if status := answered(t, mustNew(t, deps, secrets(canary)), delivery(clock.Now(), body)); status != http.StatusNoContent {
		t.Errorf("a plugin of its own: %d", status)
	}
}

func mustNew(t *testing.T, deps framework.Deps, all []framework.Secret) *hmac.Plugin {
	t.Helper()
	made, err := hmac.New(hmac.Config{Preset: "stripe", Secrets: all}, deps)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestNothingLeaksWhereATimeIsSigned(t *testing.T) {
	p, clock := timed(t, hmac.Config{Preset: "stripe", Secrets: secrets(canary)}, frameworktest.Start())
	var texts []string
	for _, r := range []*framework.Request{
		delivery(clock.Now(), body), delivery(clock.Now(), body), delivery(clock.Now().Add(-time.Hour), body),
		frameworktest.Request("POST", "/", body, http.Header{"Stripe-Signature": {"t=1,v1=00"}}),
	} {
		texts = append(texts, fmt.Sprint(p.Before(t.Context(), r)), r.Identity())
	}
	texts = append(texts, fmt.Sprintf("%+v", p.Security()))
	frameworktest.LeaksNoSecret(t, canary, texts...)
	frameworktest.LeaksNoSecret(t, string(sign256(canary, unix(clock.Now())+"."+body)), texts...)
}

func FuzzHeadersOfEveryForm(f *testing.F) {
	now := frameworktest.Start()
	f.Add("t="+unix(now)+",v1="+hexMAC(canary, unix(now)+"."+body), "")
	f.Add("v0="+hexMAC(canary, "v0:"+unix(now)+":"+body), unix(now))
	f.Add("t=,v1=,=,,,t", "1.5")
	f.Fuzz(func(t *testing.T, signature, stamp string) {
		for _, preset := range []string{"stripe", "slack", "splunk", "jira", "github"} {
			p, _ := timed(t, hmac.Config{Preset: preset, Secrets: secrets(other)}, now)
			header := http.Header{
				"Stripe-Signature": {signature}, "X-Slack-Signature": {signature}, "X-Signature": {signature},
				"X-Hub-Signature": {signature}, "X-Hub-Signature-256": {signature},
				"X-Slack-Request-Timestamp": {stamp}, "X-Timestamp": {stamp},
			}
			if got := status(p.Before(t.Context(), frameworktest.Request("POST", "/", body, header))); got != http.StatusUnauthorized {
				t.Errorf("%s: %d for what nobody signed", preset, got)
			}
		}
	})
}

// Whatever a template is, what it signs is what an independent reader of it would put together.
func FuzzSignedText(f *testing.F) {
	for _, seed := range []string{"{timestamp}.{body}", "v0:{timestamp}:{body}", "{body}", "{body}{timestamp}", "{{body}}", "{body}{x}{timestamp}", "{timestamp}{"} {
		f.Add(seed, body)
	}
	now := frameworktest.Start()
	f.Fuzz(func(t *testing.T, signed, body string) {
		deps := frameworktest.Deps(t)
		p, err := hmac.New(hmac.Config{Header: "X-Sig", TimestampHeader: "X-Time", Signed: signed, Replays: "pass", Secrets: secrets(canary)}, deps)
		if err != nil || signed == "" {
			return
		}
		if strings.Count(signed, "{body}") != 1 || strings.Count(signed, "{timestamp}") != 1 {
			t.Fatalf("%q was taken", signed)
		}
		text := strings.NewReplacer("{body}", body, "{timestamp}", unix(now)).Replace(signed)
		header := http.Header{"X-Sig": {hexMAC(canary, text)}, "X-Time": {unix(now)}}
		if err := p.Before(t.Context(), frameworktest.Request("POST", "/", body, header)); err != nil {
			t.Errorf("%q signs something else than %q", signed, text)
		}
	})
}

func TestDocumentSaysHowReplaysAreAnswered(t *testing.T) {
	for replays, want := range map[string][]int{"refuse": {http.StatusConflict, http.StatusServiceUnavailable}, "pass": nil} {
		p, _ := timed(t, hmac.Config{Preset: "stripe", Secrets: secrets(canary), Replays: replays}, frameworktest.Start())
		if diff := cmp.Diff(want, p.Refusals()); diff != "" {
			t.Errorf("%s: %s", replays, diff)
		}
	}
}
