package rows

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/fault"
)

func TestWhatCheckOnlineSaysOfSplunk(t *testing.T) {
	cases := []struct {
		name   string
		adjust func(*Config)
		fault  fault.Fault
		want   framework.Probed
	}{
		{"all is well", nil, fault.Fault{}, framework.Probed{OK: true, Detail: "as svc-funnelweb, roles power, user"}},
		{"an expired token", func(c *Config) { c.Token = framework.NewSecret("an-older-token") }, fault.Fault{}, framework.Probed{
			Detail: "splunk: sign in: the token is not accepted: check rows.token (tokens expire, and token authentication must be turned on) (status 401)",
		}},
		{"another port", nil, fault.Fault{Status: http.StatusNotFound}, framework.Probed{Detail: "splunk: sign in: rows.url is not Splunk's management port, which is usually 8089 (status 404)"}},
		{"a log-in page", nil, fault.Fault{HTML: true}, framework.Probed{Detail: "splunk: sign in: the answer is not Splunk's: rows.url is its management port (8089), not that of its pages"}},
		{"somebody without a name", nil, fault.Fault{Status: http.StatusOK, Body: `{"entry":[{"content":{}}]}`}, framework.Probed{Detail: "splunk: sign in: the answer is not Splunk's: rows.url is its management port (8089), not that of its pages"}},
		{"not there", func(c *Config) { c.URL = "http://127.0.0.1:1" }, fault.Fault{}, framework.Probed{
			Detail: "splunk: sign in: no answer: check its address and the network", Advice: "start it, correct the port, or open the firewall",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, c.adjust)
			if c.fault != (fault.Fault{}) {
				c.fault.Match = "GET /services/authentication"
				s.splunk.Faults().Add(c.fault)
			}
			got := s.Probe(t.Context())
			if want := map[bool]int{true: 2, false: 1}[c.want.OK]; len(got) != want {
				t.Fatalf("got %+v", got)
			}
			got[0].Took, c.want.Name = 0, "sign in"
			got[0].Detail = strings.TrimSuffix(got[0].Detail, " (status 200)")
			if diff := cmp.Diff(c.want, got[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			frameworktest.LeaksNoSecret(t, canary, fmt.Sprintf("%+v", got))
		})
	}
}

func TestCheckOnlineSaysWhetherSearchesCanBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault.Fault
		want  framework.Probed
	}{
		"all is well":     {fault.Fault{}, framework.Probed{Name: "searches", OK: true, Detail: "version 2 of the endpoints"}},
		"a Splunk of old": {fault.Fault{Status: http.StatusNotFound}, framework.Probed{Name: "searches", Detail: "splunk: list searches: rows.url is not the management port of a Splunk of version 9.0 or later; that port is usually 8089 (status 404)"}},
		"a strange list":  {fault.Fault{Status: http.StatusOK, Body: `{"entry":null}`}, framework.Probed{Name: "searches", Detail: "splunk: list searches: the answer is not Splunk's: rows.url is its management port (8089), not that of its pages (status 200)"}},
	} {
		s := newStage(t, nil)
		if c.fault != (fault.Fault{}) {
			c.fault.Match = "GET /services/search/"
			s.splunk.Faults().Add(c.fault)
		}
		got := s.Probe(t.Context())
		if len(got) != 2 {
			t.Fatalf("%s: got %+v", name, got)
		}
		got[1].Took = 0
		if diff := cmp.Diff(c.want, got[1]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
