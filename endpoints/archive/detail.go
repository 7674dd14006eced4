package archive

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"funnelweb/framework"
)

// The bounds of what lists read and hold, all together.
const (
	readers    = 8         // objects that a list reads side by side
	largest    = 16 << 20  // bytes of an object, of which a size is not known before it is read
	maxBodies  = 256 << 20 // bytes of objects that are being read, or wait to be sent
	copies     = 4         // of a body, on its way through the funnel
	partBytes  = 256 << 10 // after which a part is sent
	bodiesTime = 20 * time.Second
)

// send reads the details of alerts side by side and sends them in their order.
func (v viewer) send(ctx context.Context, alerts []item, out *output) error {
	for len(alerts) > 0 {
		n := min(readers, len(alerts))
		if err := v.sendSome(ctx, alerts[:n], out); err != nil {
			return err
		}
		alerts = alerts[n:]
	}
	return nil
}

func (v viewer) sendSome(ctx context.Context, alerts []item, out *output) error {
	release, err := v.hold(ctx, len(alerts))
	if err != nil {
		return err
	}
	bodies, err := v.details(ctx, alerts)
	defer func() { release() }()
	if err != nil {
		return unreadable(err)
	}
	release = v.letGo(len(alerts), bodies)
	part, size := &Alerts{Success: true}, 0
	for i, body := range bodies {
		if body == nil {
			if err := out.miss(alerts[i].id); err != nil {
				return err
			}
			continue
		}
		part.Alerts = append(part.Alerts, body)
		if size += len(body); size < partBytes {
			continue
		}
		if err := out.to.Send(ctx, part); err != nil {
			return err
		}
		part, size = &Alerts{Success: true}, 0
	}
	if size == 0 {
		return nil
	}
	return out.to.Send(ctx, part)
}

// hold waits until there is room for n objects of any size.
func (v viewer) hold(ctx context.Context, n int) (release func(), err error) {
	size := int64(n) * largest
	waiting, cancel := context.WithTimeout(ctx, bodiesTime)
	defer cancel()
	if err := v.bodies.Acquire(waiting, size); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, busy("Other lists hold the memory that is for all.")
	}
	return func() { v.bodies.Release(size) }, nil
}

// letGo gives back the room of n objects that their bodies do not need, and returns what gives back the rest.
func (v viewer) letGo(n int, bodies []framework.JSON) (release func()) {
	size := int64(0)
	for _, body := range bodies {
		size += copies * int64(len(body))
	}
	held := int64(n) * largest
	size = min(size, held)
	v.bodies.Release(held - size)
	return func() { v.bodies.Release(size) }
}

// details reads the details of alerts side by side; nil is one that is not there, or cannot be shown: it must not hide the others.
func (v viewer) details(ctx context.Context, alerts []item) ([]framework.JSON, error) {
	bodies := make([]framework.JSON, len(alerts))
	err := framework.Each(ctx, len(alerts), readers, func(ctx context.Context, i int) (err error) {
		bodies[i], err = v.detail(ctx, alerts[i].id)
		if errors.Is(err, framework.ErrNoObject) || errors.Is(err, errNoAlert) {
			return nil
		}
		return err
	})
	return bodies, err
}

// isGone reports whether an object that was listed is not there any more, or is something that can never be read: too large, or
// damaged. One of them must not hide the others.
func isGone(err error) bool {
	return errors.Is(err, framework.ErrNoObject) || framework.IsPermanent(err)
}

var errNoAlert = errors.New("what the archive holds of the alert cannot be shown")

// detail reads an alert's detail. Its errors are those of the archive that may pass, framework.ErrNoObject, and errNoAlert.
func (v viewer) detail(ctx context.Context, id string) (framework.JSON, error) {
	body, err := v.archive.Get(ctx, detailKey(id))
	switch {
	case framework.IsPermanent(err):
		v.log.ErrorContext(ctx, "archived alert cannot be read", "alert", id, "err", err)
		return nil, errNoAlert
	case err != nil:
		return nil, err
	case !jsontext.Value(body).IsValid():
		v.log.ErrorContext(ctx, "archived alert is not JSON", "alert", id)
		return nil, errNoAlert
	}
	return body, nil
}
