package rows

import (
	"context"
	"net/http"
	"strings"

	"funnelweb/framework"
)

var _ framework.Prober = (*Action)(nil)

// Probe asks Splunk whose the token is. Whether that user may see the search of an alert is known once there is an alert.
func (a *Action) Probe(ctx context.Context) []framework.Probed {
	return []framework.Probed{framework.Try(a.now, "sign in", func() (string, error) { return a.splunk.whoAmI(ctx) })}
}

// whoAmI returns the user of the token, with its roles.
func (c *client) whoAmI(ctx context.Context) (string, error) {
	const op = "sign in"
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.String()+"/services/authentication/current-context?output_mode=json", http.NoBody)
	if err != nil {
		return "", permanent("the address cannot be called")
	}
	request.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "funnelweb/"+c.deps.Version)
	body, err := framework.Fetch(c.deps, service, op, request)
	if isGone(err) {
		return "", &framework.ServiceError{Service: service, Op: op, Status: http.StatusNotFound, Reason: "rows.url is not Splunk's management port, which is usually 8089"}
	}
	if err != nil {
		return "", advise(err)
	}
	var got struct {
		Entry []struct {
			Content struct {
				User  string   `json:"username"`
				Roles []string `json:"roles"`
			} `json:"content"`
		} `json:"entry"`
	}
	if err := decode(body, &got); err != nil || len(got.Entry) == 0 || got.Entry[0].Content.User == "" {
		return "", notSplunk(op, err)
	}
	who := got.Entry[0].Content
	return "as " + framework.Line(who.User, 100) + ", roles " + framework.Line(strings.Join(who.Roles, ", "), 200), nil
}
