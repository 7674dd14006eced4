package evidence

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"

	"funnelweb/framework"
)

// Adopted is what Adopt did.
type Adopted struct {
	Objects int       `json:"objects"` // that were taken in
	Refused []Finding `json:"refused"` // objects that cannot be, as they are too large, say
}

// Adopt enters the objects into the journal that neither a manifest nor the journal knows, as an archive has that was filled
// before it was sealed. Their time is that of the adoption. What was done before an error is told beside it.
func (a *Archive) Adopt(ctx context.Context, progress func(done int)) (*Adopted, error) {
	adopted := &Adopted{Refused: []Finding{}}
	v := newVerifier(a.Archive, Options{})
	if err := v.keys(ctx); err != nil {
		return adopted, err
	}
	if err := v.account(ctx); err != nil {
		return adopted, err
	}
	var keys []string
	for key, r := range v.known {
		if !r.entered {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for some := range slices.Chunk(keys, 16*readers) {
		if err := a.adopt(ctx, some, adopted); err != nil {
			return adopted, err
		}
		if progress != nil {
			progress(adopted.Objects)
		}
	}
	return adopted, nil
}

// adopt enters objects as they are now.
func (a *Archive) adopt(ctx context.Context, keys []string, adopted *Adopted) error {
	entries, errs := make([]Entry, len(keys)), make([]error, len(keys))
	err := framework.Each(ctx, len(keys), readers, func(ctx context.Context, i int) error {
		body, err := a.Get(ctx, keys[i])
		entries[i] = Entry{Key: keys[i], SHA256: sha256.Sum256(body), Size: int64(len(body)), StoredAt: a.deps.Now()}
		if errors.Is(err, framework.ErrNoObject) || framework.IsPermanent(err) {
			errs[i], err = err, nil
		}
		return wrapIf("read "+keys[i], err)
	})
	if err != nil {
		return err
	}
	read := entries[:0]
	for i, err := range errs {
		switch {
		case err == nil:
			read = append(read, entries[i])
		case framework.IsPermanent(err):
			adopted.Refused = append(adopted.Refused, Finding{Added, keys[i], "it cannot be taken in: " + framework.Reason(err)})
		}
	}
	if len(read) == 0 {
		return nil
	}
	if err := a.write(ctx, read); err != nil {
		return err
	}
	adopted.Objects += len(read)
	return nil
}
