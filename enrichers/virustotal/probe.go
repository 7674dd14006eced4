package virustotal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"funnelweb/framework"
)

var _ framework.Prober = (*Enricher)(nil)

// userPattern is what the id of a user may be: a name, or the address of a service account.
var userPattern = regexp.MustCompile(`^[A-Za-z0-9_.@+-]{1,100}$`)

// quotas are those of a user (https://docs.virustotal.com/reference/user-object). Other members, such as the key itself, are
// not read.
type quotas struct {
	Daily   *quotaOf `json:"api_requests_daily"`
	Monthly *quotaOf `json:"api_requests_monthly"`
}

type quotaOf struct {
	Allowed int64 `json:"allowed"`
	Used    int64 `json:"used"`
}

func (q quotaOf) left() int64 { return max(0, q.Allowed-q.Used) }

// Probe looks the EICAR test file up, which takes one lookup from the key's quota, and reads what is left of that, which
// takes none. Only who owns the key can be asked that, and VirusTotal wants to be told who: without user it is not asked.
func (e *Enricher) Probe(ctx context.Context) []framework.Probed {
	var waits *framework.Wait
	key := framework.Try(e.now, "key", func() (string, error) {
		_, err := e.get(ctx, "look up a test file", eicar, e.config.Key)
		switch {
		case errors.As(err, &waits):
			return waits.Reason, nil
		case errors.Is(err, errNotFound):
			return "the key is taken, and the EICAR test file is not known: is url VirusTotal's?", nil
		}
		return "the key is taken, files can be looked up", err
	})
	if waits != nil {
		key.Advice = "lookups wait until " + waits.Until.UTC().Format("2006-01-02 15:04 UTC") + "; a key with a larger quota would not"
	}
	if !key.OK {
		return []framework.Probed{key}
	}
	return []framework.Probed{key, e.probeQuota(ctx)}
}

func (e *Enricher) probeQuota(ctx context.Context) framework.Probed {
	if e.config.User == "" {
		return framework.Probed{Name: "quota", OK: true, Detail: "not asked for: give the id of the key's owner as user to see what is left"}
	}
	var found quotas
	probed := framework.Try(e.now, "quota", func() (string, error) {
		data, err := e.get(ctx, "read the quota", "/users/"+url.PathEscape(e.config.User), e.config.Key)
		if errors.Is(err, errNotFound) {
			return "", &framework.ServiceError{Service: service, Op: "read the quota", Reason: "there is no such user, or it does not own the key: correct user"}
		}
		if err != nil {
			return "", err
		}
		if found, err = readQuotas(data); err != nil {
			return "", &framework.ServiceError{Service: service, Op: "read the quota", Reason: "the answer does not tell it: user must be the owner of the key", Err: err}
		}
		return found.String(), nil
	})
	if probed.OK {
		probed.Advice = e.quotaAdvice(found)
	}
	return probed
}

func readQuotas(data json.RawMessage) (quotas, error) {
	var answer struct {
		Attributes struct {
			Quotas quotas `json:"quotas"`
		} `json:"attributes"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return quotas{}, fmt.Errorf("decode user: %w", err)
	}
	if answer.Attributes.Quotas.Daily == nil {
		return quotas{}, errors.New("no daily quota")
	}
	return answer.Attributes.Quotas, nil
}

func (q quotas) String() string {
	text := fmt.Sprintf("%d of %d lookups left today", q.Daily.left(), q.Daily.Allowed)
	if q.Monthly != nil {
		text += fmt.Sprintf(", %d of %d this month", q.Monthly.left(), q.Monthly.Allowed)
	}
	return text
}

// quotaAdvice compares the quota with what the configuration takes for it.
func (e *Enricher) quotaAdvice(found quotas) string {
	switch {
	case found.Daily.left() == 0 || found.Monthly != nil && found.Monthly.left() == 0:
		return "lookups wait until the quota starts anew at 00:00 UTC, of the 1st for that of the month"
	case e.config.PerDay == 0 || int64(e.config.PerDay) > found.Daily.Allowed:
		return fmt.Sprintf("per_day is %d, and the key has %d: set per_day to that", e.config.PerDay, found.Daily.Allowed)
	default:
		return ""
	}
}
