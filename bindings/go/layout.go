package trommel

// #include <trommel.h>
import "C"

import "unsafe"

// Results are written by C into Go's own structs: these do not compile where the layouts differ.
var (
	_ [C.sizeof_trm_match - unsafe.Sizeof(Match{})]byte
	_ [unsafe.Sizeof(Match{}) - C.sizeof_trm_match]byte
	_ [C.sizeof_trm_completion - unsafe.Sizeof(Completion{})]byte
	_ [unsafe.Sizeof(Completion{}) - C.sizeof_trm_completion]byte
)
