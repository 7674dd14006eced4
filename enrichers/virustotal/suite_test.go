package virustotal

import (
	"net/http"
	"strings"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestItKeepsWhatEveryEnricherKeeps(t *testing.T) {
	known := eicarFile(t)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, eicarMD5):
			known(w, r)
		case strings.HasSuffix(r.URL.Path, "unknown.example.com"):
			refuses(http.StatusNotFound, "NotFoundError", "no")(w, r)
		case strings.HasSuffix(r.URL.Path, eicarSHA1): // as a proxy does that shows what it was sent
			says(http.StatusOK, "<html>"+r.Header.Get("X-Apikey")+"</html>")(w, r)
		case strings.HasSuffix(r.URL.Path, "8.8.8.8"):
			refuses(http.StatusServiceUnavailable, "TransientError", r.Header.Get("X-Apikey"))(w, r)
		default:
			<-r.Context().Done()
		}
	})
	config := validConfig(server.URL)
	config.Key = framework.NewSecret(frameworktest.Canary)
	frameworktest.RunEnricherSuite(
		t, newEnricher(t, config),
		frameworktest.EnricherCase{Indicator: md5()},
		frameworktest.EnricherCase{Indicator: framework.Indicator{Kind: framework.Domain, Value: "unknown.example.com"}, Source: frameworktest.Unknown},
		frameworktest.EnricherCase{Indicator: framework.Indicator{Kind: framework.IP, Value: "10.0.0.1"}, Source: frameworktest.Unknown},
		frameworktest.EnricherCase{Indicator: framework.Indicator{Kind: framework.SHA1, Value: eicarSHA1}, Source: frameworktest.Fails},
		frameworktest.EnricherCase{Indicator: framework.Indicator{Kind: framework.IP, Value: "8.8.8.8"}, Source: frameworktest.Fails},
		frameworktest.EnricherCase{Indicator: framework.Indicator{Kind: framework.SHA256, Value: eicarHash}, Source: frameworktest.Hangs},
	)
}
