//go:build trommel_dlopen

package trommel

// #cgo LDFLAGS: -ldl
// #cgo CFLAGS: -I${SRCDIR}/../../include
// #include <stdlib.h>
// #include "dlopen.h"
import "C"

import (
	"errors"
	"unsafe"
)

// Load opens the shared library, "libtrommel.so.0" where path is empty. It has to succeed before
// anything else of this package is used; until then every call answers Unsupported.
func Load(path string) error {
	if path == "" {
		path = "libtrommel.so.0"
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if why := C.trm_go_load(name); why != nil {
		return errors.New("trommel: " + C.GoString(why))
	}
	if err := checkABI(); err != nil {
		Unload()
		return err
	}
	return nil
}

// Unload closes the library again. Engines and rules must be closed before.
func Unload() {
	C.trm_go_unload()
}
