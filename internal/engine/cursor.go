package engine

import (
	"encoding/base64"
	"fmt"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// maxCursor bounds a cursor in bytes: there is a place in it for each source.
const maxCursor = 8 << 10

// cursor is where a list goes on. People take it for a word without meaning.
type cursor struct {
	List string            `json:"l"` // which list it is of
	At   map[string]uint64 `json:"a"` // places in streams, by source, or by a name that no source has
}

func (c cursor) String() string {
	data, err := json.Marshal(c, json.Deterministic(true))
	if err != nil {
		return "" // maps of texts and numbers have no errors
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// parseCursor reads a cursor that the list gave, or "".
func parseCursor(list, text string) (cursor, error) {
	found := cursor{List: list, At: map[string]uint64{}}
	if text == "" {
		return found, nil
	}
	found.At = nil
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(text) > maxCursor {
		return found, fmt.Errorf("%w: it is damaged", framework.ErrCursor)
	}
	if err := json.Unmarshal(data, &found, json.RejectUnknownMembers(true)); err != nil || found.List != list || found.At == nil {
		return found, fmt.Errorf("%w: it is damaged, or of another list", framework.ErrCursor)
	}
	return found, nil
}
