//go:build !unix

package app

// openFiles is 0: no such limit is known here.
func openFiles() uint64 { return 0 }

// mayWrite is true: it cannot be told here without writing.
func mayWrite(string) bool { return true }

// isFileAbove is false: such a path does not exist here.
func isFileAbove(error) bool { return false }

// checkPrivate finds nothing: modes of files tell nothing here.
func checkPrivate(string) error { return nil }

// checkOthers finds nothing: modes of files tell nothing here.
func checkOthers(string) error { return nil }

// closeToOthers has nothing to do: what a user makes here is for that user, as the directory above it says.
func closeToOthers(string, string) error { return nil }
