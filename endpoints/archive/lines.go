package archive

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"funnelweb/framework"
)

// The forms of a list.
const (
	formatLines = "ndjson"
	linesType   = "application/x-ndjson"
)

// Present writes one alert a line where that was asked for. What does not fit into lines is told in headers: Link has the
// next page, and X-Missing counts the alerts whose detail is not in the archive.
func (a *Alerts) Present(answer *framework.Response) error {
	if !a.lines {
		return nil
	}
	var list struct {
		Alerts  []jsontext.Value `json:"alerts"`
		Missing []string         `json:"missing"`
	}
	if err := json.Unmarshal(answer.Body, &list); err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	var lines bytes.Buffer
	for _, alert := range list.Alerts {
		if err := alert.Compact(); err != nil {
			return fmt.Errorf("write an alert in a line: %w", err)
		}
		lines.Write(alert)
		lines.WriteByte('\n')
	}
	answer.Body = lines.Bytes()
	answer.Header.Set("Content-Type", linesType)
	answer.Header.Set("X-Missing", strconv.Itoa(len(list.Missing)))
	if a.link != "" {
		answer.Header.Set("Link", a.link)
	}
	return nil
}

var _ framework.Presenter = (*Alerts)(nil)
