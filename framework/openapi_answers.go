package framework

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// documentAnswers lists the statuses that the route can give: its own, and those of the funnel and its plugins.
func (o *operation) documentAnswers(components *huma.Components, operation *huma.Operation, problem *huma.Schema) {
	for _, status := range o.success {
		response := &huma.Response{Description: http.StatusText(status), Headers: headers(RequestIDHeader)}
		if !o.empty {
			response.Content = content(jsonType, o.outputSchema, o.answerExample)
			for form, example := range o.forms {
				response.Content[form] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
			}
		}
		operation.Responses[strconv.Itoa(status)] = response
	}
	for _, status := range o.refusals() {
		if operation.Responses[strconv.Itoa(status)] != nil { // a route may give 503 with its own answer
			continue
		}
		name := strings.ReplaceAll(http.StatusText(status), " ", "")
		components.Responses[name] = documentedProblem(status, problem)
		operation.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + name}
	}
}

// refusals are the statuses of the problems that the route can give.
func (o *operation) refusals() []int {
	all := []int{http.StatusRequestEntityTooLarge, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if o.authenticator() != nil {
		all = append(all, http.StatusUnauthorized)
	}
	if o.Scope != "" {
		all = append(all, http.StatusForbidden)
	}
	for _, plugin := range o.Before {
		if refuser, ok := plugin.Part.(Refuser); ok {
			all = append(all, refuser.Refusals()...)
		}
	}
	if o.binding.body != nil {
		all = append(all, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusUnsupportedMediaType)
	}
	if o.binding.body != nil || len(o.binding.parameters) > 0 {
		all = append(all, http.StatusUnprocessableEntity)
	}
	if slices.ContainsFunc(o.binding.parameters, func(p parameter) bool { return p.in == "path" }) {
		all = append(all, http.StatusNotFound)
	}
	return all
}

// documentedProblem describes a status with an example.
func documentedProblem(status int, schema *huma.Schema) *huma.Response {
	about, detail := problemInWords(status)
	example := NewProblem(status, detail)
	example.RequestID = "mfrggzdfmztwq2lknnwg23tpoa"
	response := &huma.Response{Description: about, Headers: headers(RequestIDHeader)}
	switch status {
	case http.StatusUnprocessableEntity:
		example.Errors = []Field{{In: "body", Pointer: "/result/user", Rule: "maxLength", Message: "must have at most 255 characters"}}
	case http.StatusUnauthorized:
		response.Headers = headers(RequestIDHeader, challengeHeader)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		response.Headers = headers(RequestIDHeader, retryHeader)
	}
	encoded, _ := json.Marshal(example) // plain texts of our own
	response.Content = content(ProblemType, schema, encoded)
	return response
}

// problemInWords says when a status is given, and what its detail may be.
func problemInWords(status int) (about, detail string) {
	switch status {
	case http.StatusBadRequest:
		return "The body is not one JSON document, or did not arrive whole.", "The body is not valid JSON. Nothing was stored."
	case http.StatusUnauthorized:
		return "The caller did not prove who they are.", "A valid token is needed: send the header Authorization: Bearer TOKEN."
	case http.StatusForbidden:
		return "The caller may not do this: not at all, or not from where they are.", "This needs the scope admin, which the caller does not have."
	case http.StatusNotFound:
		return "There is nothing under this path.", "There is nothing of this id."
	case http.StatusRequestTimeout:
		return "The body did not arrive within the time limit.", "The body did not arrive within the time limit. Nothing was stored."
	case http.StatusRequestEntityTooLarge:
		return "The body is larger than the route takes.", "The body is larger than 1048576 bytes. Nothing was stored."
	case http.StatusUnsupportedMediaType:
		return "The body is said to be something else than JSON.", "Send the body as Content-Type: application/json, in UTF-8."
	case http.StatusUnprocessableEntity:
		return "The call breaks rules, each of which is named.", "The call breaks the rules listed in errors. Nothing was stored."
	case http.StatusTooManyRequests:
		return "The caller made too many calls; Retry-After says when to go on.", "Too many calls."
	case http.StatusServiceUnavailable:
		return "Something that the call needs does not work at the moment; Retry-After says when to repeat it.", "Events cannot be stored at the moment."
	case http.StatusInternalServerError:
		return "The server could not complete the call. The cause is in its log, under the request id.", internalProblem().Detail
	default:
		return http.StatusText(status), ""
	}
}

// The headers of answers that the document describes, beside RequestIDHeader.
const (
	challengeHeader = "WWW-Authenticate"
	retryHeader     = "Retry-After"
)

func documentedHeaders() map[string]*huma.Header {
	text := &huma.Schema{Type: huma.TypeString}
	return map[string]*huma.Header{
		RequestIDHeader: {Description: "Quote this when asking for help", Schema: text, Example: "mfrggzdfmztwq2lknnwg23tpoa"},
		challengeHeader: {Description: "How to prove who is calling, where HTTP has a word for it", Schema: text, Example: `Bearer realm="funnelweb"`},
		retryHeader:     {Description: "After how many seconds to try again", Schema: &huma.Schema{Type: huma.TypeInteger}, Example: 5},
	}
}

// headers refers to documented ones.
func headers(names ...string) map[string]*huma.Param {
	all := map[string]*huma.Param{}
	for _, name := range names {
		all[name] = &huma.Param{Ref: "#/components/headers/" + name}
	}
	return all
}
