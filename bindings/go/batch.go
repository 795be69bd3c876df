package trommel

// #include "submit.h"
import "C"

import (
	"fmt"
	"math"
	"time"
	"unsafe"
)

// Batch gathers items so that one call hands in all of them. It is reused: Reset keeps its memory.
// One goroutine at a time.
type Batch struct {
	items   []C.trm_go_item
	bytes   []byte
	tickets []uint64
}

// Add copies data and notes it as an item for the rules loaded under set. The correlation comes back
// with the answer.
func (b *Batch) Add(set, correlation uint32, data []byte) error {
	if len(data) > math.MaxUint32 {
		return fmt.Errorf("trommel: an item of %d bytes: %w", len(data), OutOfRange)
	}
	b.items = append(b.items, C.trm_go_item{C.uint32_t(len(data)), C.uint32_t(set), C.uint32_t(correlation)})
	b.bytes = append(b.bytes, data...)
	return nil
}

// Len is how many items wait in the batch.
func (b *Batch) Len() int { return len(b.items) }

// Reset empties the batch.
func (b *Batch) Reset() {
	b.items, b.bytes = b.items[:0], b.bytes[:0]
}

// Submit hands in the batch from its front and takes away what was accepted. The tickets are those of
// the accepted items, until the next Submit of this batch. QueueFull and ArenaFull are no errors but
// leave items in the batch: collect, then submit again. Any other status is an error of the first item
// that is left.
func (e *Engine) Submit(b *Batch) (tickets []uint64, err error) {
	if len(b.items) == 0 {
		return nil, nil
	}
	if cap(b.tickets) < len(b.items) {
		b.tickets = make([]uint64, len(b.items))
	}
	tickets = b.tickets[:len(b.items)]
	// An item of no bytes at the end still needs an address.
	if cap(b.bytes) == 0 {
		b.bytes = make([]byte, 0, 64)
	}
	var accepted C.size_t
	status := C.trm_go_submit(e.handle, (*C.uchar)(unsafe.Pointer(&b.bytes[:1][0])), &b.items[0], C.size_t(len(b.items)),
		(*C.trm_ticket)(unsafe.Pointer(&tickets[0])), &accepted)
	n, taken := int(accepted), 0
	for _, item := range b.items[:n] {
		taken += int(item.len)
	}
	b.items = b.items[:copy(b.items, b.items[n:])]
	b.bytes = b.bytes[:copy(b.bytes, b.bytes[taken:])]
	if status != C.TRM_OK && status != C.TRM_QUEUE_FULL && status != C.TRM_ARENA_FULL {
		err = Status(status)
	}
	return tickets[:n], err
}

// Completion is what became of one item.
type Completion struct {
	Ticket      uint64
	Correlation uint32
	Set         uint32
	Status      Status
	firstMatch  uint32
	// MatchCount is the true number; more than are delivered where Status is Truncated.
	MatchCount uint64
}

// Results is what one Collect took. It is reused and keeps its memory.
type Results struct {
	// Items are the finished items, in any order.
	Items []Completion
	// Matches of all of them, an item's one after another; Match.Item is an index into Items.
	Matches []Match
	items   []Completion
	matches []Match
}

// Of gives the matches of Items[i].
func (r *Results) Of(i int) []Match {
	first := int(r.Items[i].firstMatch)
	last := first
	for last < len(r.Matches) && int(r.Matches[last].Item) == i {
		last++
	}
	return r.Matches[first:last]
}

// collectAtOnce is how many items one Collect takes at most.
const collectAtOnce = 1024

// Collect takes what is finished, at most 1024 items, and waits for the first: 0 only looks, Forever
// waits. Nothing finished in that time is Results without items and no error. Closed: nothing more will come.
func (e *Engine) Collect(r *Results, timeout time.Duration) error {
	if r.items == nil {
		r.items = make([]Completion, collectAtOnce)
		r.matches = make([]Match, 4*collectAtOnce)
	}
	for {
		r.Items, r.Matches = nil, nil
		var count, found C.size_t
		status := C.trm_collect(e.handle, nanoseconds(timeout),
			(*C.trm_completion)(unsafe.Pointer(&r.items[0])), C.size_t(len(r.items)), &count,
			(*C.trm_match)(unsafe.Pointer(&r.matches[0])), C.size_t(len(r.matches)), &found)
		switch {
		case status == C.TRM_OK:
			r.Items, r.Matches = r.items[:count], r.matches[:found]
			return nil
		case status == C.TRM_ERR_BUFFER && int(found) > len(r.matches):
			r.matches = make([]Match, found) // nothing was taken
		case status == C.TRM_EMPTY || status == C.TRM_TIMEOUT:
			return nil
		default:
			return Status(status)
		}
	}
}
