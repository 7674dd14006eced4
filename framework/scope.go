package framework

import (
	"fmt"
	"net/http"
	"slices"
)

// Scope is a kind of thing that a caller may do where a route asks for it.
type Scope string

// The scopes.
const (
	ScopeRead  Scope = "read"  // see what came in and what became of it
	ScopeAdmin Scope = "admin" // change what becomes of it
)

// Scopes returns all there are.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeAdmin} }

// Limit says that the caller may do no more than this. An authenticating plugin that knows what its callers may do calls
// it; who is let through by one that does not may do all that the route offers. Each further call only takes away.
func (r *Request) Limit(scopes ...Scope) {
	if !r.limited {
		r.scopes, r.limited = slices.Clone(scopes), true
		return
	}
	r.scopes = slices.DeleteFunc(r.scopes, func(s Scope) bool { return !slices.Contains(scopes, s) })
}

// May reports whether the caller may do what needs the scope.
func (r *Request) May(scope Scope) bool { return !r.limited || slices.Contains(r.scopes, scope) }

// authorize refuses a caller who was limited to less than the route asks for.
func (o *operation) authorize(r *Request) error {
	if o.Scope == "" || r.May(o.Scope) {
		return nil
	}
	return NewProblem(http.StatusForbidden, fmt.Sprintf("This needs the scope %s, which the caller does not have.", o.Scope))
}

// checkScope refuses a scope that no caller can be limited to, and a route that asks for one of callers whom nobody knows.
func (o *operation) checkScope() error {
	switch {
	case o.Scope == "":
		return nil
	case !slices.Contains(Scopes(), o.Scope):
		return fmt.Errorf("there is no scope %s; there are %v", o.Scope, Scopes())
	case o.Public:
		return fmt.Errorf("this is for those who may %s: remove public: true, and add an authenticating before plugin (token, basic, hmac, jwt)", o.Scope)
	}
	return nil
}
