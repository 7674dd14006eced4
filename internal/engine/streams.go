package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

const streamPrefix = "EV_"

// leastWindow is the shortest that a server takes for remembering ids of messages (checkStreamCfg in nats-server/v2 v2.15.2).
// No message has one, as subjects tell events apart; but a server reads all messages of the window when it starts, which costs
// time and memory: by default those of two minutes.
const leastWindow = 100 * time.Millisecond

// streams are those of the sources, made when a source is first used.
type streams struct {
	js       jetstream.JetStream
	now      func() time.Time
	names    names
	shared   bool // other replicas make streams too
	replicas int
	setup    patience
	storage  jetstream.StorageType

	making   sync.Mutex // held while one is made; what is known is found meanwhile
	mu       sync.Mutex // guards bySource
	bySource map[string]jetstream.Stream
}

// open finds the streams of earlier runs and gives them the present settings, and makes those that are missing of sources
// that are known.
func (s *streams) open(ctx context.Context, known []string) error {
	s.bySource = map[string]jetstream.Stream{}
	sources, err := s.sources(ctx)
	if err != nil {
		return err
	}
	for _, source := range append(sources, known...) {
		if _, err := s.of(ctx, source); err != nil {
			return err
		}
	}
	return nil
}

// sources asks the store for which sources it has a stream.
func (s *streams) sources(ctx context.Context) ([]string, error) {
	var sources []string
	listed := s.js.StreamNames(ctx)
	for name := range listed.Name() {
		if source, ours := s.names.sourceOf(name); ours {
			sources = append(sources, source)
		}
	}
	if err := listed.Err(); err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	return sources, nil
}

// of returns the stream of a source and makes it if there is none.
func (s *streams) of(ctx context.Context, source string) (jetstream.Stream, error) {
	if stream, found := s.known(source); found {
		return stream, nil
	}
	s.making.Lock()
	defer s.making.Unlock()
	if stream, found := s.known(source); found {
		return stream, nil
	}
	var stream jetstream.Stream
	err := s.setup.do(ctx, func(ctx context.Context) (err error) {
		stream, err = s.js.CreateOrUpdateStream(ctx, s.config(source))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make stream of source %s: %w", source, err)
	}
	s.note(source, stream)
	return stream, nil
}

func (s *streams) known(source string) (jetstream.Stream, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream, found := s.bySource[source]
	return stream, found
}

func (s *streams) note(source string, stream jetstream.Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bySource[source] = stream
}

// remake makes the stream of a source again if the store has lost it. Its places begin behind all that the lost one can
// have had, as run records tell by the place whether they are about the message. The next start leaves FirstSeq away.
func (s *streams) remake(ctx context.Context, source string) (jetstream.Stream, error) {
	s.making.Lock()
	defer s.making.Unlock()
	stream, err := s.js.Stream(ctx, s.names.stream(streamPrefix+source))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		config := s.config(source)
		config.FirstSeq = uint64(s.now().UnixMilli())
		stream, err = s.js.CreateStream(ctx, config)
	}
	if err != nil {
		return nil, fmt.Errorf("make stream of source %s again: %w", source, err)
	}
	s.note(source, stream)
	return stream, nil
}

// find returns the stream of a source that was used before, by another replica too.
func (s *streams) find(ctx context.Context, source string) (jetstream.Stream, bool, error) {
	stream, found := s.known(source)
	if found || !s.shared {
		return stream, found, nil
	}
	stream, err := s.js.Stream(ctx, s.names.stream(streamPrefix+source))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find stream of source %s: %w", source, err)
	}
	s.note(source, stream)
	return stream, true, nil
}

// all returns the streams by source, those that other replicas made too.
func (s *streams) all(ctx context.Context) (map[string]jetstream.Stream, error) {
	if s.shared {
		sources, err := s.sources(ctx)
		if err != nil {
			return nil, err
		}
		for _, source := range sources {
			if _, _, err := s.find(ctx, source); err != nil {
				return nil, err
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.bySource), nil
}

// config keeps one message per subject and refuses a second: the subject ends in the event's id, so that this is
// deduplication for as long as events are kept. Bytes are bounded by space, for all sources together, and age by the
// sweeper, which knows what is still needed.
//
// In a cluster only the stream's leader is read from: what another replica was just told is stored must be found.
func (s *streams) config(source string) jetstream.StreamConfig {
	var subjects []string
	for _, kind := range []string{"ev", "redo", "probe"} {
		subjects = append(subjects, s.names.subject(kind, source, ">"))
	}
	return jetstream.StreamConfig{
		Name:                 s.names.stream(streamPrefix + source),
		Subjects:             subjects,
		Retention:            jetstream.LimitsPolicy,
		Discard:              jetstream.DiscardNew,
		MaxMsgsPerSubject:    1,
		DiscardNewPerSubject: true,
		Duplicates:           leastWindow,
		MaxMsgs:              -1,
		MaxBytes:             -1,
		Storage:              s.storage,
		Replicas:             s.replicas,
		AllowDirect:          !s.shared,
	}
}

// place is where an event belongs.
type place struct{ source, what, id string }

// placeOf checks everything of an event that becomes part of a subject.
func placeOf(event framework.Event) (place, error) {
	source, what, _ := strings.Cut(event.Type, ".")
	if !isName(source) || !isName(what) {
		return place{}, fmt.Errorf("event type %q is not of the form source.what in a-z, 0-9, - and _", event.Type)
	}
	ofID, ok := sourceOf(event.ID)
	if !ok || ofID != source {
		return place{}, fmt.Errorf("event id %q is not the source %s, - and a hash", event.ID, source)
	}
	return place{source, what, event.ID}, nil
}

func (p place) subject(names names) string { return names.subject("ev", p.source, p.what, p.id) }

// sourceOf returns the source in an event's id.
func sourceOf(id string) (string, bool) {
	at := strings.LastIndexByte(id, '-')
	if at < 0 || !isName(id[:at]) || !isHash(id[at+1:]) {
		return "", false
	}
	return id[:at], true
}

// last returns the message of a subject, or ErrMsgNotFound.
func last(ctx context.Context, stream jetstream.Stream, subject string) (*jetstream.RawStreamMsg, error) {
	message, err := stream.GetLastMsgForSubject(ctx, subject)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("read %s: %w", subject, err)
	}
	return message, err
}
