package ratelimit

import (
	"container/heap"
	"sync"
	"time"
)

// key is the hash of a caller.
type key [16]byte

// entry is a caller's state in the generic cell rate algorithm (ITU-T I.371): one time.
type entry struct {
	key  key
	free int64 // when all of the burst is allowed again, in nanoseconds since the table began
	at   int   // in the queue
}

// table holds callers until they are as good as new, which those that will be so first leave first. What it holds is
// bounded; when it is full, callers that it does not know share one state, so that a flood from ever new addresses
// neither grows it, nor takes anything from callers it knows, nor gets more than one caller's allowance.
type table struct {
	interval, spare int64 // nanoseconds: for one call, and for all of the burst but one call
	capacity        int

	mu     sync.Mutex
	began  time.Time // with the first call; the difference to it does not jump when somebody sets the machine's clock
	known  map[key]*entry
	queue  queue
	others entry
}

func newTable(interval time.Duration, burst, capacity int) *table {
	return &table{
		interval: int64(interval), spare: int64(interval) * int64(burst-1), capacity: capacity,
		known: map[key]*entry{},
	}
}

// sweep is how many callers leave at most for one that comes: more than one, so that the table shrinks after a flood.
const sweep = 4

// take counts a call and returns 0, or does not count it and returns how long to wait.
func (t *table) take(caller key, at time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.began.IsZero() {
		t.began = at
	}
	now := int64(at.Sub(t.began))
	for range sweep {
		if len(t.queue) > 0 && t.queue[0].free <= now {
			delete(t.known, t.queue[0].key)
			heap.Pop(&t.queue)
		}
	}
	found, known := t.known[caller]
	switch {
	case known:
	case len(t.queue) < t.capacity:
		found = &entry{key: caller, free: now}
		t.known[caller] = found
		heap.Push(&t.queue, found)
	default:
		found = &t.others
	}
	free := max(found.free, now)
	if wait := free - now - t.spare; wait > 0 {
		return time.Duration(wait)
	}
	found.free = free + t.interval
	if found != &t.others {
		heap.Fix(&t.queue, found.at)
	}
	return 0
}

// queue is a heap.Interface: callers by when they are as good as new.
type queue []*entry

// Len is that of heap.Interface.
func (q queue) Len() int { return len(q) }

// Less is that of heap.Interface.
func (q queue) Less(i, j int) bool { return q[i].free < q[j].free }

// Swap is that of heap.Interface.
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

// Push is that of heap.Interface.
func (q *queue) Push(added any) {
	e := added.(*entry) //nolint:forcetypeassert // take alone pushes
	e.at = len(*q)
	*q = append(*q, e)
}

// Pop is that of heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
