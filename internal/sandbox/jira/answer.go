package jira

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxBody bounds a request body in bytes. The longest legitimate one is an issue with every text at its limit.
const maxBody = 1 << 20

// answer is what a call is answered; a nil body has no content.
type answer struct {
	status int
	body   any
}

// handle does one call. Its errors are refusals; anything else would be a bug of ours.
type handle func(*http.Request) (answer, error)

// refusal is an error in Jira's form.
type refusal struct {
	status int
	header map[string]string

	Messages []string          `json:"errorMessages"`
	Errors   map[string]string `json:"errors"`
}

func (r *refusal) Error() string { return "refused with status " + strconv.Itoa(r.status) }

// refuse is a refusal with messages that belong to no field.
func refuse(status int, messages ...string) *refusal {
	return &refusal{status: status, Messages: messages, Errors: map[string]string{}}
}

// refuseFields is a refusal because of what stands in fields.
func refuseFields(errs map[string]string) *refusal {
	return &refusal{status: http.StatusBadRequest, Messages: []string{}, Errors: errs}
}

func noRoute(r *http.Request) (answer, error) {
	return answer{http.StatusNotFound, message{"null for uri: " + r.URL.Path, http.StatusNotFound}}, nil
}

// message is the other form in which Jira refuses, before a call reaches its own code.
type message struct {
	Message string `json:"message"`
	Status  int    `json:"status-code"`
}

// rest lets only permitted, well-formed requests through.
func (s *Server) rest(handle handle) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.authenticate(w, r) || !wellFormed(w, r) {
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		got, err := handle(r)
		var refused *refusal
		switch {
		case errors.As(err, &refused):
			for name, value := range refused.header {
				w.Header().Set(name, value)
			}
			write(w, refused.status, refused)
		case err != nil:
			s.options.Log.Error("the Jira stand-in could not handle a call", "path", r.URL.Path, "err", err)
			write(w, http.StatusInternalServerError, refuse(http.StatusInternalServerError, "Internal server error"))
		case got.body == nil:
			w.WriteHeader(got.status)
		default:
			write(w, got.status, got.body)
		}
	})
}

func write(w http.ResponseWriter, status int, body any) {
	// What came in an address may be no UTF-8 and is quoted in refusals.
	encoded, err := json.Marshal(body, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(encoded) //nolint:gosec // JSON, and said to be; the caller may be gone
}

// authenticate lets the one user in. Jira words it differently in its two flavours.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) bool {
	if s.permitted(r) {
		w.Header().Set("X-Seraph-Loginreason", "OK")
		return true
	}
	w.Header().Set("X-Seraph-Loginreason", "AUTHENTICATED_FAILED")
	w.Header().Set("Www-Authenticate", `OAuth realm="`+url.QueryEscape(s.url)+`"`)
	switch {
	case s.options.Flavor == Cloud:
		const text = "Client must be authenticated to access this resource."
		write(w, http.StatusUnauthorized, message{text, http.StatusUnauthorized})
	case r.Header.Get("Authorization") == "":
		const login = "You do not have the permission to see the specified issue."
		write(w, http.StatusUnauthorized, refuse(http.StatusUnauthorized, login, "Login Required"))
	default:
		w.Header().Set("Content-Type", "text/html;charset=UTF-8")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "<html><head><title>Unauthorized (401)</title></head>"+
			"<body><h1>Unauthorized (401)</h1><p>Basic Authentication Failure - Reason : AUTHENTICATED_FAILED</p></body></html>")
	}
	return false
}

func (s *Server) permitted(r *http.Request) bool {
	if s.options.Flavor == DataCenter {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		return strings.EqualFold(scheme, "Bearer") && s.options.Token.Equal(token)
	}
	user, token, ok := r.BasicAuth()
	return ok && strings.EqualFold(user, s.options.User) && s.options.Token.Equal(token)
}

// wellFormed refuses what never reaches Jira's own code: bodies that are not said to be JSON, and what a browser
// sends from another site.
func wellFormed(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return true
	}
	if strings.HasPrefix(r.UserAgent(), "Mozilla/") && r.Header.Get("X-Atlassian-Token") != "no-check" {
		http.Error(w, "XSRF check failed", http.StatusForbidden)
		return false
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		const status = http.StatusUnsupportedMediaType
		write(w, status, message{"HTTP 415 Unsupported Media Type", status})
		return false
	}
	return true
}

// decode reads a body strictly: Jira knows no member that target does not have.
func decode(r *http.Request, target any) error {
	body, err := io.ReadAll(r.Body)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refuse(http.StatusRequestEntityTooLarge, "The request body is too large.")
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "The request body could not be read.")
	}
	if json.Unmarshal(body, target, json.RejectUnknownMembers(true)) == nil {
		return nil
	}
	var anything any
	if json.Unmarshal(body, &anything) != nil {
		return refuse(http.StatusBadRequest, "There was an error parsing JSON. Check that your request body is valid.")
	}
	return refuse(http.StatusBadRequest, "Invalid request payload. Refer to the REST API documentation and try again.")
}

// number reads a query parameter that is a number from 0 to limit; a larger one counts as limit.
func number(r *http.Request, name string, fallback, limit int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return fallback, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 0 {
		return 0, refuse(http.StatusBadRequest, "The value of the query parameter "+name+" is not valid.")
	}
	return min(value, limit), nil
}
