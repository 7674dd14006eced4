package jira_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/jira"
	"funnelweb/internal/sandbox/fault"
	sandbox "funnelweb/internal/sandbox/jira"
)

// The limit is one ticket's: other tickets are written to meanwhile, and nobody calls Jira for this one before its time.
func TestOneTicketIsLeftAloneForAsLongAsCloudAsks(t *testing.T) {
	t.Parallel()
	site := newSite(t, jira.Cloud, func(o *sandbox.Options) { o.WriteEvery = 4 * time.Second })
	key := must(site.client.Create(t.Context(), alert()))(t)
	other := must(site.client.Create(t.Context(), alert()))(t)
	body := framework.Document{framework.Text("x")}
	id := must(site.client.AddComment(t.Context(), key, "mark", body))(t)
	err := site.client.EditComment(t.Context(), key, id, "mark", body)
	want := &framework.Wait{
		Until: site.clock.Now().Add(4 * time.Second), Reason: "Jira lets nobody write to one ticket that fast (jira-per-issue-on-write)",
	}
	if wait, _ := errors.AsType[*framework.Wait](err); cmp.Diff(want, wait) != "" || framework.MayHaveHappened(err) {
		t.Errorf("got %v, want %v", err, want)
	}
	site.clock.Advance(3 * time.Second)
	site.Faults().Add(fault.Fault{Match: "PUT /rest/api/2/issue/" + key, Status: 500}) // is not met
	err = site.client.EditComment(t.Context(), key, id, "mark", body)
	if wait, _ := errors.AsType[*framework.Wait](err); cmp.Diff(want, wait) != "" || site.Faults().Hits() != 0 {
		t.Errorf("one second early: %v after %d calls", err, site.Faults().Hits())
	}
	site.Faults().Clear()
	if _, err := site.client.AddComment(t.Context(), other, "mark", body); err != nil {
		t.Errorf("another ticket: %v", err)
	}
	if _, err := site.client.FindComment(t.Context(), key, "mark"); err != nil {
		t.Errorf("reading: %v", err)
	}
	site.clock.Advance(time.Second)
	if err := site.client.EditComment(t.Context(), key, id, "mark", body); err != nil {
		t.Errorf("after the wait that was asked for: %v", err)
	}
}

func TestWritesToOneTicketAreMadeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	writing, most := map[string]int{}, map[string]int{}
	both := make(chan struct{}, 1)
	var arrived atomic.Int32
	client := serve(t, jira.Config{}, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		writing[r.URL.Path]++
		most[r.URL.Path] = max(most[r.URL.Path], writing[r.URL.Path])
		mu.Unlock()
		if arrived.Add(1) == 2 { // two tickets are written to at once
			close(both)
		}
		<-both
		mu.Lock()
		writing[r.URL.Path]--
		mu.Unlock()
		answers(201, nil, `{"id":"1"}`)(w, r)
	})
	var working sync.WaitGroup
	for range 8 {
		for _, key := range []string{"SEC-1", "SEC-2"} {
			working.Go(func() {
				if _, err := client.AddComment(t.Context(), key, "mark", nil); err != nil {
					t.Error(err)
				}
			})
		}
	}
	working.Wait()
	want := map[string]int{"/rest/api/2/issue/SEC-1/comment": 1, "/rest/api/2/issue/SEC-2/comment": 1}
	if diff := cmp.Diff(want, most); diff != "" {
		t.Errorf("writes at once (-want +got):\n%s", diff)
	}
}

func TestWhoWaitsForATurnMayGiveUp(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-release
		answers(201, nil, `{"id":"1"}`)(w, r)
	}))
	t.Cleanup(server.Close)
	client := must(jira.New(jira.Config{URL: server.URL, User: "u", Token: framework.NewSecret(canary)}, frameworktest.Deps(t)))(t)
	first := make(chan error, 1)
	go func() {
		_, err := client.AddComment(t.Context(), "SEC-1", "mark", nil)
		first <- err
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.AddComment(ctx, "SEC-1", "mark", nil)
	if framework.Reason(err) != "jira: add comment: another write to the ticket took too long" || framework.MayHaveHappened(err) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
}
