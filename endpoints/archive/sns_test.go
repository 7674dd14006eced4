package archive

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

const (
	topic     = "arn:aws:sns:us-east-1:123456789012:threatstack"
	snsHost   = "sns.us-east-1.amazonaws.com"
	certPath  = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
	snsToken  = "2336412f37fb687f5d51e6e241d09c805a5a57b30d712f794cc5f6a988666d92"
	oneAlert  = `{"alerts":[{"id":"589b1aa1","created_at":1795176000000,"title":"é\n"}]}`
	otherHost = "sns.eu-west-1.amazonaws.com"
)

// sns is a stand-in that signs with a key of its own, serves its certificate over TLS under the name of the real service,
// and refuses what that refuses.
type sns struct {
	key         *rsa.PrivateKey
	certificate []byte // PEM
	client      *http.Client

	mu       sync.Mutex
	calls    []string
	down     bool
	redirect string // a path that leads to the same one of another host
}

func newSNS(t *testing.T, change func(*x509.Certificate)) *sns {
	t.Helper()
	return newSNSOf(t, snsKey(), change)
}

// snsKey is made once: that takes its time.
var snsKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newSNSOf(t *testing.T, key *rsa.PrivateKey, change func(*x509.Certificate)) *sns {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, DNSNames: []string{snsHost, otherHost},
		NotBefore: frameworktest.Start().Add(-time.Hour), NotAfter: time.Now().Add(10 * 365 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	served, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(template)
	}
	signing, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := &sns{key: key, certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signing})}
	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{served}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	parsed, _ := x509.ParseCertificate(served)
	roots.AddCert(parsed)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Time: func() time.Time { return frameworktest.Start() }},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			s.note("dial " + address)
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport}
	return s
}

func (s *sns) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

