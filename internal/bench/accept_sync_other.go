//go:build !linux

package main

import (
	"errors"
	"time"
)

// serialSyncs needs fdatasync.
func serialSyncs(string, time.Duration) (float64, error) {
	return 0, errors.New("the durable accept is measured on Linux only")
}
