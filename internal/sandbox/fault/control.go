package fault

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

// maxControl bounds the body in bytes of a request to Control.
const maxControl = 64 << 10

// wire is a fault as Control reads and writes it; durations are written as Go does, such as "1.5s".
type wire struct {
	Match      string `json:"match"`
	Times      int    `json:"times,omitzero"`
	Latency    string `json:"latency,omitempty"`
	Status     int    `json:"status,omitzero"`
	RetryAfter string `json:"retry_after,omitempty"`
	Body       string `json:"body,omitempty"`
	HTML       bool   `json:"html,omitzero"`
	CutBefore  bool   `json:"cut_before,omitzero"`
	CutAfter   bool   `json:"cut_after,omitzero"`
	Hits       int    `json:"hits,omitzero"`
}

// Control serves ControlPath: POST adds a fault given as JSON, GET lists those that are still there, DELETE clears
// them. A POST must say that it is JSON, which keeps other people's web pages from sending one through a browser.
func (f *Faults) Control() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			f.post(w, r)
		case http.MethodDelete:
			f.Clear()
			w.WriteHeader(http.StatusNoContent)
		case http.MethodGet:
			f.list(w)
		default:
			w.Header().Set("Allow", "GET, POST, DELETE")
			http.Error(w, "GET lists the faults, POST adds one, DELETE clears them", http.StatusMethodNotAllowed)
		}
	})
}

func (f *Faults) post(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		http.Error(w, "the content type must be application/json", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fault, err := decode(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.Add(fault)
	w.WriteHeader(http.StatusNoContent)
}

func decode(body []byte) (Fault, error) {
	var in wire
	if err := json.Unmarshal(body, &in, json.RejectUnknownMembers(true)); err != nil {
		return Fault{}, fmt.Errorf("decode fault: %w", err)
	}
	latency, err := duration("latency", in.Latency)
	if err != nil {
		return Fault{}, err
	}
	retryAfter, err := duration("retry_after", in.RetryAfter)
	if err != nil {
		return Fault{}, err
	}
	if in.Status != 0 && (in.Status < 200 || in.Status > 599) {
		return Fault{}, errors.New("status must be 200 to 599")
	}
	if in.Times < 0 {
		return Fault{}, errors.New("times must not be negative")
	}
	if latency == 0 && in.Status == 0 && !in.HTML && !in.CutBefore && !in.CutAfter {
		return Fault{}, errors.New("the fault does nothing: it needs latency, status, html, cut_before or cut_after")
	}
	return Fault{
		Match: in.Match, Times: in.Times, Latency: latency, Status: in.Status, RetryAfter: retryAfter,
		Body: in.Body, HTML: in.HTML, CutBefore: in.CutBefore, CutAfter: in.CutAfter,
	}, nil
}

func duration(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	value, err := time.ParseDuration(text)
	if err != nil || value < 0 {
		return 0, fmt.Errorf("%s must be a duration such as 1.5s", name)
	}
	return value, nil
}

func (f *Faults) list(w http.ResponseWriter) {
	faults := []wire{}
	for _, one := range f.List() {
		out := wire{
			Match: one.Match, Times: one.Times, Status: one.Status, Body: one.Body, HTML: one.HTML,
			CutBefore: one.CutBefore, CutAfter: one.CutAfter, Hits: one.Hits,
		}
		if one.Latency > 0 {
			out.Latency = one.Latency.String()
		}
		if one.RetryAfter > 0 {
			out.RetryAfter = one.RetryAfter.String()
		}
		faults = append(faults, out)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.MarshalWrite(w, faults) // the caller may be gone
}
