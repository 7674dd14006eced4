package main

import (
	"fmt"
	"syscall"
	"time"
)

// cpuTime is what this process has used of the processors, garbage collection and the kernel's work for it included.
func cpuTime() (time.Duration, error) {
	process, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0, fmt.Errorf("ask for the process: %w", err)
	}
	var created, ended, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(process, &created, &ended, &kernel, &user); err != nil {
		return 0, fmt.Errorf("ask for the CPU time: %w", err)
	}
	const ticks = 100 * time.Nanosecond
	return time.Duration(int64(kernel.HighDateTime)<<32+int64(kernel.LowDateTime)+int64(user.HighDateTime)<<32+int64(user.LowDateTime)) * ticks, nil
}
