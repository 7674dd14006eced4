package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// connections are kept alive and busy, each with one call at a time.
const connections = 32

// served is a contestant in a process of its own, called over loopback. Its CPU time is the server's alone.
type served struct {
	command *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Reader
	wires   []*wire
}

// wire is one connection, with as little of a client as will do: what the client uses, the server lacks.
type wire struct {
	net.Conn
	answers *bufio.Reader
	request []byte
	status  int
}

// startServer starts this program anew as a server of the contestant and opens the connections.
func startServer(ctx context.Context, c contestant, withLine bool) (*served, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	command := exec.CommandContext(ctx, program, "-serve", c.name, "-line="+strconv.FormatBool(withLine)) //nolint:gosec // is this program
	command.Stderr = os.Stderr
	in, inErr := command.StdinPipe()
	out, outErr := command.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, fmt.Errorf("make pipes: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	s := &served{command: command, ask: in, answers: bufio.NewReader(out)}
	if err := s.connect(ctx, c.call); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *served) connect(ctx context.Context, made call) error {
	address, err := s.answers.ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the address of the server: %w", err)
	}
	address = strings.TrimSpace(address)
	var dialer net.Dialer
	for range connections {
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		s.wires = append(s.wires, &wire{connection, bufio.NewReader(connection), made.raw(address), made.status})
	}
	return nil
}

// stop ends the process and waits for it.
func (s *served) stop() error {
	var errs []error
	for _, w := range s.wires {
		errs = append(errs, w.Close())
	}
	return errors.Join(append(errs, s.ask.Close(), s.command.Wait())...)
}

// used is the CPU time of the server.
func (s *served) used() (time.Duration, error) {
	if _, err := io.WriteString(s.ask, "\n"); err != nil {
		return 0, fmt.Errorf("ask for the CPU time: %w", err)
	}
	line, err := s.answers.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("read the CPU time: %w", err)
	}
	nanoseconds, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	return time.Duration(nanoseconds), err
}

func (s *served) sample(calls int) (figures, error) {
	start := time.Now() //nolint:forbidigo // measures, and is no part
	before, err := s.used()
	if err != nil {
		return figures{}, err
	}
	var left atomic.Int64
	left.Store(int64(calls))
	var group errgroup.Group
	for _, w := range s.wires {
		group.Go(func() error {
			for left.Add(-1) >= 0 {
				if err := w.once(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return figures{}, err
	}
	wall := time.Since(start)
	after, err := s.used()
	return figures{cpu: (after - before) / time.Duration(calls), wall: wall / time.Duration(calls)}, err
}

// callTime bounds one call: a server that hangs must not hang the whole run.
const callTime = 30 * time.Second

// once makes the call and reads the answer to its end.
func (w *wire) once() error {
	if err := w.SetDeadline(time.Now().Add(callTime)); err != nil { //nolint:forbidigo // measures, and is no part
		return err
	}
	if _, err := w.Write(w.request); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	status, length, err := w.head()
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if _, err := w.answers.Discard(length); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if status != w.status {
		return fmt.Errorf("status %d, want %d", status, w.status)
	}
	return nil
}

// head reads an answer up to its body. Answers of the contestants are short, so that net/http tells the length of each.
func (w *wire) head() (status, length int, err error) {
	length = -1
	for line := []byte(nil); string(line) != "\r\n"; {
		if line, err = w.answers.ReadSlice('\n'); err != nil {
			return 0, 0, err
		}
		if status == 0 {
			if status, err = strconv.Atoi(string(line[len("HTTP/1.1 "):][:3])); err != nil {
				return 0, 0, err
			}
		}
		if name, digits, ok := bytes.Cut(line, []byte(": ")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(digits))); err != nil {
				return 0, 0, err
			}
		}
	}
	if length < 0 {
		return 0, 0, errors.New("it has no length")
	}
	return status, length, nil
}
