package main

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"unicode/utf8"
)

// byHand is the webhook on net/http and encoding/json alone, as written with care by somebody who needs just this one.
func byHand() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var alert Alert
		if status, err := decode(w, r, &alert); err != nil {
			http.Error(w, err.Error(), status)
			return
		}
		answer, err := json.Marshal(accept(&alert))
		if err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})
	return mux
}

// signedByHand is byHand for senders who sign: what it costs to refuse a forger at the very least.
func signedByHand() http.Handler {
	next := byHand()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
		if !hmac.Equal([]byte(r.Header.Get(signatureIn)), []byte(sign(body))) {
			http.Error(w, "the signature is wrong", http.StatusUnauthorized)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

func decode(w http.ResponseWriter, r *http.Request, alert *Alert) (status int, err error) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(alert); err != nil {
		return http.StatusBadRequest, errors.New("not the JSON that is expected")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return http.StatusBadRequest, errors.New("more than one JSON value")
	}
	if err := alert.validate(); err != nil {
		return http.StatusUnprocessableEntity, err
	}
	return http.StatusOK, nil
}

// validate says the first rule that is broken.
func (a *Alert) validate() error {
	_, mailErr := mail.ParseAddress(a.User)
	address, addressErr := netip.ParseAddr(a.SourceIP)
	link, linkErr := url.Parse(a.Link)
	switch {
	case !isUUID(a.ID):
		return errors.New("id is not a UUID")
	case !between(a.Title, 1, 200):
		return errors.New("title has 1 to 200 characters")
	case a.Severity != "low" && a.Severity != "medium" && a.Severity != "high" && a.Severity != "critical":
		return errors.New("severity is low, medium, high or critical")
	case a.CreatedAt.IsZero():
		return errors.New("created_at is missing")
	case a.RiskScore < 0 || a.RiskScore > 100:
		return errors.New("risk_score is from 0 to 100")
	case !between(a.Host, 1, 253):
		return errors.New("host has 1 to 253 characters")
	case mailErr != nil:
		return errors.New("user is not a mail address")
	case addressErr != nil || !address.Is4():
		return errors.New("source_ip is not an IPv4 address")
	case !between(a.SHA256, 64, 64):
		return errors.New("sha256 has 64 characters")
	case linkErr != nil || !link.IsAbs():
		return errors.New("link is not a URI")
	case len(a.Evidence) < 1 || len(a.Evidence) > 20:
		return errors.New("evidence has 1 to 20 items")
	}
	return nil
}

func between(text string, least, most int) bool {
	length := utf8.RuneCountInString(text)
	return length >= least && length <= most
}

// isUUID reports whether a text is a UUID in its usual form (RFC 9562 section 4).
func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range []byte(text) {
		switch dash := i == 8 || i == 13 || i == 18 || i == 23; {
		case dash && c != '-':
			return false
		case !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F'):
			return false
		}
	}
	return true
}
