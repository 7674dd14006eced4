//go:build unix

package main

import (
	"os"
	"syscall"
)

// hold stops a server, so that it takes no time from another: some go on with what they took.
func hold(server *os.Process) error { return server.Signal(syscall.SIGSTOP) }

// release lets it go on.
func release(server *os.Process) error { return server.Signal(syscall.SIGCONT) }
