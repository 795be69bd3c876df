package trommel

// #include <trommel.h>
import "C"

import (
	"fmt"
	"math"
)

// Status is the answer of a call as libtrommel gives it. It is an error, so that errors.Is works:
//
//	if errors.Is(err, trommel.QueueFull) { ... }
type Status int32

// The statuses. Those above 0 are answers, those below 0 errors.
const (
	OK          Status = C.TRM_OK
	Pending     Status = C.TRM_PENDING
	Timeout     Status = C.TRM_TIMEOUT
	Empty       Status = C.TRM_EMPTY
	Taken       Status = C.TRM_TAKEN
	QueueFull   Status = C.TRM_QUEUE_FULL
	ArenaFull   Status = C.TRM_ARENA_FULL
	Truncated   Status = C.TRM_TRUNCATED
	Cancelled   Status = C.TRM_CANCELLED
	Null        Status = C.TRM_ERR_NULL
	Invalid     Status = C.TRM_ERR_INVALID
	BadHandle   Status = C.TRM_ERR_HANDLE
	OutOfRange  Status = C.TRM_ERR_RANGE
	NoRules     Status = C.TRM_ERR_NO_RULES
	BadTicket   Status = C.TRM_ERR_TICKET
	SmallBuffer Status = C.TRM_ERR_BUFFER
	BadPattern  Status = C.TRM_ERR_PATTERN
	OverLimit   Status = C.TRM_ERR_LIMIT
	BadFormat   Status = C.TRM_ERR_FORMAT
	Unsupported Status = C.TRM_ERR_UNSUPPORTED
	DeviceError Status = C.TRM_ERR_DEVICE
	NoMemory    Status = C.TRM_ERR_MEMORY
	Closed      Status = C.TRM_ERR_CLOSED
	Forked      Status = C.TRM_ERR_FORKED
	Panic       Status = C.TRM_ERR_PANIC
	IOError     Status = C.TRM_ERR_IO
)

// Error is the library's sentence for the status.
func (s Status) Error() string {
	return C.GoString(C.trm_status_string(C.trm_status(s)))
}

// Error is a failure with the library's own words. errors.Is finds its Status in it.
type Error struct {
	Status Status
	// Pattern is the index of the pattern that is meant, -1 where none is.
	Pattern int
	// PatternID is that pattern's id.
	PatternID uint32
	// Offset is where in the pattern, or in serialised rules.
	Offset  uint64
	Message string
}

func (e *Error) Error() string {
	message := e.Message
	if message == "" {
		message = e.Status.Error()
	}
	if e.Pattern >= 0 {
		return fmt.Sprintf("trommel: pattern %d, offset %d: %s", e.Pattern, e.Offset, message)
	}
	return "trommel: " + message
}

// Unwrap gives the Status.
func (e *Error) Unwrap() error { return e.Status }

// CompileError has all that is wrong with a set of patterns, in their order.
type CompileError []*Error

func (e CompileError) Error() string {
	if len(e) == 1 {
		return e[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", e[0].Error(), len(e)-1)
}

// Unwrap gives the first error.
func (e CompileError) Unwrap() error { return e[0] }

func newDetail() C.trm_error {
	var detail C.trm_error
	detail.struct_size = C.sizeof_trm_error
	return detail
}

func fromDetail(status C.trm_status, detail *C.trm_error) *Error {
	e := &Error{Status: Status(status), Pattern: -1}
	if detail.code != 0 {
		e.Offset = uint64(detail.byte_offset)
		e.Message = C.GoString(&detail.message[0])
		if detail.pattern_index != math.MaxUint32 {
			e.Pattern = int(detail.pattern_index)
			e.PatternID = uint32(detail.pattern_id)
		}
	}
	return e
}

// check turns a status into nil or an error; answers above 0 are errors too, for calls that give nothing then.
func check(status C.trm_status, detail *C.trm_error) error {
	if status == C.TRM_OK {
		return nil
	}
	if detail != nil {
		return fromDetail(status, detail)
	}
	return Status(status)
}
