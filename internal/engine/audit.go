package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

const (
	auditRetention = 400 * day // over a year
	maxAudit       = 64 << 20  // bytes: 50,000 acts of one dead letter each, or 4,000 of a hundred
	maxReason      = 500       // characters
)

// auditConfig keeps what operators did. It can only be added to: the store refuses to remove an entry before its time. The
// oldest go when there are too many, as an operator must not be kept from acting by it.
func (e *Engine) auditConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        e.names.stream("AUDIT"),
		Subjects:    []string{e.names.subject("audit", ">")},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxAge:      auditRetention,
		MaxMsgs:     -1,
		Duplicates:  leastWindow,
		MaxBytes:    min(maxAudit, e.opts.MaxStore/64),
		Storage:     jetstream.FileStorage,
		Replicas:    e.replicas(),
		AllowDirect: !e.shared(),
		DenyDelete:  true,
		DenyPurge:   true,
	}
}

// openAudit opens the audit log. A store that may have less than before, since others have filled its disk, does not cut it.
func (e *Engine) openAudit(ctx context.Context) error {
	config := e.auditConfig()
	if before, err := e.js.Stream(ctx, config.Name); err == nil {
		config.MaxBytes = max(config.MaxBytes, before.CachedInfo().Config.MaxBytes)
	}
	var err error
	if e.audit, err = e.js.CreateOrUpdateStream(ctx, config); err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	return nil
}

// audited is an act in the audit log that is under way.
type audited struct {
	engine *Engine
	entry  framework.AuditEntry
}

// begin writes an act down. It returns when that is safe against power loss: the act may be done then.
func (e *Engine) begin(ctx context.Context, act framework.Act, entry framework.AuditEntry) (*audited, error) {
	entry.ID, entry.Time, entry.Outcome = strings.ToLower(rand.Text()), e.now().UTC(), framework.AuditBegun
	entry.Caller, entry.Address, entry.RequestID = framework.Line(act.Caller, maxReason), framework.Line(act.Address, maxReason), act.RequestID
	entry.Reason = framework.Line(act.Reason, maxReason)
	entry.Meant = max(entry.Meant, len(entry.Letters))
	begun := &audited{e, entry}
	if err := begun.write(ctx, "begun"); err != nil {
		return nil, unavailable(fmt.Errorf("write the audit log: %w", err))
	}
	return begun, nil
}

// end writes down what came of it, also when the caller is gone. That it cannot be is logged, and no error: the act is
// done, and its beginning is in the audit log.
func (a *audited) end(ctx context.Context, count int, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.engine.timeout())
	defer cancel()
	a.entry.Outcome, a.entry.Count, a.entry.EndedAt = framework.AuditDone, count, a.engine.now().UTC()
	switch {
	case cause != nil:
		a.entry.Outcome = framework.AuditFailed
	case count < len(a.entry.Letters): // an event that was handed over before is not given again, and nothing of it stays
		a.entry.Outcome = framework.AuditPartly
	}
	a.log(ctx, cause)
	ended := *a
	ended.entry.Letters = nil // the beginning has them
	if err := ended.write(ctx, "ended"); err != nil {
		a.engine.log.Error("the end of an act is not in the audit log", "audit", a.entry.ID, "err", err)
	}
}

func (a *audited) log(ctx context.Context, cause error) {
	log := a.engine.log.With("audit", a.entry.ID, "act", string(a.entry.Act), "caller", a.entry.Caller, "address", a.entry.Address,
		"request_id", a.entry.RequestID, "reason", a.entry.Reason, "meant", a.entry.Meant, "count", a.entry.Count)
	if a.entry.Filter != nil {
		log = log.With("filter", *a.entry.Filter)
	}
	if a.entry.Queue != "" {
		log = log.With("queue", a.entry.Queue, "to", a.entry.To)
	}
	if len(a.entry.Letters) == 1 {
		one := a.entry.Letters[0]
		log = log.With("deadletter", one.ID, "event_id", one.EventID, "automation", one.Automation, "job", one.Job)
	}
	if cause != nil {
		log.ErrorContext(ctx, "an operator's act failed", "err", cause)
		return
	}
	log.InfoContext(ctx, "an operator acted")
}

func (a *audited) write(ctx context.Context, part string) error {
	data, err := json.Marshal(a.entry)
	if err != nil {
		return fmt.Errorf("encode entry: %w", err)
	}
	err = a.engine.patience().do(ctx, func(ctx context.Context) error {
		_, err := a.engine.js.Publish(ctx, a.engine.names.subject("audit", a.entry.ID, part), data)
		return err
	})
	if err != nil {
		return err
	}
	return a.engine.barrier.wait(ctx)
}

const auditList = "audit"

// Audit returns the acts of operators, newest first, and the cursor of the next page. Damaged entries are left out and
// logged.
func (e *Engine) Audit(ctx context.Context, page framework.Page) ([]framework.AuditEntry, string, error) {
	at, err := parseCursor(auditList, page.Cursor)
	if err != nil {
		return nil, "", err
	}
	spent := listBudget()
	reader, err := newBackward(ctx, e.audit, e.names.subject("audit", "*", "begun"), at.At[auditList], spent)
	if err != nil {
		return nil, "", fmt.Errorf("read the audit log: %w", err)
	}
	entries := []framework.AuditEntry{}
	for len(entries) < page.Limit && !spent.over() {
		message, err := reader.read(ctx)
		if err != nil {
			return nil, "", fmt.Errorf("read the audit log: %w", err)
		}
		if message == nil {
			return entries, "", nil
		}
		at.At[auditList] = message.Sequence
		entry, err := e.auditEntry(ctx, message)
		if err != nil {
			return nil, "", err
		}
		if entry != nil {
			entries = append(entries, *entry)
		}
	}
	return entries, at.String(), nil
}

// auditEntry reads an act with its end, if it has one.
func (e *Engine) auditEntry(ctx context.Context, begun *jetstream.RawStreamMsg) (*framework.AuditEntry, error) {
	entry := new(framework.AuditEntry)
	if err := json.Unmarshal(begun.Data, entry); err != nil {
		e.damaged.tell(begun.Subject, begun.Sequence, err)
		return nil, nil //nolint:nilnil // it is left out
	}
	message, err := last(ctx, e.audit, strings.TrimSuffix(begun.Subject, "begun")+"ended")
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return entry, nil
	}
	if err != nil {
		return nil, err
	}
	var ended framework.AuditEntry
	if err := json.Unmarshal(message.Data, &ended); err != nil {
		e.damaged.tell(message.Subject, message.Sequence, err)
		return entry, nil
	}
	entry.Outcome, entry.Count, entry.EndedAt = ended.Outcome, ended.Count, ended.EndedAt
	return entry, nil
}

// auditLetter is what the audit log keeps of a dead letter.
func auditLetter(letter framework.DeadLetter) framework.AuditLetter {
	return framework.AuditLetter{ID: letter.ID, EventID: letter.EventID, Automation: letter.Automation, Job: letter.Job}
}
