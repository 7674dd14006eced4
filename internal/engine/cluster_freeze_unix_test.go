//go:build unix

package engine

import (
	"syscall"
	"testing"
)

// freeze stops a server in the middle of whatever it does.
func (s *natsServer) freeze(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
}

func (s *natsServer) thaw(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGCONT)
}
