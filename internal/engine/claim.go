package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// claimLease is for how long a claimed letter is left to who claimed it, since this process knows that it is claimed: longer than a
// call may take. Clocks may be apart, or be set meanwhile.
const claimLease = 3 * clusterTimeout

// claim says which engine replays or drops a letter. It is part of the letter, written there if nobody changed that
// since it was read, so that one of several replicas has it.
type claim struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Letter uint64    `json:"letter"` // the letter's place before it was first claimed
}

// take reads a letter for this engine alone, or returns framework.ErrNoEvent, or a Problem with status 409 while
// another replica has it. A claim whose engine ended is taken over after a while; what that engine did is found by the
// letter's first place, which is why that is kept. In a directory of its own an engine needs no claim.
func (e *Engine) take(ctx context.Context, id string) (letter, error) {
	for {
		dead, err := e.letter(ctx, id)
		if err != nil || !e.shared() {
			return dead, err
		}
		e.claims.note(dead.sequence)
		if dead.Claim.By != "" && dead.Claim.By != e.id && e.claims.age(dead.sequence) < claimLease {
			return letter{}, framework.NewProblem(http.StatusConflict, "Another replica is replaying or dropping it.")
		}
		dead.Claim = claim{By: e.id, At: e.now().UTC(), Letter: dead.place()}
		dead.sequence, err = e.rewrite(ctx, dead)
		if !errors.Is(err, errMismatch) {
			return dead, err
		}
	}
}

// place tells letters of one event and job apart.
func (l letter) place() uint64 {
	if l.Claim.Letter != 0 {
		return l.Claim.Letter
	}
	return l.sequence
}

// rewrite stores a letter that is still as it was read, or returns errMismatch.
func (e *Engine) rewrite(ctx context.Context, dead letter) (uint64, error) {
	data, err := json.Marshal(dead)
	if err != nil {
		return 0, fmt.Errorf("encode dead letter %s: %w", dead.ID, err)
	}
	message := &nats.Msg{Subject: e.names.subject(letterPrefix, dead.ID), Data: data, Header: nats.Header{
		jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(dead.sequence, 10)},
	}}
	ack, err := e.js.PublishMsg(ctx, message)
	switch {
	case isMismatch(err):
		return 0, errMismatch
	case err != nil:
		return 0, fmt.Errorf("claim dead letter %s: %w", dead.ID, err)
	}
	return ack.Sequence, nil
}
