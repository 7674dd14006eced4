// Package engine stores events and drives automations with them. It is the only importer of NATS: a JetStream server
// runs inside the process, without a listener, on one directory; or events are in an external cluster that any number of
// replicas share; or, inline, in memory, and Publish returns when their automations are done.
//
// # The life of an event
//
// Publish appends an event to the stream of its source, under the subject ev.<source>.<what>.<id>. A stream takes one
// message per subject and refuses a second, so that an event that is delivered again is recognised for as long as the
// first is kept. Publish returns when the event is safe against power loss: every caller waits for a barrier, one
// syncfs for all that arrived while the last one ran.
//
// Run makes one durable consumer, here called a queue, for each job of each automation. Its workers take an event, ask
// the automation's condition, count the attempt in the run record, and do the job under a time limit while heartbeats
// hold the event. What became of it decides the rest:
//
//   - success: the run is done and the event acknowledged;
//   - a framework.Wait: the event comes back at its time, and no attempt is counted;
//   - a transient error: it comes back after a delay that doubles, with jitter, never before what the service asked for;
//   - a permanent error, or a day of failing, in which time that nobody could work on it does not count: the event becomes
//     a dead letter, and only then leaves the queue.
//
// Replay publishes a dead letter's event under redo.<source>.<queue>.<id>.<letter>, a subject that only that queue
// reads, and then removes the letter. The subject names the letter's place in its stream, so that a replay that was cut
// short and is repeated publishes once.
//
// An event stays for 30 days, which is also for how long a second delivery is recognised, and longer while a queue still
// needs it: a job may wait for a quota, or for its turn, for as long as it takes. A sweep removes what is older and
// finished every hour.
//
// What a process had in hand when it was killed goes on at once when the next one starts on the directory, and after 15 s at
// another replica of a cluster. What waits for its time keeps that and its count of tries, and an event whose attempts end
// the process twice is tried ever less often, so that the others get their turn.
//
// # Changing the configuration
//
// A queue with unfinished events whose automation the configuration has no more is left: its state, in the bucket queues,
// notes the last place in the stream that is its own. What waits is kept until the automation comes back, or an operator
// drops it or hands it over; what comes later is not for it, and if it comes back that is a gap in what it is given. A
// replica that finds another one working on the queue leaves it alone, and looks again every hour.
//
// HandOver publishes each waiting event under redo.<source>.<queue>.<id>.h<place>, as a replay does, and closes its run in
// the old queue. An event that the new queue has a run of, or is given by itself, is not given. How far it is stands in the
// state, so that it can be cut short and repeated, by any replica.
//
// An automation that is put on another type of event is a new one: with events waiting for it the start is refused.
//
// # What operators do
//
// Every act is written to the stream AUDIT before it is done, safe against power loss, and once more when it is done. The
// store refuses to remove what is there. Lists are read in pages with cursors, which name places in streams: a call reads
// a bounded number of messages, and acts for a bounded time, whatever there is.
//
// Jobs run at least once. What must not happen twice goes through the Ledger.
//
// # Services that are down
//
// A service that refuses connections, asks to stay away (Retry-After), or fails five different jobs in a row, counts as
// down: its circuit opens, for all replicas. Which queues need it is learned from the failures themselves, and forgotten
// when it works again. Their jobs are put off without an attempt and say why in their run records; one at a time, after
// 1 s and then ever longer up to a minute, is let through as the probe, those first that were not tried yet, since an
// event that the service cannot digest must not keep it closed to the others. The wait counts towards giving up, and the
// last try at the end is made in any case. When a job succeeds the rest flow again, 4 in the first second, then twice as
// many in each, and after 5 s as ever. A queue whose service is down takes at most 50 events a second, so that a backlog
// stays where it is.
//
// # Questions to providers
//
// Answers keeps what providers said. A question is claimed by compare-and-set while it is asked, so that of all replicas
// one asks; the claim of one that died is void after a minute. Within a process those who ask the same wait for the one
// call. What a provider said stands with the time at which it was asked, whoever is told later.
//
// Quota takes from all limits of a name at once and makes that safe against power loss before the call. Replicas' clocks
// may differ by a minute; one that is further back was set back, and what is remembered moves back with it. A clock that
// runs ahead over midnight gives a day's calls early; the provider then refuses one call, and Exhausted stops the rest.
//
// # Several replicas on one cluster
//
// A cluster acknowledges what a majority of its servers has, so that there is no barrier. While it elects a leader nothing
// is answered: calls are repeated for 12 s, each with what makes a second one harmless. Why replicas do not get in each
// other's way:
//
//   - events: a stream takes one message per subject, whoever sends it and however often. A try that came about although
//     its answer was lost is told from a duplicate by its bytes, which hold the request's id.
//   - buckets (ledger, runs, quotas): every write names the revision that it was made from, and is refused at any other. It
//     bears a mark of its own, by which a writer that was not answered recognises it.
//   - reads go to a stream's leader, never to a follower that may be behind. A leader that was deposed and does not know it
//     yet may still answer with the past: whoever acts on that is refused by the revision.
//   - runs: a job may be at two replicas when one was silent for longer than AckWait. Both count their attempt in one record,
//     and one of them is refused; what they do meanwhile is guarded by the ledger.
//   - effects: whether another's attempt may still come about is told by how long the ledger has had its intent, from when
//     this replica met it, by its own monotonic clock. That revisions rise in the order of the writes is what lets a thousand
//     notes tell the age of every entry. The times of day of replicas need not agree.
//   - dead letters: who replays or drops one first writes a claim into it, by its revision. A claim is respected for three
//     times as long as a call may take, and then taken over: the redo subject names the place that the letter had first, so
//     that what the other did already is found.
//   - quotas: one record per name, changed by its revision. Clocks must be right to some seconds; a day begins with the
//     first clock, and what a provider then refuses waits.
//   - sweeps and making room: several may run at once. What they remove no queue needs, by acknowledgement floors that only
//     rise; a queue that does not answer is an error and not a queue without needs.
//   - probes: each writes its own message; no subject is taken twice.
//   - configuration: replicas have the same. While a new one is rolled out they differ for minutes, which no event is too
//     old for: a queue that only some know is either new, and has no old events, or about to go. If one removes a finished
//     queue that another still has, that makes it anew from where it began, and the run records tell what is done.
//
// # When it is not ready
//
// Ready tells senders to stay away: when there is no room; when a sync failed, for ever, as later ones would succeed
// without the lost pages; and when a write failed, to a probe every 10 s or of an event, until a later one to the same
// stream succeeds. After a failed write the store inside the process is started anew as soon as there is room on the
// disk, since its files take no more writes before that.
//
// # Damaged files
//
// The server cuts a file off at the first damaged record that it meets, with all that is whole behind it. So each start of an
// embedded store, also the one at work after the server met damage, first checks records by their checksums and leaves
// the damaged ones out; the files as they were are kept in the folder damaged. Files that were found whole are noted, and not
// read again while they are as noted (whole.go says what that is worth). One that is not in its place is put back, by the
// key of its checksums, and what is gone is told of by the note. A queue's state has no checksum of the
// server's: one is written when the store is closed. Descriptions have copies. What only remembers calls (answers, quota,
// breakers) is made anew where it is beyond repair; a question is asked without it meanwhile.
//
// A ledger that lost records says so for 400 days, as long as they would have been kept (framework.Forgetful): effects that
// it does not know are looked for before they are brought about.
//
// # What is kept where
//
//	stream EV_<source>   events and replays, 30 days or until finished, finished ones less when space runs out
//	stream DLQ           dead letters with their events, until they are replayed or dropped
//	bucket ledger        side effects, 400 days since the last write of each
//	stream AUDIT         what operators did, 400 days or 64 MiB, or a 64th of the store where that is less
//	bucket queues        which queues were left, and which events are not theirs
//	bucket runs          what became of each event in each job, 90 days since it last changed
//	bucket quota         what was taken from each provider's limits
//	bucket breakers      which services are down, 30 days since it last changed
//	bucket answers       what providers answered, until it is stale: at most 20,000 answers and 64 MiB, or 1/32 of the
//	                     store where that is less; beyond that the oldest give way
//	stream PROBE         the last attempt to write
//
// All of it shares Options.MaxStore. Seven eighths of that are for events, minus what the rest holds already; the last
// eighth is for the rest alone. The ledger is the part that grows with time and not with the load: a ticket's entries
// are about half a KiB, and the state of a living comment is as long as the comment, so that a thousand tickets a day
// with comments of 2 KiB come to 1 GiB in the end. What expires from the ledger may happen a second time: a dead letter
// that is replayed after more than 400 days, and a comment that is then written anew.
package engine
