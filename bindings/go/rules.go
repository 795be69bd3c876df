// Package trommel scans many small pieces of bytes for many patterns at once, through libtrommel.
//
// Built plainly it links the library that pkg-config knows. Built with the tag trommel_dlopen it
// needs no library to build: Load opens one at run time.
package trommel

// #include <stdlib.h>
// #include <string.h>
// #include <trommel.h>
import "C"

import (
	"runtime"
	"unsafe"
)

// Flags of a Pattern.
const (
	Literal   uint32 = C.TRM_PATTERN_LITERAL
	Caseless  uint32 = C.TRM_PATTERN_CASELESS
	DotAll    uint32 = C.TRM_PATTERN_DOTALL
	MultiLine uint32 = C.TRM_PATTERN_MULTILINE
	Unicode   uint32 = C.TRM_PATTERN_UNICODE
	Single    uint32 = C.TRM_PATTERN_SINGLE
	Start     uint32 = C.TRM_PATTERN_START
)

// Semantics of a set of rules.
const (
	Leftmost uint32 = C.TRM_SEMANTICS_LEFTMOST
	AllEnds  uint32 = C.TRM_SEMANTICS_ALL_ENDS
)

// Pattern is a literal or a regular expression in the syntax of Rust's regex crate.
type Pattern struct {
	Bytes []byte
	ID    uint32
	Flags uint32
}

// CompileOptions are limits and choices; the zero value has the defaults.
type CompileOptions struct {
	Semantics         uint32
	Threads           uint32
	MaxMemory         uint64
	MaxPatternBytes   uint64
	MaxAutomatonBytes uint64
}

// Match is where a rule matched, in bytes from the item's first one.
type Match struct {
	Start, End uint64
	RuleID     uint32
	// Item is the index into Results.Items; 0 for Scan.
	Item uint32
}

// Rules are compiled patterns: immutable, for any number of goroutines and engines.
type Rules struct {
	handle *C.trm_rules
}

// maxErrors is how many problems of one set are told.
const maxErrors = 64

func checkABI() error {
	if C.trm_abi_version() != C.TRM_ABI_VERSION {
		return &Error{Status: Unsupported, Pattern: -1, Message: "libtrommel is not loaded, or of another ABI version than this package"}
	}
	return nil
}

// Compile makes rules. What is wrong with the patterns comes as a CompileError. options may be nil.
func Compile(patterns []Pattern, options *CompileOptions) (*Rules, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	// C must not see Go pointers to Go pointers: the bytes go into one block of C memory.
	total := 0
	for i := range patterns {
		total += len(patterns[i].Bytes)
	}
	block := C.malloc(C.size_t(total + 1))
	list := (*C.trm_pattern)(C.calloc(C.size_t(len(patterns)+1), C.sizeof_trm_pattern))
	errors := (*C.trm_error)(C.calloc(maxErrors, C.sizeof_trm_error))
	defer C.free(block)
	defer C.free(unsafe.Pointer(list))
	defer C.free(unsafe.Pointer(errors))
	bytes := unsafe.Slice((*byte)(block), total+1)
	entries := unsafe.Slice(list, len(patterns)+1)
	at := 0
	for i := range patterns {
		p := &patterns[i]
		entries[i].bytes = unsafe.Pointer(&bytes[at])
		entries[i].len = C.size_t(copy(bytes[at:], p.Bytes))
		entries[i].id = C.uint32_t(p.ID)
		entries[i].flags = C.uint32_t(p.Flags)
		at += len(p.Bytes)
	}
	var opt C.trm_compile_options
	opt.struct_size = C.sizeof_trm_compile_options
	if options != nil {
		opt.semantics = C.uint32_t(options.Semantics)
		opt.threads = C.uint32_t(options.Threads)
		opt.max_memory = C.uint64_t(options.MaxMemory)
		opt.max_pattern_bytes = C.uint64_t(options.MaxPatternBytes)
		opt.max_automaton_bytes = C.uint64_t(options.MaxAutomatonBytes)
	}
	told := unsafe.Slice(errors, maxErrors)
	told[0].struct_size = C.sizeof_trm_error
	var count C.size_t
	var handle *C.trm_rules
	status := C.trm_rules_compile(list, C.sizeof_trm_pattern, C.size_t(len(patterns)), &opt, &handle, errors, maxErrors, &count)
	if status == C.TRM_OK {
		return &Rules{handle}, nil
	}
	if count == 0 {
		return nil, check(status, &told[0])
	}
	if count > maxErrors {
		count = maxErrors
	}
	all := make(CompileError, count)
	for i := range all {
		all[i] = fromDetail(told[i].code, &told[i])
	}
	return nil, all
}

// Deserialize loads rules that Serialize wrote. Damaged or foreign bytes are refused.
func Deserialize(saved []byte) (*Rules, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	detail := newDetail()
	var handle *C.trm_rules
	status := C.trm_rules_deserialize(start(saved), C.size_t(len(saved)), &handle, &detail)
	if err := check(status, &detail); err != nil {
		return nil, err
	}
	return &Rules{handle}, nil
}

// Serialize gives the rules as bytes that Deserialize loads without compiling.
func (r *Rules) Serialize() ([]byte, error) {
	var needed C.size_t
	status := C.trm_rules_serialize(r.handle, nil, 0, &needed)
	if status != C.TRM_ERR_BUFFER {
		return nil, check(status, nil)
	}
	out := make([]byte, needed)
	status = C.trm_rules_serialize(r.handle, unsafe.Pointer(&out[0]), needed, &needed)
	return out[:needed], check(status, nil)
}

// Scan gives all matches in data, sorted by (end, start, rule). An Engine is faster for many texts.
func (r *Rules) Scan(data []byte) ([]Match, error) {
	detail := newDetail()
	return growing(func(matches *C.trm_match, capacity C.size_t, count *C.size_t) error {
		status := C.trm_rules_scan(r.handle, start(data), C.size_t(len(data)), matches, capacity, count, &detail)
		runtime.KeepAlive(r)
		return check(status, &detail)
	})
}

// Close ends the rules. Engines that loaded them keep what they need.
func (r *Rules) Close() {
	C.trm_rules_destroy(r.handle)
	r.handle = nil
}

// start is where a slice begins; nil for an empty one.
func start(data []byte) unsafe.Pointer {
	if len(data) == 0 {
		return nil
	}
	return unsafe.Pointer(&data[0])
}

// growing calls scan again with more room where there was too little.
func growing(scan func(matches *C.trm_match, capacity C.size_t, count *C.size_t) error) ([]Match, error) {
	room := make([]Match, 64)
	for {
		var count C.size_t
		err := scan((*C.trm_match)(unsafe.Pointer(&room[0])), C.size_t(len(room)), &count)
		if err != nil && int(count) > len(room) {
			room = make([]Match, count)
			continue
		}
		if err != nil {
			return nil, err
		}
		return room[:count:count], nil
	}
}
