package jira

import (
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"

	"funnelweb/framework"
)

const (
	// UTF-16 units of a description or comment: over 32,767 characters Jira refuses it
	// ("The entered text is too long"), and on Cloud burns an issue number all the same (JRACLOUD-78553).
	maxText = 32_767
	// A limit below this is not believed: it would be of something else.
	leastText = 1_000
)

// textLimit is how long a text may be. Administrators of Data Center can lower it (jira.text.field.character.limit), which
// nothing tells before a text is refused.
type textLimit struct{ learnt atomic.Int64 }

func (l *textLimit) get() int {
	if learnt := l.learnt.Load(); learnt > 0 {
		return int(learnt)
	}
	return maxText
}

// refusedText is how a text that is too long is refused, with the number as the language of the user writes it.
var refusedText = regexp.MustCompile(`(?:^|; )(?:comment|description): [^;]*allowed limit of ([0-9][0-9.,' \x{a0}\x{2019}\x{202f}]*)`)

// learn reads the limit out of what Jira says, and reports whether it is lower than was known: shorter texts are sent from then on.
func (l *textLimit) learn(told string) bool {
	match := refusedText.FindStringSubmatch(told)
	if match == nil {
		return false
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, match[1])
	limit, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || limit < leastText || limit >= int64(l.get()) {
		return false
	}
	l.learnt.Store(limit)
	return true
}

// markup renders a document in as many characters as this Jira takes.
func (c *Client) markup(document framework.Document) string {
	text, _ := render(document, c.longestText.get())
	return text
}

// Fits reports whether Jira takes the document whole.
func (c *Client) Fits(document framework.Document) bool {
	_, whole := render(document, c.longestText.get())
	return whole
}
