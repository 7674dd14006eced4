package framework

import "context"

// CallObserver is told of every call that a funnel answers: for metrics and traces.
type CallObserver interface {
	// Call is told that a call begins. route is the path of a mounted route, as it was mounted, or "none". Plugins and handler
	// get the returned context, or one below it. ended must be called once, with the status that was sent.
	Call(ctx context.Context, method, route, requestID string) (_ context.Context, ended func(status int))
}

// Observe names who is told of every call; without it nobody is. Call it before serving.
func (f *Funnel) Observe(observer CallObserver) { f.observer = observer }

// begin tells the observer, if there is one, that a request begins.
func (f *Funnel) begin(r *Request, route string) (context.Context, func(status int)) {
	if f.observer == nil {
		return r.Context(), func(int) {}
	}
	return f.observer.Call(r.Context(), loggedMethod(r.Method), route, r.ID)
}

type traceKey struct{}

// WithTrace returns a context for work that belongs to a trace, named in the form of the header traceparent (W3C Trace
// Context, section 3.2).
func WithTrace(ctx context.Context, traceParent string) context.Context {
	return context.WithValue(ctx, traceKey{}, traceParent)
}

// Trace returns what WithTrace was given, or "".
func Trace(ctx context.Context) string {
	parent, _ := ctx.Value(traceKey{}).(string)
	return parent
}

type relateKey struct{}

// WithRelation returns a context in which Relate calls relate.
func WithRelation(ctx context.Context, relate func(Event)) context.Context {
	return context.WithValue(ctx, relateKey{}, relate)
}

// Relate tells whoever traces this work that it goes on with what began with another event: with the alert, say, that
// the ticket was made for. Without anybody who traces it does nothing.
func Relate(ctx context.Context, origin Event) {
	if relate, ok := ctx.Value(relateKey{}).(func(Event)); ok {
		relate(origin)
	}
}
