package rows

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"funnelweb/framework"
)

var _ framework.Prober = (*Action)(nil)

// Probe asks Splunk whose the token is, and whether searches are read as we do. Whether that user may see the search of an alert is
// known once there is an alert.
func (a *Action) Probe(ctx context.Context) []framework.Probed {
	signIn := framework.Try(a.now, "sign in", func() (string, error) { return a.splunk.whoAmI(ctx) })
	if !signIn.OK {
		return []framework.Probed{signIn}
	}
	searches := framework.Try(a.now, "searches", func() (string, error) { return "version 2 of the endpoints", a.splunk.serves(ctx) })
	return []framework.Probed{signIn, searches}
}

// whoAmI returns the user of the token, with its roles.
func (c *client) whoAmI(ctx context.Context) (string, error) {
	const op = "sign in"
	body, err := c.get(ctx, op, whoPath, url.Values{})
	if isGone(err) {
		return "", &framework.ServiceError{Service: service, Op: op, Status: http.StatusNotFound, Reason: "rows.url is not Splunk's management port, which is usually 8089"}
	}
	if err != nil {
		return "", err
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
