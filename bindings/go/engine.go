package trommel

// #include <stdlib.h>
// #include "submit.h"
import "C"

import (
	"math"
	"time"
	"unsafe"
)

// Who drains an engine's ring.
const (
	AnyProcessor uint32 = C.TRM_PROCESSOR_ANY
	GPU          uint32 = C.TRM_PROCESSOR_GPU
	CPU          uint32 = C.TRM_PROCESSOR_CPU
)

// Whether a resident kernel is used.
const (
	AutoMode    uint32 = C.TRM_MODE_AUTO
	ForceMode   uint32 = C.TRM_MODE_FORCE
	DisableMode uint32 = C.TRM_MODE_DISABLE
)

// Which finished items are handed out.
const (
	DeliverAll  uint32 = C.TRM_DELIVER_ALL
	DeliverHits uint32 = C.TRM_DELIVER_HITS
	DeliverNone uint32 = C.TRM_DELIVER_NONE
)

// Options of an engine; the zero value has the defaults.
type Options struct {
	RingSize          uint32
	Mode              uint32
	Processor         uint32
	Delivery          uint32
	ArenaBytes        uint64
	Adapter           string
	CPUThreads        uint32
	MaxRuleSets       uint32
	MaxMatchesPerItem uint64
}

// Engine takes scan jobs and gives their matches. Any number of goroutines may use one; those that
// want only their own answers each Attach a handle.
type Engine struct {
	handle *C.trm_engine
}

// NewEngine makes an engine and starts its drain.
func NewEngine(options Options) (*Engine, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	var opt C.trm_options
	if err := check(C.trm_options_init(&opt, C.sizeof_trm_options), nil); err != nil {
		return nil, err
	}
	opt.mode = C.trm_mode(options.Mode)
	opt.processor = C.trm_processor(options.Processor)
	opt.delivery = C.trm_delivery(options.Delivery)
	opt.cpu_threads = C.uint32_t(options.CPUThreads)
	if options.RingSize != 0 {
		opt.ring_size = C.uint32_t(options.RingSize)
	}
	if options.ArenaBytes != 0 {
		opt.arena_bytes = C.uint64_t(options.ArenaBytes)
	}
	if options.MaxRuleSets != 0 {
		opt.max_rule_sets = C.uint32_t(options.MaxRuleSets)
	}
	if options.MaxMatchesPerItem != 0 {
		opt.max_matches_per_item = C.uint64_t(options.MaxMatchesPerItem)
	}
	if options.Adapter != "" {
		opt.adapter = C.CString(options.Adapter)
		defer C.free(unsafe.Pointer(opt.adapter))
	}
	detail := newDetail()
	var handle *C.trm_engine
	if err := check(C.trm_engine_create(&opt, &handle, &detail), &detail); err != nil {
		return nil, err
	}
	return &Engine{handle}, nil
}

// Attach makes another handle on the same engine, with answers of its own.
func (e *Engine) Attach() (*Engine, error) {
	detail := newDetail()
	var handle *C.trm_engine
	if err := check(C.trm_engine_attach(e.handle, &handle, &detail), &detail); err != nil {
		return nil, err
	}
	return &Engine{handle}, nil
}

// Load puts rules under a number that items name, also over older ones and while the engine runs.
func (e *Engine) Load(set uint32, rules *Rules) error {
	detail := newDetail()
	return check(C.trm_engine_load_rules(e.handle, C.uint32_t(set), rules.handle, &detail), &detail)
}

// Unload takes rules away; items in flight keep them.
func (e *Engine) Unload(set uint32) error {
	return check(C.trm_engine_unload_rules(e.handle, C.uint32_t(set)), nil)
}

// Scan gives all matches in data at once, of any length, on the calling thread.
func (e *Engine) Scan(set uint32, data []byte) ([]Match, error) {
	detail := newDetail()
	return growing(func(matches *C.trm_match, capacity C.size_t, count *C.size_t) error {
		status := C.trm_scan(e.handle, C.uint32_t(set), start(data), C.size_t(len(data)), matches, capacity, count, &detail)
		return check(status, &detail)
	})
}

// CloseFor takes no new work and waits for what was accepted, at most so long. Answers can still be
// collected. Timeout: some items are not done yet.
func (e *Engine) CloseFor(timeout time.Duration) error {
	return check(C.trm_engine_close(e.handle, nanoseconds(timeout)), nil)
}

// Close ends the handle. Answers that were not collected are dropped.
func (e *Engine) Close() {
	C.trm_engine_destroy(e.handle)
	e.handle = nil
}

// InFlight is how many items are accepted and not yet collected.
func (e *Engine) InFlight() uint64 {
	return uint64(C.trm_engine_in_flight(e.handle))
}

// Forever makes Collect wait as long as it takes.
const Forever time.Duration = math.MinInt64

func nanoseconds(timeout time.Duration) C.int64_t {
	return C.int64_t(timeout)
}
