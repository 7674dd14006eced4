package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// serialSyncs appends 2 KB and makes that safe with fdatasync, over and over, and returns how often a second that went.
func serialSyncs(dir string, length time.Duration) (rate float64, err error) {
	file, err := os.OpenFile(filepath.Join(dir, "serial"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	record := make([]byte, 2048)
	count, start := 0, time.Now() //nolint:forbidigo // measures, and is no part
	for time.Since(start) < length {
		if _, err := file.Write(record); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		count++
	}
	return float64(count) / time.Since(start).Seconds(), nil
}
