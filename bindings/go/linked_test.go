//go:build !trommel_dlopen

package trommel

func loadForTests() error { return nil }
