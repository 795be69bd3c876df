//go:build !trommel_dlopen

package trommel

// #cgo pkg-config: trommel
// #include <trommel.h>
import "C"
