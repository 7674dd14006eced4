package app

// OpenFiles is how many files a process may have open, or 0.
func OpenFiles() uint64 { return openFiles() }
