package basic_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/basic"
)

const (
	current  = "canary-current-0123456789"
	previous = "canary-previous-012345678"
	colons   = "canary:with:colons:0123"
	umlaut   = "kanarienvögel-singen"
)

func users() []basic.User {
	return []basic.User{
		{Name: "splunk", Password: framework.NewSecret(current)},
		{Name: "splunk", Password: framework.NewSecret(previous)},
		{Name: "jdoe", Password: framework.NewSecret(colons)},
		{Name: "Jürgen Müller", Password: framework.NewSecret(umlaut)},
	}
}

func plugin(t *testing.T, users ...basic.User) *basic.Plugin {
	t.Helper()
	config := basic.Defaults()
	config.Users = users
	made, err := basic.New(config, frameworktest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func call(values ...string) *framework.Request {
	return frameworktest.Request("POST", "/", `{}`, http.Header{"Authorization": values})
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestGoodPasswordsPassAndTheRestIsRefused(t *testing.T) {
	good := "Basic " + encoded("splunk:"+current)
	loose := strings.Replace(encoded("jdoe:"+colons), "w==", "x==", 1)
	if loose == encoded("jdoe:"+colons) {
		t.Fatal("this password leaves no bits over: ", loose)
	}
	frameworktest.RunBeforeSuite(t, plugin(t, users()...),
		[]*framework.Request{
			call(good),
			call("Basic " + encoded("splunk:"+previous)),
			call("basic   " + encoded("jdoe:"+colons)),
			call("BASIC " + encoded("Jürgen Müller:"+umlaut)),
		},
		[]*framework.Request{
			call(),
			call(""),
			call("Basic"),
			call("Basic "),
			call("Bearer " + encoded("splunk:"+current)),
			call(encoded("splunk:" + current)),
			call("Basic splunk:" + current),
			call("Basic " + encoded("splunk:"+current+"x")),
			call("Basic " + encoded("splunk:"+current[:12])),
			call("Basic " + encoded("splunk:")),
			call("Basic " + encoded("splunk")),
			call("Basic " + encoded(":"+current)),
			call("Basic " + encoded(":")),
			call("Basic " + encoded("Splunk:"+current)),
			call("Basic " + encoded("splunk :"+current)),
			call("Basic " + encoded("nobody:"+current)),
			call("Basic " + encoded("jdoe:"+current)),
			call("Basic " + encoded("splunk:"+colons)),
			call("Basic " + encoded("J\xfcrgen M\xfcller:"+umlaut)),
			call("Basic " + strings.TrimRight(encoded("splunk:"+current), "=") + "!"),
			call("Basic " + encoded("splunk:"+current) + "\n"),
			call("Basic " + loose), // the same bytes with other bits behind their end
			call("Basic " + encoded("splunk:"+current) + " "),
			call("Basic " + encoded("splunk:"+current+"\x00")),
			call("Basic " + encoded("splunk:"+strings.Repeat("a", 100_000))),
			call(good, good),
			call(good, "Bearer x"),
			call(good + ", " + good),
		})
}

func TestCallersAreIdentifiedByName(t *testing.T) {
	p := plugin(t, users()...)
	var got []string
	for _, credentials := range []string{"splunk:" + current, "splunk:" + previous, "Jürgen Müller:" + umlaut} {
		r := call("Basic " + encoded(credentials))
		if err := p.Before(t.Context(), r); err != nil {
			t.Error(err)
		}
		got = append(got, r.Identity())
	}
	if diff := cmp.Diff([]string{"basic:splunk", "basic:splunk", "basic:Jürgen Müller"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRefusalsChallengeWithRealmAndCharset(t *testing.T) {
	config := basic.Config{Users: users(), Realm: "SOC (night)"}
	p, err := basic.New(config, frameworktest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	problem, ok := errors.AsType[*framework.Problem](p.Before(t.Context(), call()))
	if want := `Basic realm="SOC (night)", charset="UTF-8"`; !ok || problem.Header.Get("WWW-Authenticate") != want {
		t.Errorf("got %v", problem)
	}
	if diff := cmp.Diff(framework.SecurityScheme{Type: "http", Scheme: "basic"}, p.Security()); diff != "" {
		t.Error(diff)
	}
}

// Every caller, of a known name or not, costs a comparison with every user: the order and the number of comparisons is
// the same by the shape of the loop. What can be seen from here is that no place in the list is treated otherwise.
func TestEveryPlaceInTheListIsLookedAt(t *testing.T) {
	var many []basic.User
	for i := range 50 {
		many = append(many, basic.User{Name: fmt.Sprintf("user%d", i), Password: framework.NewSecret(fmt.Sprintf("%s-%02d", current, i))})
	}
	p := plugin(t, many...)
	for i := range 50 {
		r := call("Basic " + encoded(fmt.Sprintf("user%d:%s-%02d", i, current, i)))
		if err := p.Before(t.Context(), r); err != nil || r.Identity() != fmt.Sprintf("basic:user%d", i) {
			t.Errorf("user %d: %q, %v", i, r.Identity(), err)
		}
		if err := p.Before(t.Context(), call("Basic "+encoded(fmt.Sprintf("user%d:%s-%02d", i, current, (i+1)%50)))); err == nil {
			t.Errorf("user %d came in with the next one's password", i)
		}
	}
}

func TestUnsafeConfigurationsAreRefused(t *testing.T) {
	good := framework.NewSecret(current)
	one := func(name, password string) basic.Config {
		return basic.Config{Realm: "r", Users: []basic.User{{Name: name, Password: framework.NewSecret(password)}}}
	}
	for _, c := range []struct {
		name   string
		config basic.Config
		want   string
	}{
		{"nobody", basic.Defaults(), "users: at least one is needed"},
		{"no name", one("", current), "users[0].name: 1 to 64"},
		{"a name with a colon", one("a:b", current), "users[0].name: 1 to 64"},
		{"a name with a line feed", one("a\nb", current), "users[0].name: 1 to 64"},
		{"a name that is not UTF-8", one("a\xff", current), "users[0].name: 1 to 64"},
		{"a long name", one(strings.Repeat("a", 65), current), "users[0].name: 1 to 64"},
		{"no password", one("a", ""), "users[0].password: shorter than 12 bytes"},
		{"a short password", one("a", "hunter2-hun"), "users[0].password: shorter than 12 bytes"},
		{"a password that cannot be sent", one("a", current+"\x00"), "users[0].password: has control characters"},
		{"a realm with a quote", basic.Config{Realm: `a"b`, Users: []basic.User{{Name: "a", Password: good}}}, "realm: 1 to 64"},
		{"no realm", basic.Config{Users: []basic.User{{Name: "a", Password: good}}}, "realm: 1 to 64"},
		{
			"all mistakes at once",
			basic.Config{Realm: "r", Users: []basic.User{{Name: "", Password: good}, {Name: "b", Password: good}, {Name: "c"}}},
			"users[0].name: 1 to 64 bytes of UTF-8 without colons and control characters\nusers[2].password: shorter",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := basic.New(c.config, frameworktest.Deps(t))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error = %v, want %s…", err, c.want)
			}
		})
	}
}

func TestNothingLeaksThePassword(t *testing.T) {
	p := plugin(t, users()...)
	var texts []string
	for _, credentials := range []string{"splunk:" + current, "splunk:" + current + "x", "nobody:" + current, current} {
		r := call("Basic " + encoded(credentials))
		err := p.Before(t.Context(), r)
		texts = append(texts, fmt.Sprint(err), fmt.Sprintf("%+v", err), r.Identity())
	}
	_, short := basic.New(basic.Config{Realm: "r", Users: []basic.User{{Name: "a", Password: framework.NewSecret("canary-\x00-short-1")}}}, frameworktest.Deps(t))
	frameworktest.LeaksNoSecret(t, "canary-\x00-short-1", short.Error())
	frameworktest.LeaksNoSecret(t, current, append(texts, fmt.Sprintf("%+v", p.Security()), fmt.Sprintf("%+v", users()))...)
}

func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"Basic " + encoded("splunk:x"), "basic", "Basic  =", "Basic " + encoded(":"), "Basic \x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		p := plugin(t, basic.User{Name: "splunk", Password: framework.NewSecret(current)})
		r := call(value)
		passed := p.Before(t.Context(), r) == nil
		// net/http reads the header as we do, and tells nothing of repeated ones and line breaks.
		name, password, ok := r.BasicAuth()
		if passed && (!ok || name != "splunk" || password != current) {
			t.Errorf("%q passed", value)
		}
	})
}

func TestReadmeShowsAWorkingConfiguration(t *testing.T) {
	t.Setenv("SPLUNK_PASSWORD", current)
	t.Setenv("SPLUNK_PASSWORD_OLD", previous)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		Before []map[string]yaml.Node `yaml:"before"`
	}
	if err := yaml.Load(regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(readme)[1], &shown); err != nil {
		t.Fatal(err)
	}
	config, node := basic.Defaults(), shown.Before[0]["basic"]
	if err := framework.DecodeConfig(&node, "basic", &config); err != nil {
		t.Fatal(err)
	}
	p, err := basic.New(config, frameworktest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{current, previous} {
		if err := p.Before(t.Context(), call("Basic "+encoded("splunk:"+password))); err != nil {
			t.Error(err)
		}
	}
}
