package jira

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/fault"
)

// maxRetries is how often Cloud repeats a delivery; Data Center never does.
const maxRetries = 5

// Cloud's time limits for a delivery.
const (
	connectTimeout = 5 * time.Second
	answerTimeout  = 20 * time.Second
)

// Delivery is what became of one event.
type Delivery struct {
	ID       string // Cloud: the X-Atlassian-Webhook-Identifier, the same in every attempt
	Event    string // such as jira:issue_created
	IssueKey string
	Body     []byte // as it was sent
	Attempts int
	Status   int    // of the last answer; 0 when there was none
	Err      string // why there was none
	Done     bool   // no attempt follows
}

// courier delivers events one after the other, in their order.
type courier struct {
	cloud  bool
	delay  time.Duration
	log    *slog.Logger
	client *http.Client
	wake   chan struct{} // has room for one: something was queued

	mu         sync.Mutex
	url        string
	secret     framework.Secret
	waiting    []event
	busy       bool
	idle       chan struct{} // closed when nothing waits any more
	deliveries []Delivery
}

func newCourier(options Options) *courier {
	dialer := &net.Dialer{Timeout: connectTimeout}
	idle := make(chan struct{})
	close(idle)
	return &courier{
		cloud: options.Flavor == Cloud, delay: options.RetryDelay, log: options.Log,
		client: &http.Client{
			Timeout:       answerTimeout,
			Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 1},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		wake: make(chan struct{}, 1), idle: idle, url: options.WebhookURL, secret: options.WebhookSecret,
	}
}

func (c *courier) address(url string, secret framework.Secret) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.url, c.secret = url, secret
}

// send queues an event. Where there is no address it is dropped: Jira has no webhook then.
func (c *courier) send(what event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.url == "" {
		return
	}
	if len(c.waiting) == 0 && !c.busy {
		c.idle = make(chan struct{})
	}
	c.waiting = append(c.waiting, what)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run delivers until the context ends.
func (c *courier) run(ctx context.Context) {
	defer c.client.CloseIdleConnections()
	for {
		for {
			what, ok := c.next()
			if !ok {
				break
			}
			c.deliver(ctx, what)
			if ctx.Err() != nil {
				return
			}
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
	}
}

// next takes the oldest event; when there is none, it says so to whoever waits for that.
func (c *courier) next() (event, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		if c.busy {
			c.busy = false
			close(c.idle)
		}
		return event{}, false
	}
	c.busy = true
	what := c.waiting[0]
	c.waiting = c.waiting[1:]
	return what, true
}

func (c *courier) deliver(ctx context.Context, what event) {
	delivery := Delivery{ID: rand.Text(), Event: what.name, IssueKey: what.key, Body: what.body}
	at := c.record(-1, delivery)
	for {
		delivery.Status, delivery.Err = 0, ""
		status, err := c.attempt(ctx, delivery)
		delivery.Attempts++
		delivery.Status = status
		if err != nil {
			delivery.Err = err.Error()
		}
		again := c.cloud && delivery.Attempts <= maxRetries && repeats(status, err)
		delivery.Done = !again
		c.record(at, delivery)
		c.log.Debug("jira webhook", "event", what.name, "issue", what.key, "status", status, "attempt", delivery.Attempts)
		if !again || fault.Wait(ctx, c.delay) != nil {
			return
		}
	}
}

// repeats reports whether Cloud repeats a delivery after such an answer. Every other answer is final.
func repeats(status int, err error) bool {
	return err != nil || status >= 500 || slices.Contains([]int{
		http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests,
	}, status)
}

func (c *courier) attempt(ctx context.Context, delivery Delivery) (int, error) {
	c.mu.Lock()
	address, secret := c.url, c.secret
	c.mu.Unlock()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(delivery.Body))
	if err != nil {
		return 0, withoutURL(err)
	}
	request.Header.Set("Content-Type", "application/json; charset=UTF-8")
	request.Header.Set("User-Agent", "Atlassian Webhook HTTP Client")
	if c.cloud {
		request.Header.Set("X-Atlassian-Webhook-Identifier", delivery.ID)
		request.Header.Set("X-Atlassian-Webhook-Flow", "Primary")
		if delivery.Attempts > 0 {
			request.Header.Set("X-Atlassian-Webhook-Retry", strconv.Itoa(delivery.Attempts))
		}
	}
	if !secret.IsZero() {
		request.Header.Set("X-Hub-Signature", Signature(secret, delivery.Body))
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, withoutURL(err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // the status is the answer
	return response.StatusCode, response.Body.Close()
}

// withoutURL drops the address from an error: a token may be in it.
func withoutURL(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// Signature is the value of X-Hub-Signature for a body: method and HMAC-SHA256 in hexadecimal digits, as WebSub has it.
func Signature(secret framework.Secret, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// record stores a delivery and returns its place; a negative place is a new one.
func (c *courier) record(at int, delivery Delivery) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at < 0 {
		c.deliveries = append(c.deliveries, delivery)
		return len(c.deliveries) - 1
	}
	c.deliveries[at] = delivery
	return at
}

// Deliveries are the events that were sent or are being sent, in their order.
func (s *Server) Deliveries() []Delivery {
	s.courier.mu.Lock()
	defer s.courier.mu.Unlock()
	return slices.Clone(s.courier.deliveries)
}

// Delivered waits until no event is waiting or being sent, or until the context ends, whose error it then returns.
func (s *Server) Delivered(ctx context.Context) error {
	s.courier.mu.Lock()
	idle := s.courier.idle
	s.courier.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
