package framework

import "errors"

// Presenter is implemented by an output that a caller may have asked for in another form than as one JSON document, such
// as one JSON document a line. Endpoint.Forms names the media types.
type Presenter interface {
	// Present changes body and headers of the answer. It comes last: the body that it finds was held to the schema, and every
	// after plugin has passed it. On an error nothing of the answer leaves: a bare 500 is sent.
	Present(answer *Response) error
}

// present gives an answer the form that was asked for.
func (o *operation) present(request *Request, answer *Response, cause error) (*Response, error) {
	if answer.presenter == nil {
		return answer, cause
	}
	if err := guard("presenter", "", func() error { return answer.presenter.Present(answer) }); err != nil {
		return internalProblem().response(request.ID), errors.Join(cause, err)
	}
	return answer, cause
}
