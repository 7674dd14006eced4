package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// acceptFigures are those of one sample.
type acceptFigures struct {
	rate     float64       // accepted a second
	p50, p99 time.Duration // of an answer
	cpu      time.Duration // of the server's processes for each
}

// acceptBody is a Splunk alert of about 2 KB, another one for each number.
func acceptBody(number int64) []byte {
	return []byte(`{"sid":"` + fmt.Sprintf("bench_%016d", number) + `","search_name":"Malware found on host","app":"search","owner":"admin",` +
		`"results_link":"https://splunk.lab.example:8000/app/search/@go?sid=bench","result":{"user":"jdoe","dest":"WS-042",` +
		`"md5":"44d88612fea8a8f36de82e1278abb02f","note":"` + strings.Repeat("0123456789abcdef", 108) + `"}}`)
}

// sample has each connection make calls, one at a time, for some time.
func (a *acceptor) sample(ctx context.Context, connections int, length time.Duration) (acceptFigures, error) {
	wires, err := a.connect(ctx, connections)
	defer func() {
		for _, w := range wires {
			_ = w.Close() // nothing is under way
		}
	}()
	if err != nil {
		return acceptFigures{}, err
	}
	before, err := processTime(a.command.Process.Pid)
	if err != nil {
		return acceptFigures{}, err
	}
	start := time.Now() //nolint:forbidigo // measures, and is no part
	var group errgroup.Group
	var mutex sync.Mutex
	var took []time.Duration
	for _, w := range wires {
		group.Go(func() error {
			own, err := a.calls(w, start, length)
			mutex.Lock()
			defer mutex.Unlock()
			took = append(took, own...)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return acceptFigures{}, err
	}
	wall := time.Since(start)
	after, err := processTime(a.command.Process.Pid)
	slices.Sort(took)
	return acceptFigures{
		rate: float64(len(took)) / wall.Seconds(), p50: took[len(took)/2], p99: took[len(took)*99/100],
		cpu: (after - before) / time.Duration(len(took)),
	}, err
}

func (a *acceptor) calls(w *wire, start time.Time, length time.Duration) ([]time.Duration, error) {
	var took []time.Duration
	for len(took) == 0 || time.Since(start) < length {
		w.request = a.request(a.next.Add(1))
		began := time.Now() //nolint:forbidigo // measures, and is no part
		if err := w.once(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

func (a *acceptor) connect(ctx context.Context, count int) (wires []*wire, err error) {
	var dialer net.Dialer
	for range count {
		connection, err := dialer.DialContext(ctx, "tcp", a.address)
		if err != nil {
			return wires, fmt.Errorf("connect: %w", err)
		}
		wires = append(wires, &wire{Conn: connection, answers: bufio.NewReader(connection), status: a.status})
	}
	return wires, nil
}

// request is a whole call with a body of its own, signed.
func (a *acceptor) request(number int64) []byte {
	body := acceptBody(number)
	wire := make([]byte, 0, len(body)+300)
	wire = append(wire, "POST "+a.path+" HTTP/1.1\r\nHost: "+a.address+"\r\nContent-Type: application/json\r\nUser-Agent: bench\r\n"+signatureIn+": "...)
	wire = append(wire, sign(body)...)
	wire = append(wire, "\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"...)
	return append(wire, body...)
}

// numbers are for bodies that nobody has seen.
type numbers struct{ atomic.Int64 }
