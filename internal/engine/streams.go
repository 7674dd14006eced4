package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

const streamPrefix = "EV_"

// Names end up in subjects, stream names and file names of the store.
var (
	namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	hashPattern = regexp.MustCompile(`^[a-z0-9]{1,64}$`)
)

// streams are those of the sources, made when a source is first used.
type streams struct {
	js  jetstream.JetStream
	now func() time.Time

	mu       sync.Mutex
	bySource map[string]jetstream.Stream
}

// open finds the streams of earlier runs.
func (s *streams) open(ctx context.Context, js jetstream.JetStream, now func() time.Time) error {
	s.js, s.now, s.bySource = js, now, map[string]jetstream.Stream{}
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		source, ours := strings.CutPrefix(name, streamPrefix)
		if !ours {
			continue
		}
		stream, err := js.UpdateStream(ctx, sourceConfig(source))
		if err != nil {
			return fmt.Errorf("open stream %s: %w", name, err)
		}
		s.bySource[source] = stream
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("list streams: %w", err)
	}
	return nil
}

// of returns the stream of a source and makes it if there is none.
func (s *streams) of(ctx context.Context, source string) (jetstream.Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stream, found := s.bySource[source]; found {
		return stream, nil
	}
	stream, err := s.js.CreateOrUpdateStream(ctx, sourceConfig(source))
	if err != nil {
		return nil, fmt.Errorf("make stream of source %s: %w", source, err)
	}
	s.bySource[source] = stream
	return stream, nil
}

// remake makes the stream of a source again if the store has lost it. Its places begin behind all that the lost one can
// have had, as run records tell by the place whether they are about the message. The next start leaves FirstSeq away.
func (s *streams) remake(ctx context.Context, source string) (jetstream.Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream, err := s.js.Stream(ctx, streamPrefix+source)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		config := sourceConfig(source)
		config.FirstSeq = uint64(s.now().UnixMilli())
		stream, err = s.js.CreateStream(ctx, config)
	}
	if err != nil {
		return nil, fmt.Errorf("make stream of source %s again: %w", source, err)
	}
	s.bySource[source] = stream
	return stream, nil
}

// find returns the stream of a source that was used before.
func (s *streams) find(source string) (jetstream.Stream, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream, found := s.bySource[source]
	return stream, found
}

// all returns the streams by source.
func (s *streams) all() map[string]jetstream.Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.bySource)
}

// sourceConfig keeps one message per subject and refuses a second: the subject ends in the event's id, so that this is
// deduplication for as long as events are kept. Bytes are bounded by space, for all sources together, and age by the
// sweeper, which knows what is still needed.
func sourceConfig(source string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:                 streamPrefix + source,
		Subjects:             []string{"ev." + source + ".>", "redo." + source + ".>", "probe." + source + ".>"},
		Retention:            jetstream.LimitsPolicy,
		Discard:              jetstream.DiscardNew,
		MaxMsgsPerSubject:    1,
		DiscardNewPerSubject: true,
		MaxMsgs:              -1,
		MaxBytes:             -1,
		Storage:              jetstream.FileStorage,
		Replicas:             1,
		AllowDirect:          true,
	}
}

// place is where an event belongs.
type place struct{ source, what, id string }

// placeOf checks everything of an event that becomes part of a subject.
func placeOf(event framework.Event) (place, error) {
	source, what, _ := strings.Cut(event.Type, ".")
	if !namePattern.MatchString(source) || !namePattern.MatchString(what) {
		return place{}, fmt.Errorf("event type %q is not of the form source.what in a-z, 0-9, - and _", event.Type)
	}
	ofID, ok := sourceOf(event.ID)
	if !ok || ofID != source {
		return place{}, fmt.Errorf("event id %q is not the source %s, - and a hash", event.ID, source)
	}
	return place{source, what, event.ID}, nil
}

func (p place) subject() string { return "ev." + p.source + "." + p.what + "." + p.id }

// sourceOf returns the source in an event's id.
func sourceOf(id string) (string, bool) {
	at := strings.LastIndexByte(id, '-')
	if at < 0 || !namePattern.MatchString(id[:at]) || !hashPattern.MatchString(id[at+1:]) {
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
