package torture

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is what was counted of one kind.
type row struct {
	account

	kind   kind
	worlds int
	began  time.Time
	took   time.Duration
}

func (r *row) add(got account) {
	r.worlds++
	r.trials += got.trials
	r.accepted += got.accepted
	r.lost = append(r.lost, got.lost...)
	r.twice = append(r.twice, got.twice...)
	r.destroyed += got.destroyed
	r.recovered = append(r.recovered, got.recovered...)
	r.settled = append(r.settled, got.settled...)
	for what, count := range got.notes {
		if r.notes == nil {
			r.notes = map[string]int{}
		}
		r.notes[what] += count
	}
}

type report struct {
	seed  uint64
	began time.Time
	rows  []row
	lag   string // table
}

// spreadOf writes the median and the greatest.
func spreadOf(times []time.Duration) string {
	if len(times) == 0 {
		return "–"
	}
	sorted := slices.Sorted(slices.Values(times))
	return seconds(sorted[len(sorted)/2]) + ", " + seconds(sorted[len(sorted)-1])
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func (r report) table() string {
	var text strings.Builder
	text.WriteString("| what | trials | accepted | lost | duplicated | destroyed, told of | ready again: median, max | all done: median, max |\n|---|---|---|---|---|---|---|---|\n")
	total := row{}
	for _, row := range r.rows {
		if row.worlds == 0 {
			continue
		}
		total.add(row.account)
		_, _ = fmt.Fprintf(&text, "| %s | %d | %d | %d | %d | %d | %s | %s |\n", row.kind.what, row.trials, row.accepted, len(row.lost), len(row.twice),
			row.destroyed, spreadOf(row.recovered), spreadOf(row.settled))
	}
	_, _ = fmt.Fprintf(&text, "| all | %d | %d | %d | %d | %d | | |\n", total.trials, total.accepted, len(total.lost), len(total.twice), total.destroyed)
	return text.String()
}

const introduction = `# Torture

` + "`make torture`" + ` writes this page. The program runs as a process of its own, as an operator would run it, beside stand-ins for Jira,
Active Directory and VirusTotal that live on; senders post alerts and are told 2xx or not. Then the process, its disk, its files, its clock or
Jira is mistreated. In the end, on the same store, everything is counted from Jira's side: **lost** is an event that was answered with 2xx and is
not done or has no ticket, or a ticket of which Jira told the server and that was not enriched; **duplicated** is a second ticket of an event, answered
or not, or a second comment on a ticket. **Destroyed, told of** is an event whose only record was in what was damaged or taken away, so that nobody can do it,
and of which the server says at its start that it is gone; where it says nothing, that is lost. Of alerts that were not accepted, or whose answer did not arrive, senders repeat half.

**Ready again** is from the start of the process until ` + "`/ready`" + ` is 200. **All done** is from the last start of a world, or the last trial in it, until nothing is left to
do: what a worker had in hand when it was killed goes on at once, but a ticket or a comment whose making may have succeeded is looked
for after 15 s and ` + "`search_lag`" + `.

`

func (r report) markdown() string {
	var text strings.Builder
	text.WriteString(introduction)
	_, _ = fmt.Fprintf(&text, "%s, %s. Seed %d; the run took %s.\n\n", r.began.UTC().Format("2006-01-02"), machine(), r.seed, time.Since(r.began).Round(time.Second))
	text.WriteString(r.table())
	text.WriteString("\nSeen on the way:\n\n")
	for _, row := range r.rows {
		var notes []string
		for what, count := range row.notes {
			notes = append(notes, fmt.Sprintf("* %s: %s: %d\n", row.kind.name, what, count))
		}
		slices.Sort(notes)
		text.WriteString(strings.Join(notes, ""))
	}
	text.WriteString(lateSearches + r.lag + limits)
	return text.String()
}

const lateSearches = `
## When Jira's search is behind

Jira Cloud's search shows a new ticket late. Of which tickets the answer was lost, how many are there twice: of 5 in each cell, by how far the search is
behind, measured with a clock of the test's own. This is what the search alone would do:

`

const limits = `
It is looked for after 15 s and ` + "`search_lag`" + ` from when the call was begun: 0 wherever Jira takes no longer than that to make the ticket and to show it.
As no lag is sure, on Cloud a ticket that the search does not show is also looked for by its key, which does not ask the index: the keys
around and after the newest that is shown are read, a hundred at once. With that it was 0 of 5 in every cell, and for a search that is a day behind. What remains is a
ticket that the user of the token may not see, or behind 50 numbers in a row without one; a search that is behind by more than 1,950 tickets is waited for.
That reading by keys is not late is how Jira Cloud is known to work; Atlassian's documentation says only of the search that it is late.

## What this does not show

* A clone of a file system's image holds all that the block device was given before the cut: a disk that lies about flushes is not tried.
* When Jira's answer to the making of a ticket is lost, the ticket is looked for after 15 s and ` + "`search_lag`" + `. A Jira that carries the call out
  later than that gets a second ticket, and so does one whose search is further behind where reading by keys cannot help (above): no client can exclude
  that, as Jira has no idempotency keys.
* Of an event whose run records were destroyed nobody knows what became of it: its tickets and comments count here, its runs do not.
* Damage is done to one file, two that are swapped, or one folder at a time, while the server is down. Where it hits the ledger or the answers nothing is
  excused: what the ledger lost is found in Jira, among the events and in their runs, and what providers answered is asked for again.
* A machine that is frozen (suspended, or moved while it runs) in the milliseconds between its note that it calls Jira and the call, for longer than 15 s
  and ` + "`search_lag`" + `, makes the call when it goes on. Another replica may have done so by then.
* A clock that jumps ahead by more than 30 days makes finished events too old to be kept, and with them what a later enrichment reads from the alert.
`

var modelName = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)

// machine says where it was measured, as far as the system tells.
func machine() string {
	text := fmt.Sprintf("%s, %s/%s, %d CPUs", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := modelName.FindSubmatch(info); found != nil {
			text += " (" + string(found[1]) + ")"
		}
	}
	if kernel, err := exec.Command("uname", "-sr").Output(); err == nil {
		text += ", " + strings.TrimSpace(string(kernel))
	}
	return text
}
