package evidence

import (
	"context"
	"crypto/sha256"
)

// Adopt enters the objects into the journal that neither a manifest nor the journal knows, as an archive has that was filled
// before it was sealed. Their time is that of the adoption. It returns how many they were.
func (a *Archive) Adopt(ctx context.Context, progress func(done int)) (adopted int, err error) {
	v := &verifier{store: a.Archive, report: &Report{}, known: map[string]*record{}}
	if err := v.chain(ctx); err != nil {
		return 0, err
	}
	if err := v.pending(ctx); err != nil {
		return 0, err
	}
	var keys []string
	flush := func() error {
		err := a.adopt(ctx, keys)
		if adopted, keys = adopted+len(keys), nil; err == nil && progress != nil {
			progress(adopted)
		}
		return err
	}
	for key, err := range a.List(ctx, "", "", "") {
		if err != nil {
			return adopted, wrap("list the archive", err)
		}
		if isOwn(key) || v.known[key] != nil {
			continue
		}
		if keys = append(keys, key); len(keys) == 16*readers {
			if err := flush(); err != nil {
				return adopted, err
			}
		}
	}
	return adopted, flush()
}

// adopt enters objects as they are now.
func (a *Archive) adopt(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	entries := make([]Entry, len(keys))
	err := each(ctx, len(keys), func(ctx context.Context, i int) error {
		body, err := a.Get(ctx, keys[i])
		entries[i] = Entry{Key: keys[i], SHA256: sha256.Sum256(body), Size: int64(len(body)), StoredAt: a.deps.Now()}
		return wrapIf("read "+keys[i], err)
	})
	if err != nil {
		return err
	}
	return a.write(ctx, entries)
}
