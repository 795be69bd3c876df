//go:build trommel_dlopen

package trommel

import (
	"errors"
	"os"
	"testing"
)

func loadForTests() error { return Load(os.Getenv("TROMMEL_LIBRARY")) }

func TestLoadUnloadAndLoadAgain(t *testing.T) {
	for i := 0; i < 3; i++ {
		// As tests of their own, so that what they made is closed before the library is.
		if !t.Run("loaded", TestStream) {
			return
		}
		Unload()
		if _, err := Compile(nil, nil); !errors.Is(err, Unsupported) {
			t.Error("compiled without a library:", err)
		}
		if err := Load("/nowhere/libtrommel.so.0"); err == nil {
			t.Error("loaded what is not there")
		}
		if err := loadForTests(); err != nil {
			t.Fatal(err)
		}
	}
}