// called are the calls since it was asked last.
func (s *sns) called() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *sns) serve(w http.ResponseWriter, r *http.Request) {
	s.note(r.Method + " " + r.Host + r.URL.Path)
	query := r.URL.Query()
	switch {
	case s.down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case s.redirect == r.URL.Path && r.Host != otherHost:
		http.Redirect(w, r, "https://"+otherHost+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	case strings.HasPrefix(r.URL.Path, "/SimpleNotificationService-"):
		_, _ = w.Write(s.certificate)
	case query.Get("Action") == "ConfirmSubscription" && query.Get("TopicArn") == topic && query.Get("Token") == snsToken:
		s.note("confirmed")
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

// message is one as SNS sends it, which a test may change before it is signed.
func (s *sns) message(kind, version string, change func(map[string]string)) map[string]string {
	m := map[string]string{
		"Type": kind, "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": topic, "Message": oneAlert,
		"Timestamp": "2026-11-20T12:00:00.000Z", "SignatureVersion": version, "SigningCertURL": "https://" + snsHost + certPath,
	}
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if kind != "Notification" {
		m["Token"], m["SubscribeURL"] = snsToken, "https://attacker.example/?Token="+snsToken
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	if change != nil {
		change(m)
	}
	var signed strings.Builder
	for _, name := range names {
		if value, ok := m[name]; ok {
			signed.WriteString(name + "\n" + value + "\n")
		}
	}
	kindOfHash, hash := crypto.SHA256, sha256.Sum256([]byte(signed.String()))
	sum := hash[:]
	if m["SignatureVersion"] == "1" {
		old := sha1.Sum([]byte(signed.String()))
		kindOfHash, sum = crypto.SHA1, old[:]
	}
	signature, _ := rsa.SignPKCS1v15(nil, s.key, kindOfHash, sum)
	m["Signature"] = base64.StdEncoding.EncodeToString(signature)
	return m
}

// subscribed is the endpoint with a topic, behind a funnel.
func subscribed(t *testing.T, s *sns) served {
	t.Helper()
	deps := frameworktest.Deps(t)
	deps.HTTP = s.client
	r := served{events: new(frameworktest.MemoryPublisher), archive: new(frameworktest.MemoryArchive)}
	deps.Events, deps.Archive = r.events, r.archive
	config := Defaults()
	config.SNS.Topics = []string{"arn:aws:sns:eu-west-1:123456789012:other", topic}
	routes, err := New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	if r.Funnel, err = framework.NewFunnel(framework.Info{Title: "test", Version: "0"}, deps.Log, deps.Now); err != nil {
		t.Fatal(err)
	}
	for _, route := range routes {
		if err := r.Mount(route, framework.Chain{Public: true}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// send sends a message as SNS does.
func (s served) send(t *testing.T, message map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	body, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/api/v1/s3/sns", strings.NewReader(string(body)))
	request.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	request.Header.Set("X-Amz-Sns-Message-Type", message["Type"])
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, request)
	return answer
}

func TestAWebhookThroughSNSIsTaken(t *testing.T) {
	standIn := newSNS(t, nil)
	for _, version := range []string{"1", "2"} {
		for name, change := range map[string]func(map[string]string){
			"without a subject": nil,
			"with a subject":    func(m map[string]string) { m["Subject"] = "Threat Stack" },
		} {
			t.Run("version "+version+" "+name, func(t *testing.T) {
				s := subscribed(t, standIn)
				answer := s.send(t, standIn.message("Notification", version, change))
				wantAnswer(t, answer, http.StatusOK, `{"success":true}`)
				events := s.events.Events()
				if len(events) != 1 || events[0].Type != EventType || string(events[0].Data) != `{"id":"589b1aa1","created_at":1795176000000,"title":"é\n"}` {
					t.Errorf("got %+v", events)
				}
			})
		}
	}
}

func TestTheSameAlertThroughSNSAndDirectlyIsOneEvent(t *testing.T) {
	standIn := newSNS(t, nil)
	s := subscribed(t, standIn)
	s.call(t, http.MethodPost, "/api/v1/s3/alert", oneAlert)
	s.send(t, standIn.message("Notification", "2", nil))
	events := s.events.Events()
	for _, event := range events {
		if event.ID != events[0].ID {
			t.Errorf("got %s and %s", events[0].ID, event.ID)
		}
	}
}

func TestACertificateIsFetchedOnce(t *testing.T) {
	standIn := newSNS(t, nil)
	s := subscribed(t, standIn)
	for range 3 {
		wantAnswer(t, s.send(t, standIn.message("Notification", "2", nil)), http.StatusOK, `{"success":true}`)
	}
	if diff := cmp.Diff([]string{"dial " + snsHost + ":443", "GET " + snsHost + certPath}, standIn.called()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestASubscriptionIsConfirmedAtSNSAndNowhereElse(t *testing.T) {
	standIn := newSNS(t, nil)
	s := subscribed(t, standIn)
	wantAnswer(t, s.send(t, standIn.message("SubscriptionConfirmation", "1", nil)), http.StatusOK, `{"success":true}`)
	want := []string{"dial " + snsHost + ":443", "GET " + snsHost + certPath, "GET " + snsHost + "/", "confirmed"}
	if diff := cmp.Diff(want, standIn.called()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if len(s.events.Events()) != 0 {
		t.Error("a confirmation became an event")
	}
	wantAnswer(t, s.send(t, standIn.message("UnsubscribeConfirmation", "2", nil)), http.StatusOK, `{"success":true}`)
	if got := standIn.called(); len(got) != 0 {
		t.Errorf("the end of a subscription was undone: %q", got)
	}
}

func TestAMessageThatIsNotOfSNSIsRefused(t *testing.T) {
	at := func(address string) func(map[string]string) {
		return func(m map[string]string) { m["SigningCertURL"] = address }
	}
	before := map[string]func(map[string]string){ // changed and then signed: the signature itself is right
		"another topic":               func(m map[string]string) { m["TopicArn"] = topic + "2" },
		"no topic":                    func(m map[string]string) { m["TopicArn"] = "" },
		"a certificate of elsewhere":  at("https://attacker.example" + certPath),
		"of a host that begins so":    at("https://" + snsHost + ".attacker.example" + certPath),
		"of a host that ends so":      at("https://attacker-" + snsHost + certPath),
		"of a bucket":                 at("https://s3.amazonaws.com" + certPath),
		"of another region":           at("https://" + otherHost + certPath),
		"without TLS":                 at("http://" + snsHost + certPath),
		"with a user":                 at("https://" + snsHost + "@attacker.example" + certPath),
		"with a password":             at("https://a:b@" + snsHost + certPath),
		"of another port":             at("https://" + snsHost + ":8443" + certPath),
		"of this machine":             at("https://127.0.0.1" + certPath),
		"of another path":             at("https://" + snsHost + "/?Action=x"),
		"with a query":                at("https://" + snsHost + certPath + "?x=1"),
		"with a fragment":             at("https://" + snsHost + certPath + "#x"),
		"of a path that climbs":       at("https://" + snsHost + "/x/.." + certPath),
		"of an encoded path":          at("https://" + snsHost + strings.Replace(certPath, "S", "%53", 1)),
		"of a host in large letters":  at("https://" + strings.ToUpper(snsHost) + certPath),
		"with a backslash":            at(`https://attacker.example\@` + snsHost + certPath),
		"of no address":               at(":"),
		"of an empty address":         at(""),
		"of a file":                   at("file:///etc/passwd"),
		"a confirmation of elsewhere": func(m map[string]string) { m["TopicArn"] = "arn:aws:sns:us-east-1:999999999999:threatstack" },
	}
	standIn := newSNS(t, nil)
	for name, change := range before {
		for _, kind := range []string{"Notification", "SubscriptionConfirmation"} {
			t.Run(kind+" "+name, func(t *testing.T) {
				s := subscribed(t, standIn)
				answer := s.send(t, standIn.message(kind, "2", change))
				wantProblem(t, answer, http.StatusForbidden)
				if calls := standIn.called(); len(calls) != 0 || len(s.events.Events()) != 0 {
					t.Errorf("it led to %q and %d events", calls, len(s.events.Events()))
				}
			})
		}
	}
	after := map[string]func(map[string]string){ // changed after it was signed
		"another message": func(m map[string]string) { m["Message"] = strings.Replace(m["Message"], "589b", "666b", 1) },
		"another time":    func(m map[string]string) { m["Timestamp"] = "2026-11-20T13:00:00.000Z" },
		"another id":      func(m map[string]string) { m["MessageId"] = "x" },
		"a subject":       func(m map[string]string) { m["Subject"] = "x" },
		"another topic of ours": func(m map[string]string) {
			m["TopicArn"] = "arn:aws:sns:eu-west-1:123456789012:other"
			m["SigningCertURL"] = "https://" + otherHost + certPath
		},
		"the other version":      func(m map[string]string) { m["SignatureVersion"] = "1" },
		"no signature":           func(m map[string]string) { m["Signature"] = "" },
		"a signature of no form": func(m map[string]string) { m["Signature"] = "!" },
		"lines moved between members": func(m map[string]string) {
			m["Message"], m["MessageId"] = m["Message"]+"\nMessageId\n"+m["MessageId"], ""
		},
	}
	for name, change := range after {
		t.Run(name, func(t *testing.T) {
			s := subscribed(t, standIn)
			message := standIn.message("Notification", "2", nil)
			change(message)
			answer := s.send(t, message)
			if answer.Code != http.StatusForbidden && answer.Code != http.StatusUnprocessableEntity || len(s.events.Events()) != 0 {
				t.Errorf("got %d %s and %d events", answer.Code, answer.Body, len(s.events.Events()))
			}
		})
	}
	t.Run("a confirmation passed off as a notification", func(t *testing.T) {
		message := standIn.message("SubscriptionConfirmation", "2", nil)
		message["Type"] = "Notification"
		wantProblem(t, subscribed(t, standIn).send(t, message), http.StatusForbidden)
	})
	t.Run("signed by somebody else", func(t *testing.T) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		other := newSNSOf(t, key, nil)
		wantProblem(t, subscribed(t, standIn).send(t, other.message("Notification", "2", nil)), http.StatusForbidden)
	})
}

func TestSNSIsAskedToComeAgainWhenItsCertificateCannotBeHad(t *testing.T) {
	cases := map[string]func(t *testing.T) *sns{
		"it is down":   func(t *testing.T) *sns { t.Helper(); s := newSNS(t, nil); s.down = true; return s },
		"it is a page": func(t *testing.T) *sns { t.Helper(); s := newSNS(t, nil); s.certificate = []byte("<html>"); return s },
		"it is PEM of nothing": func(t *testing.T) *sns {
			t.Helper()
			s := newSNS(t, nil)
			s.certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"})
			return s
		},
		"it is not valid any more": func(t *testing.T) *sns {
			t.Helper()
			return newSNS(t, func(c *x509.Certificate) { c.NotAfter = frameworktest.Start().Add(-time.Minute) })
		},
		"it is not valid yet": func(t *testing.T) *sns {
			t.Helper()
			return newSNS(t, func(c *x509.Certificate) { c.NotBefore = frameworktest.Start().Add(time.Minute) })
		},
	}
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			standIn := make(t)
			s := subscribed(t, standIn)
			answer := s.send(t, standIn.message("Notification", "2", nil))
			wantProblem(t, answer, http.StatusServiceUnavailable)
			if answer.Header().Get("Retry-After") == "" || len(s.events.Events()) != 0 {
				t.Errorf("headers %v, %d events", answer.Header(), len(s.events.Events()))
			}
		})
	}
}

func TestAMessageWithTextThatIsNotUnicodeIsStored(t *testing.T) {
	standIn := newSNS(t, nil)
	s := subscribed(t, standIn)
	message := `{"alerts":[{"id":"589b1aa1","created_at":1,"args":"\udcff"}]}`
	wantAnswer(t, s.send(t, standIn.message("Notification", "2", func(m map[string]string) { m["Message"] = message })), http.StatusOK, `{"success":true}`)
	if got := string(s.events.Events()[0].Data); got != "{\"id\":\"589b1aa1\",\"created_at\":1,\"args\":\"\uFFFD\"}" {
		t.Errorf("stored %s", got)
	}
}

func TestAMessageThatIsNoWebhookIsAProblem(t *testing.T) {
	standIn := newSNS(t, nil)
	for name, message := range map[string]string{
		"no JSON": "hello canary", "no alerts": `{}`, "an empty list": `{"alerts":[]}`, "an alert without an id": `{"alerts":[{"created_at":1}]}`,
		"an id that climbs": `{"alerts":[{"id":"../../x","created_at":1}]}`, "no time": `{"alerts":[{"id":"589b1aa1","created_at":0}]}`,
		"too many":                `{"alerts":[` + strings.Repeat(`{"id":"589b1aa1","created_at":1},`, 1000) + `{"id":"589b1aa1","created_at":1}]}`,
		"a name that comes twice": `{"alerts":[{"id":"589b1aa1","id":"589b1aa2","created_at":1}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := subscribed(t, standIn)
			answer := s.send(t, standIn.message("Notification", "2", func(m map[string]string) { m["Message"] = message }))
			wantProblem(t, answer, http.StatusUnprocessableEntity, framework.Field{In: "body", Pointer: "/Message", Rule: "webhook"})
			if len(s.events.Events()) != 0 || strings.Contains(answer.Body.String(), "canary") {
				t.Errorf("%d events; got %s", len(s.events.Events()), answer.Body)
			}
		})
	}
}

func TestTopicsAndPathsAreChecked(t *testing.T) {
	for text, fine := range map[string]bool{
		topic: true, "arn:aws-us-gov:sns:us-gov-west-1:123456789012:t": true, "arn:aws-cn:sns:cn-north-1:123456789012:t": true,
		"*": false, "": false, "arn:aws:sns:us-east-1:123456789012:*": false, "arn:aws:sns:evil.example/:123456789012:t": false,
		"arn:aws:sqs:us-east-1:123456789012:t": false, topic + ":5f0-subscription": false,
	} {
		if err := (SNS{Topics: []string{text}}).check(); (err == nil) != fine {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if got := host("arn:aws-cn:sns:cn-north-1:123456789012:t"); got != "sns.cn-north-1.amazonaws.com.cn" {
		t.Errorf("got %s", got)
	}
	for prefix, fine := range map[string]bool{"": true, "/threatstack-to-s3": true, "/a/b": true, "x": false, "/": false, "/a/": false, "/{id}": false, "/a b": false, "/..": false} {
		if err := checkPrefix(prefix); (err == nil) != fine {
			t.Errorf("%q: got %v", prefix, err)
		}
	}
}

func TestThePathsOfTheLastRelease(t *testing.T) {
	config := Defaults()
	config.PathPrefix = "/threatstack-to-s3"
	s := serve(t, config)
	s.keep(t, "an-alert", "2026-11-20T12:00:00Z")
	for _, path := range []string{"/status", "/alert/an-alert", "/alert?start=2026-11-20&end=2026-11-21"} {
		if answer := s.call(t, http.MethodGet, "/threatstack-to-s3/api/v1/s3"+path, ""); answer.Code != http.StatusOK {
			t.Errorf("%s: got %d %s", path, answer.Code, answer.Body)
		}
		if answer := s.call(t, http.MethodGet, "/api/v1/s3"+path, ""); answer.Code != http.StatusNotFound {
			t.Errorf("%s without it: got %d", path, answer.Code)
		}
	}
	if got := fmt.Sprint(len(s.Routes())); got != "4" {
		t.Errorf("got %s routes", got)
	}
}
