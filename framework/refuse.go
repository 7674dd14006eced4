package framework

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// noRouteName stands in logs and metrics for the route of a call that reached none: paths come from outside.
const noRouteName = "none"

// Refuse answers a call that reaches no route with a problem, and writes its log line. The server around the funnel uses
// it for what is refused before routing: what is not proper HTTP, and what does not fit its limits.
func (f *Funnel) Refuse(w http.ResponseWriter, r *http.Request, problem *Problem) {
	start, id := f.now(), newRequestID()
	request := NewRequest(r, id, nil, nil)
	request.client = clientAddr(r, f.trusted)
	answer := problem.response(id)
	_, ended := f.begin(request, noRouteName)
	send(w, answer, id)
	ended(answer.Status)
	f.logRequest(request, noRouteName, answer.Status, len(answer.Body), start, nil)
}

// noRoute answers for paths where there is nothing.
func (f *Funnel) noRoute(c *gin.Context) {
	if f.ofNoPath(c) {
		return
	}
	f.Refuse(c.Writer, c.Request, NewProblem(http.StatusNotFound, "There is nothing at this path. GET /openapi.json lists what there is."))
}

// noMethod answers for methods that a path does not take; gin has set Allow to those it takes. OPTIONS asks for just that
// header and is answered, without the headers that would let other sites' pages call (CORS).
func (f *Funnel) noMethod(c *gin.Context) {
	if f.ofNoPath(c) {
		return
	}
	c.Writer.Header().Set("Allow", c.Writer.Header().Get("Allow")+", "+http.MethodOptions)
	if c.Request.Method != http.MethodOptions {
		f.Refuse(c.Writer, c.Request, NewProblem(http.StatusMethodNotAllowed, "This path does not take this method; the Allow header lists those it takes."))
		return
	}
	f.allow(c)
}

// allow answers OPTIONS; Allow is set.
func (f *Funnel) allow(c *gin.Context) {
	start, id := f.now(), newRequestID()
	request := NewRequest(c.Request, id, nil, nil)
	request.client = clientAddr(c.Request, f.trusted)
	_, ended := f.begin(request, noRouteName)
	send(c.Writer, &Response{Status: http.StatusNoContent}, id)
	ended(http.StatusNoContent)
	f.logRequest(request, noRouteName, http.StatusNoContent, 0, start, nil)
}

// pageWriter keeps back what a plain handler says when it refuses: a text of its own, which may hold anything. The
// funnel sends a problem in its place.
type pageWriter struct {
	gin.ResponseWriter
	refused int // the status, or 0
}

// WriteHeader keeps errors back.
func (w *pageWriter) WriteHeader(status int) {
	if status >= http.StatusBadRequest && w.Header().Get("Content-Type") != ProblemType {
		w.refused = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write drops the text of an error.
func (w *pageWriter) Write(text []byte) (int, error) {
	if w.refused != 0 {
		return len(text), nil
	}
	return w.ResponseWriter.Write(text)
}

// WriteString is Write.
func (w *pageWriter) WriteString(text string) (int, error) { return w.Write([]byte(text)) }
