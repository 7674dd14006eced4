package rows

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"funnelweb/framework"
)

const (
	service  = "splunk"
	callTime = 30 * time.Second // of one call
)

// client reads searches by Splunk's REST interface, version 2 of the endpoints (Splunk 9.0 and later). Where it is comes from the
// configuration alone, never from an alert.
type client struct {
	base  *url.URL
	token framework.Secret
	deps  framework.Deps
}

// calling returns a client that trusts the authorities of a file, the system's without one, and follows no redirect: Splunk's
// REST interface has none.
func calling(plain *http.Client, file string) (*http.Client, error) {
	own, err := framework.Trusting(plain, file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return own, nil
}

// isSID reports whether a search id can be part of a path and leads nowhere else there.
func isSID(sid string) bool {
	return sid != "" && len(sid) <= 1024 && strings.Trim(sid, ".") != "" &&
		!strings.ContainsFunc(sid, func(r rune) bool {
			return r == '/' || r == '\\' || unicode.IsControl(r) || r == unicode.ReplacementChar
		})
}

const (
	jobsPath = "/services/search/v2/jobs"
	whoPath  = "/services/authentication/current-context"
)

// get makes a call. What Splunk answers without a body (204, and 202) is nil.
func (c *client) get(ctx context.Context, op, path string, query url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	query.Set("output_mode", "json") // its own form is Atom
	address := c.base.String() + path + "?" + query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, permanent("the address cannot be called")
	}
	request.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "funnelweb/"+c.deps.Version)
	body, err := framework.Fetch(c.deps, service, op, request)
	if err != nil {
		return nil, advise(err)
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		return nil, nil
	}
	return body, nil
}

// advise says what to do about a refusal. Nothing was changed by a call that only reads.
func advise(err error) error {
	failure, ok := errors.AsType[*framework.ServiceError](err)
	if !ok {
		return err
	}
	failure.Ambiguous = false
	switch failure.Status {
	case http.StatusUnauthorized:
		failure.Reason = "the token is not accepted: check rows.token (tokens expire, and token authentication must be turned on)"
	case http.StatusForbidden:
		failure.Reason = "the user of the token may not see this search: give it a role that may read the searches of alerts"
	case 0:
		if _, untrusted := errors.AsType[*tls.CertificateVerificationError](failure.Err); untrusted {
			failure.Reason = "the certificate of rows.url is not trusted: set ca_file to its authority"
		}
	}
	if failure.Status >= 300 && failure.Status <= 399 {
		failure.Reason = "redirected elsewhere: rows.url is not Splunk's management port"
	}
	return failure
}

// serves asks for the searches that there are: nil means that this is a Splunk whose 404 says that it does not know one of them.
func (c *client) serves(ctx context.Context) error {
	const op = "list searches"
	body, err := c.get(ctx, op, jobsPath, url.Values{"count": {"1"}})
	if isGone(err) {
		return &framework.ServiceError{
			Service: service, Op: op, Status: http.StatusNotFound,
			Reason: "rows.url is not the management port of a Splunk of version 9.0 or later; that port is usually 8089",
		}
	}
	if err != nil {
		return err
	}
	var got struct {
		Entry *[]struct{} `json:"entry"`
	}
	if err := decode(body, &got); err != nil || got.Entry == nil {
		return notSplunk(op, err)
	}
	return nil
}

// isGone reports whether Splunk does not know the search, any more.
func isGone(err error) bool {
	failure, ok := errors.AsType[*framework.ServiceError](err)
	return ok && failure.Status == http.StatusNotFound
}

// isTooLarge reports whether the answer was longer than Fetch takes: fewer rows may fit.
func isTooLarge(err error) bool {
	failure, ok := errors.AsType[*framework.ServiceError](err)
	return ok && failure.Status == http.StatusOK && failure.Permanent
}

// message is what Splunk says beside an answer, also beside a good one.
type message struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// worst returns the text of the first message that says that something failed.
func worst(messages []message) string {
	for _, one := range messages {
		if strings.EqualFold(one.Type, "FATAL") || strings.EqualFold(one.Type, "ERROR") {
			return one.Text
		}
	}
	return ""
}

// state is how far a search is.
type state struct {
	done, failed, realTime bool
	count                  int
	message                string
}

// flag is a truth value as Splunk writes it: true, 1 or "1".
type flag bool

// UnmarshalJSON reads any of the forms.
func (f *flag) UnmarshalJSON(value []byte) error {
	text := strings.Trim(string(value), `"`)
	*f = text == "true" || text == "1"
	return nil
}

func (c *client) state(ctx context.Context, sid string) (state, error) {
	const op = "read search"
	body, err := c.get(ctx, op, jobsPath+"/"+url.PathEscape(sid), url.Values{})
	if err != nil || body == nil {
		return state{}, err
	}
	var got struct {
		Entry []struct {
			Content struct {
				IsDone           flag      `json:"isDone"`
				IsFailed         flag      `json:"isFailed"`
				IsRealTimeSearch flag      `json:"isRealTimeSearch"`
				ResultCount      int       `json:"resultCount"`
				Messages         []message `json:"messages"`
			} `json:"content"`
		} `json:"entry"`
	}
	if err := decode(body, &got); err != nil || got.Entry == nil {
		return state{}, notSplunk(op, err)
	}
	if len(got.Entry) == 0 {
		return state{}, nil
	}
	content := got.Entry[0].Content
	return state{
		done: bool(content.IsDone), failed: bool(content.IsFailed), realTime: bool(content.IsRealTimeSearch),
		count: content.ResultCount, message: worst(content.Messages),
	}, nil
}

// page is a part of the results.
type page struct {
	Preview  flag      `json:"preview"`
	Messages []message `json:"messages"`
	Fields   []struct {
		Name string `json:"name"`
	} `json:"fields"`
	Results []map[string]value `json:"results"`
}

// results returns a page, or nil while there is none yet.
func (c *client) results(ctx context.Context, sid string, offset, count int) (*page, error) {
	const op = "read rows"
	body, err := c.get(ctx, op, jobsPath+"/"+url.PathEscape(sid)+"/results", url.Values{"offset": {strconv.Itoa(offset)}, "count": {strconv.Itoa(count)}})
	if err != nil || body == nil {
		return nil, err
	}
	var got page
	if err := decode(body, &got); err != nil || got.Results == nil {
		return nil, notSplunk(op, err)
	}
	if wrong := worst(got.Messages); wrong != "" { // it may come with 200
		return nil, &framework.ServiceError{Service: service, Op: op, Status: http.StatusOK, Reason: "Splunk says" + told(wrong)}
	}
	if got.Preview {
		return nil, nil //nolint:nilnil // there are no final rows yet
	}
	if len(got.Results) > count {
		got.Results = got.Results[:count]
	}
	return &got, nil
}

func decode(body []byte, into any) error {
	return json.Unmarshal(body, into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

func notSplunk(op string, err error) error {
	return &framework.ServiceError{
		Service: service, Op: op, Status: http.StatusOK, Reason: "the answer is not Splunk's: rows.url is its management port (8089), not that of its pages", Err: err,
	}
}
