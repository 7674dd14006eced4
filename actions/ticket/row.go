package ticket

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"funnelweb/framework"
)

// maxLink bounds an address that people are led to, in bytes.
const maxLink = 2_000

// checkLinks reports the mistakes of the setting links.
func checkLinks(links map[string]string) []error {
	var mistakes []error
	for _, name := range slices.Sorted(maps.Keys(links)) {
		if name == "" || !isWebAddress(links[name]) {
			mistakes = append(mistakes, fmt.Errorf("links.%s: is the beginning of an absolute https or http address, such as https://splunk.example.com:8000/", name))
		}
	}
	if len(links) > maxLinks {
		mistakes = append(mistakes, errors.New("links: are too many"))
	}
	return mistakes
}

// maxLinks is how many values may become links.
const maxLinks = 50

// row shows a value of the alert: as text, and as what people read where it is a time or an address that they may be led to.
func (a *Action) row(name string, value any) []framework.Paragraph {
	text := cut(show(value))
	cell := framework.Text(text)
	if at, ok := moment(name, value); ok {
		cell = framework.Text(text + " (" + clockTime(at) + ")")
	}
	if address, ok := trusted(a.config.Links[name], show(value)); ok {
		cell = framework.Paragraph{{Text: "open at " + address.Host, Link: address.String()}}
	}
	return []framework.Paragraph{framework.Text(name), cell}
}

// trusted reports whether the text is an address that begins with the base. It came in as data: that its text begins so is not
// enough, since "https://splunk.example.com@evil.example" does too.
func trusted(base, text string) (*url.URL, bool) {
	if base == "" || len(text) > maxLink {
		return nil, false
	}
	begin, err := url.Parse(base)
	if err != nil { // the configuration was checked
		return nil, false
	}
	address, err := url.Parse(text)
	if err != nil || address.Scheme != begin.Scheme || !strings.EqualFold(address.Host, begin.Host) || address.User != nil || strings.Contains(address.Path, `\`) {
		return nil, false
	}
	below := strings.TrimSuffix(begin.Path, "/") + "/"
	return address, strings.HasPrefix(path.Clean("/"+address.Path)+"/", below)
}

// moment reads the times that senders give as numbers: Splunk's _time in seconds since 1970, others' in milliseconds.
func moment(name string, value any) (time.Time, bool) {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if !slices.Contains([]string{"_time", "_indextime", "created_at", "timestamp"}, last) {
		return time.Time{}, false
	}
	number, err := strconv.ParseFloat(show(value), 64)
	switch {
	case err != nil || math.IsNaN(number):
		return time.Time{}, false
	case number >= 1e8 && number < 1e10: // 1973 to 2286
		return time.Unix(int64(number), 0), true
	case number >= 1e11 && number < 1e13:
		return time.UnixMilli(int64(number)), true
	default:
		return time.Time{}, false
	}
}
