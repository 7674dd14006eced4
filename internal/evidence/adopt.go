package evidence

import (
	"context"
	"crypto/sha256"
	"slices"
)

// Adopt enters the objects into the journal that neither a manifest nor the journal knows, as an archive has that was filled
// before it was sealed. Their time is that of the adoption. It returns how many they were.
func (a *Archive) Adopt(ctx context.Context, progress func(done int)) (adopted int, err error) {
	v := newVerifier(a.Archive, Options{})
	if err := v.keys(ctx); err != nil {
		return 0, err
	}
	if err := v.account(ctx); err != nil {
		return 0, err
	}
	var keys []string
	for key, r := range v.known {
		if !r.entered {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for some := range slices.Chunk(keys, 16*readers) {
		if err := a.adopt(ctx, some); err != nil {
			return adopted, err
		}
		if adopted += len(some); progress != nil {
			progress(adopted)
		}
	}
	return adopted, nil
}

// adopt enters objects as they are now.
func (a *Archive) adopt(ctx context.Context, keys []string) error {
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
